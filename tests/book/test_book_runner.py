"""`zerokara book SCRIPT`: whose `common` it is, errors, figures and traps, as scripts meet them."""

from __future__ import annotations

import os
import sys
import textwrap

import pytest

from zerokara.book.finder import PACKAGES
from zerokara.cli import main


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Write a script into ch04 of a folder, and call `zerokara book` on it."""
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "ch04").mkdir()

    def run(code, *arguments, options=()):
        (tmp_path / "ch04" / "script.py").write_text(textwrap.dedent(code))
        return main(["book", *options, "ch04/script.py", *arguments])

    run.folder = tmp_path
    return run


def test_the_books_packages_are_ours(script, capsys):
    code = """
        import sys, os
        sys.path.append(os.pardir)
        from common.layers import *
        from common.optimizer import *
        from common.functions import softmax
        from common.multi_layer_net import MultiLayerNet
        import common.layers, common.util as util, dataset.mnist
        print(common.layers.__name__, common.layers.__spec__.name, util.__name__)
        print(isinstance(MultiLayerNet(2, [3], 2).layers["Affine1"], Affine), np.pi > 3)
    """
    assert script(code) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "zerokara.book.common.layers zerokara.book.common.layers " + (
        "zerokara.book.common.util"
    )
    assert out[1] == "True True"


def test_a_common_folder_beside_does_not_matter_but_for_what_we_lack(script, capsys):
    for folder in (script.folder / "common", script.folder / "ch04" / "common"):
        folder.mkdir()
        (folder / "__init__.py").write_text("raise RuntimeError('not this one')\n")
        (folder / "layers.py").write_text("raise RuntimeError('nor this one')\n")
    (script.folder / "common" / "mine.py").write_text(
        "from common.layers import Relu\nclass MyRelu(Relu):\n    pass\n"
    )
    code = """
        import sys, os
        sys.path.insert(0, os.path.abspath(os.pardir))
        sys.path[:0] = [os.curdir]
        from common.mine import MyRelu
        from common.layers import Relu
        print(issubclass(MyRelu, Relu), Relu.__module__)
        import common.nowhere
    """
    assert script(code) == 1
    said = capsys.readouterr()
    assert said.out == "True zerokara.book.common.layers\n"
    assert "No module named 'common.nowhere'" in said.err


def test_a_script_runs_in_its_folder_with_its_neighbours_and_arguments(script, capsys):
    (script.folder / "ch04" / "two_layer_net.py").write_text("NAME = 'mine'\n")
    (script.folder / "ch04" / "weights.txt").write_text("12")
    code = """
        import sys
        from pathlib import Path
        from two_layer_net import NAME
        print(NAME, Path("weights.txt").read_text(), sys.argv[1:], __name__)
    """
    before, places = set(sys.modules), list(sys.path)
    assert script(code, "--help", "-x", "3") == 0
    assert capsys.readouterr().out == "mine 12 ['--help', '-x', '3'] __main__\n"
    assert os.getcwd() == str(script.folder)
    assert sys.path == places
    left = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not left & {*PACKAGES, "two_layer_net"}


def test_an_error_is_shown_with_the_scripts_line(script, capsys):
    code = """
        def divide(a, b):
            return a / b

        divide(1, 0)
    """
    assert script(code) == 1
    said = capsys.readouterr().err
    assert 'script.py", line 5, in <module>' in said
    assert 'script.py", line 3, in divide' in said
    assert said.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "runpy" not in said
    assert "runner.py" not in said


def test_of_our_own_errors_only_the_scripts_lines_are_shown(script, capsys):
    code = """
        import numpy as np
        from common.layers import Convolution
        Convolution(np.zeros((4, 3, 3, 3)), np.zeros(4)).forward(np.zeros((2, 2, 5, 5)))
    """
    assert script(code) == 1
    said = capsys.readouterr().err
    assert 'script.py", line 4' in said
    assert "windows.py" not in said
    assert said.rstrip().endswith("filters (4, 3, 3, 3) do not fit images (2, 2, 5, 5)")


@pytest.mark.parametrize(
    ("code", "exit_code", "message"),
    [
        ("import sys; sys.exit(7)", 7, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit('enough')", 1, "enough"),
        ("print('a'", 1, "SyntaxError"),
        ("open('nowhere')", 1, "FileNotFoundError"),
    ],
)
def test_exit_codes(script, capsys, code, exit_code, message):
    assert script(code) == exit_code
    assert message in capsys.readouterr().err


def test_no_such_script_is_wrong_input(script, capsys):
    assert main(["book", "ch04/nowhere.py"]) == 2
    assert capsys.readouterr().err == "zerokara: ch04/nowhere.py: no such script\n"
    assert main(["book", "ch04"]) == 2
    assert "is a folder; name a script in it" in capsys.readouterr().err
    assert script("", options=["--out", "nowhere"]) == 2
    assert "--out nowhere: no such folder" in capsys.readouterr().err


def test_figures_are_saved_where_there_is_no_display(script, capsys):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    code = """
        import matplotlib.pylab as plt
        plt.plot([1, 2])
        plt.show()
        plt.figure()
        plt.figure()
        plt.show()
        print(plt.get_fignums())
    """
    assert script(code) == 0
    said = capsys.readouterr()
    paths = [script.folder / f"script-{number}.png" for number in (1, 2, 3)]
    assert said.err.splitlines() == [f"zerokara book: saved {path}" for path in paths]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert said.out == "[]\n"


def test_images_are_saved_in_the_folder_asked_for(script, capsys):
    pytest.importorskip("PIL", reason="images need Pillow")
    (script.folder / "pictures").mkdir()
    code = """
        import numpy as np
        from PIL import Image
        Image.fromarray(np.zeros((4, 4), np.uint8)).show()
    """
    assert script(code, options=["--out", "pictures"]) == 0
    path = script.folder / "pictures" / "script-1.png"
    assert capsys.readouterr().err == f"zerokara book: saved {path}\n"
    assert path.read_bytes().startswith(b"\x89PNG")


TRAPS = {
    "integers": (
        """
        import numpy as np
        from common.gradient import numerical_gradient
        print(numerical_gradient(lambda x: np.sum(x**2), np.array([3, 4])))
        """,
        "script.py, line 4: numerical_gradient got int64",
    ),
    "a column of labels": (
        """
        import numpy as np
        from common.functions import cross_entropy_error
        y = np.full((3, 2), 0.5)
        for _ in range(2):
            print(cross_entropy_error(y, np.array([[0], [1], [1]])))
        """,
        "script.py, line 6: labels of shape (3, 1) would pick 3 x 3 numbers",
    ),
    "a batch of one": (
        """
        import numpy as np
        from common.layers import BatchNormalization
        BatchNormalization(np.ones(2), np.zeros(2)).forward(np.ones((1, 2)))
        """,
        "script.py, line 4: batch normalization of a single sample",
    ),
    "what backward gives is dropped": (
        """
        import numpy as np
        from common.layers import Relu
        relu = Relu()
        relu.forward(np.array([-1.0, 1.0]))
        dout = np.ones(2)
        relu.backward(dout)
        print(dout)
        """,
        "script.py, line 7: what backward returns is dropped and dout is used again",
    ),
    "a layer's own backward writes": (
        """
        class MyRelu:
            def backward(self, dout):
                dout[self.mask] = 0
                return dout
        """,
        "script.py, line 4: MyRelu.backward changes the dout that it was given",
    ),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_told_once_in_one_line(script, capsys, trap):
    code, message = TRAPS[trap]
    assert script(code) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"zerokara book: {message}")


def test_a_neighbour_is_read_for_traps_too(script, capsys):
    (script.folder / "ch04" / "my_layers.py").write_text(
        "class A:\n    def backward(self, dout):\n        dout *= 2\n        return dout\n"
    )
    assert script("from my_layers import A") == 0
    assert "my_layers.py, line 3: A.backward changes" in capsys.readouterr().err


def test_what_is_no_trap_is_not_told(script, capsys):
    code = """
        import numpy as np
        from common.gradient import numerical_gradient
        from common.layers import Relu, SoftmaxWithLoss

        class MyRelu:
            def backward(self, dout):
                dout = dout.copy()
                dout[self.mask] = 0
                return dout

        relu = Relu()
        relu.forward(np.ones(2))
        dout = np.ones(2)
        relu.backward(dout)  # not read again before it is bound anew
        dout = relu.backward(np.ones(2))
        print(dout)
        numerical_gradient(lambda x: np.sum(x**2), np.array([3.0, 4.0]))
        SoftmaxWithLoss().forward(np.ones((1, 3)), np.array([[1]]))
    """
    assert script(code) == 0
    assert capsys.readouterr().err == ""
