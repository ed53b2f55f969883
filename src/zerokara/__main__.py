"""``python -m zerokara``: the same as the command ``zerokara``."""

from __future__ import annotations

import sys

from zerokara.cli import main

if __name__ == "__main__":
    sys.exit(main())
