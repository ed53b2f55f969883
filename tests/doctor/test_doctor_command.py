"""`zerokara check` as its user sees it: verdicts, exit codes, and files that misbehave."""

from __future__ import annotations

import sys
from pathlib import Path

import book_layers
import pytest

from zerokara.cli import main

BOOK = Path(book_layers.__file__)

AFFINE = """
import numpy as np
class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = {db}
        return dout @ self.W.T
"""


def write(folder: Path, code: str, name: str = "layers.py") -> str:
    path = folder / name
    path.write_text(code, encoding="utf-8")
    return str(path)


def test_a_right_class_is_told_right(capfd, tmp_path: Path) -> None:
    file = write(tmp_path, AFFINE.format(db="dout.sum(axis=0)"))
    words = ["--input", "4x3", "--array", "W=3x5", "--array", "b=5"]
    assert main(["check", f"{file}:Affine", *words]) == 0
    told = capfd.readouterr()
    assert told.out.startswith("Affine: RIGHT (input 4x3, W 3x5, b 5)\n")
    assert "W            3x5    15     0" in told.out
    assert told.err == ""


def test_a_defect_is_told_with_its_cause(capfd, tmp_path: Path) -> None:
    file = write(tmp_path, AFFINE.format(db="dout.mean(axis=0)"))
    assert main(["check", file, "--input", "4x3"]) == 1
    out = capfd.readouterr().out
    assert out.startswith("Affine: WRONG")
    assert "cause: b: too small by the batch size, 4" in out
    assert "wrong: b at [" in out
    assert "the numerical derivative is" in " ".join(out.split())


def test_every_class_of_a_file_in_80_columns(capfd) -> None:
    assert main(["check", str(BOOK)]) == 0
    out = capfd.readouterr().out
    assert out.count(": RIGHT") == 14
    assert out.endswith("14 classes, 14 right\n")
    assert max(map(len, out.splitlines())) <= 80


CRASHES = {
    "while True:\n    pass": "endless loop",
    "class A:\n    def forward(self, x):\n        while True: pass\n"
    "    def backward(self, d): pass": ("endless loop"),
    "import sys; sys.exit(0)": "running the file raised SystemExit: 0",
    "import os; os._exit(0)": "ended itself with code 0",
    "import ctypes; ctypes.string_at(0)": "crashed (SIGSEGV)",
    "def f(:": "line 1: def f(:",
    "import zerokara_no_such": "ModuleNotFoundError",
    "1 / 0": "line 1: 1 / 0",
    "import sys; int(sys.argv[1])": "the check runs the file without arguments",
    "input('how many? ')": "without a keyboard",
    "from .functions import softmax": "put an empty __init__.py beside the file",
    "x = '\0'": "null bytes",
    "class A:\n    def forward(self, x): raise KeyboardInterrupt('no')\n"
    "    def backward(self, d): return d": "forward raised KeyboardInterrupt: no",
    "class A:\n    def forward(x): return x\n    def backward(self, d): return d": (
        "is self missing in its definition?"
    ),
    "class A:\n    def __init__(): pass\n    def forward(self, x): return x\n"
    "    def backward(self, d): return d": "A() cannot be made",
    "class A:\n    def forward(self, x): return x\n    def backward(self, d): return [[1], {}]": (
        "backward returned 2 gradients for 1 inputs"
    ),
    "class A:\n    def forward(self, x): return x\n    def backward(self, d): return 'dx'": (
        "the gradient of x is a str, expected an array"
    ),
    "class A:\n    def forward(self, x):\n        return x / self.nothing\n"
    "    def backward(self, d):\n        return d": "line 3: return x / self.nothing",
    "class A:\n    def forward(self, x):\n        return self.forward(x)\n"
    "    def backward(self, d):\n        return d": "RecursionError",
    "class A:\n    def __init__(self): import os; os._exit(7)\n"
    "    def forward(self, x): pass\n    def backward(self, d): pass": "with code 7",
}


@pytest.mark.hostile
@pytest.mark.skipif(sys.platform == "win32", reason="other words for a crash there")
@pytest.mark.parametrize("code", CRASHES)
def test_a_file_that_misbehaves_gets_a_verdict(code: str, capfd, tmp_path: Path) -> None:
    limit = "5" if "while" not in code else "3"
    assert main(["check", write(tmp_path, code), "--time-limit", limit]) == 1
    told = capfd.readouterr()
    assert "WRONG" in told.out
    assert CRASHES[code] in " ".join(told.out.split())
    assert "Traceback" not in told.out + told.err


@pytest.mark.hostile
def test_one_that_dies_does_not_take_the_others_along(capfd, tmp_path: Path) -> None:
    dies = "\nclass Dies:\n    def forward(self, x): import os; os._exit(3)\n"
    dies += "    def backward(self, dout): pass\n"
    right = AFFINE.format(db="dout.sum(axis=0)")
    assert main(["check", write(tmp_path, dies + right)]) == 1
    out = capfd.readouterr().out
    assert "Dies: WRONG" in out
    assert "Affine: RIGHT" in out


@pytest.mark.hostile
def test_what_the_file_prints_goes_to_stderr_and_has_an_end(capfd, tmp_path: Path) -> None:
    code = "print('hello')\nprint('x' * 5_000_000)\n" + AFFINE.format(db="dout.sum(axis=0)")
    assert main(["check", write(tmp_path, code)]) == 0
    told = capfd.readouterr()
    assert told.out.startswith("Affine: RIGHT")
    assert told.err.startswith("hello")
    assert len(told.err) < 100_000
    assert "is left out" in told.err


@pytest.mark.hostile
def test_a_defect_of_ours_is_no_verdict_on_the_user(tmp_path: Path, capfd, monkeypatch) -> None:
    # Broken in the child alone, by the user's file, which has no other way to reach our code.
    code = "import zerokara.check.taylor as ours\nours.STEPS = None\n"
    file = write(tmp_path, code + AFFINE.format(db="dout.sum(axis=0)"))
    assert main(["check", file]) == 2
    told = capfd.readouterr()
    assert "WRONG" not in told.out
    said = " ".join((told.out + told.err).split())
    assert "zerokara itself failed, with TypeError: 'NoneType' object is not iterable" in said
    assert "no verdict on your code" in said
    assert "Traceback" not in told.out + told.err


def test_a_file_of_a_package_may_import_from_beside_itself(capfd, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write(folder, "", "__init__.py")
    write(folder, "def twice(x):\n    return 2 * x\n", "functions.py")
    code = "from .functions import twice\nclass Twice:\n"
    code += "    def forward(self, x): return twice(x)\n"
    code += "    def backward(self, dout): return twice(dout)\n"
    assert main(["check", write(folder, code)]) == 0
    assert capfd.readouterr().out.startswith("Twice: RIGHT")


def test_networks_of_a_file_are_checked(capfd, tmp_path: Path) -> None:
    code = "import zerokara as zk\nclass Net(zk.Sequential):\n"
    code += "    def __init__(self, input_size):\n"
    code += "        super().__init__([zk.Affine(2)], input_size, loss=zk.SoftmaxWithLoss())\n"
    code += "net = zk.Sequential([zk.Affine(3), zk.ReLU(), zk.Affine(1)], 4)\n"
    file = write(tmp_path, code)
    assert main(["check", file]) == 0
    assert capfd.readouterr().out.startswith("Net: RIGHT (input 2x3)")
    assert main(["check", f"{file}:net", "--input", "5x4"]) == 0
    assert capfd.readouterr().out.startswith("net: RIGHT (input 5x4)")
    assert main(["check", f"{file}:net", "--input", "5x3"]) == 2
    assert capfd.readouterr().err == "zerokara: --input: net takes Nx4\n"


BOOK_LOSS = """
import numpy as np
class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y, self.t = e / e.sum(axis=1, keepdims=True), t
        return -np.log(self.y[np.arange(len(x)), t] + 1e-7).mean()
    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(dx)), self.t] -= 1
        return {dout} * dx / len(dx)
"""


def test_the_constant_in_the_logarithm_of_the_book_is_no_defect(capfd, tmp_path: Path) -> None:
    assert main(["check", write(tmp_path, BOOK_LOSS.format(dout="dout"))]) == 0
    out = " ".join(capfd.readouterr().out.split())
    assert "a constant such as 1e-7 inside the logarithm" in out


def test_the_loss_of_the_book_that_ignores_dout_is_told_so(capfd, tmp_path: Path) -> None:
    assert main(["check", write(tmp_path, BOOK_LOSS.format(dout="1"))]) == 1
    out = " ".join(capfd.readouterr().out.split())
    assert "cause: x: dout is ignored: backward is right where dout is 1" in out


NO_GUESS = "class A:\n    def __init__(self, zeta): pass\n    def forward(self, x): return x\n"

FIVE_AXES = "class Deep:\n    def forward(self, x):\n        a, b, c, d, e = x.shape\n"
FIVE_AXES += "        return x\n    def backward(self, dout): return dout\n"

USAGE = {
    ("nowhere.py",): "nowhere.py: no such file",
    ("{file}:Nothing",): "has no Nothing; it has Affine",
    ("{file}", "--input", "4y3"): "--input: '4y3' is no shape; write it as 4x3",
    ("{file}", "--array", "W"): "--array: expected NAME=..., got 'W'",
    ("{file}", "--target", "cats"): "--target: expected labels, onehot or values",
    ("{file}:Affine", "--value", "ratio=1"): "--value ratio: Affine() has no such parameter",
    ("{file}:Affine", "--input", "4x3", "--input", "4x3"): "Affine.forward takes 1: x",
    ("{open}",): "add --value zeta=VALUE if it is a number or a word, --array zeta=SHAPE",
    ("{deep}",): "Deep does not take the shapes that were guessed (input 4x3): forward raised",
    ("{file}:np",): "expected a class or an object with forward and backward, got a module",
    ("{file}", "--input", "100000x100000x100000"): "not enough memory",
    ("{empty}",): "holds no class with forward or backward",
}


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_bad_usage_is_one_line_that_tells_what_to_do(words, capfd, tmp_path: Path) -> None:
    files = {
        "file": write(tmp_path, AFFINE.format(db="dout.sum(axis=0)")),
        "open": write(tmp_path, NO_GUESS, "open_layers.py"),
        "deep": write(tmp_path, FIVE_AXES, "five_axes.py"),
        "empty": write(tmp_path, "x = 1\n", "empty.py"),
    }
    assert main(["check", *(word.format(**files) for word in words)]) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith("zerokara: ")
    assert USAGE[words] in told.err
    assert told.err.count("\n") == 1
