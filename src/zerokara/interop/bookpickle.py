"""The weights that were published with *Deep Learning from Scratch*, as pickles.

`load` gives the dictionary of arrays and runs nothing that is in the file; how is said in
`zerokara.models.unpickler`. A model of `zerokara.models` takes them by `net.load_params(path)`.
"""

from __future__ import annotations

from zerokara.models.weights import read_pickle as load

__all__ = ["load"]
