"""The documentation is true: its code runs and prints what it shows, its names and links exist."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
import typer
from test_imports import ARROWS

import zerokara as zk
from zerokara import native
from zerokara.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += sorted(DOCS.rglob("*.md"))

SCREEN = 40
"""Lines of a screen: what README must show before a reader scrolls."""

# Where a file that a page names may lie, and those that only a run directory holds.
FOLDERS = ("", "src/zerokara", "src/native", "tests", "docs")
OF_A_RUN = {"model.safetensors", "history.json", "config.json", "curve.png", "net.safetensors"}

# What of a program is the machine's: its instruction set, and the panels of that width.
OF_A_MACHINE = re.compile(r"kernels for \w+|packed weights [\d,]+ bytes")

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[-+]?\d+)?")

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="a source package without docs/")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shown(code: str) -> list[str]:
    """What a block says that its prints print."""
    return re.findall(r"^ *print\(.*\)  # (.+)$", code, re.MULTILINE)


def agree(expected: str, printed: str) -> bool:
    """Whether a line is as shown; a number with decimals may differ by 1 in the last one shown."""
    if " ".join(NUMBER.sub("#", expected).split()) != " ".join(NUMBER.sub("#", printed).split()):
        return False
    for wanted, got in zip(NUMBER.findall(expected), NUMBER.findall(printed), strict=True):
        decimals = len(wanted.partition(".")[2].partition("e")[0])
        if abs(float(wanted) - float(got)) > (10.0**-decimals if decimals else 0):
            return False
    return True


def programs(page: Path) -> list[tuple[str, str]]:
    """The code blocks of a page that print a program, each with the program that follows it."""
    text = page.read_text(encoding="utf-8")
    pair = r"^```python\n((?:(?!```).)*?)^```\n\n```text\n(.*?)^```$"
    return re.findall(pair, text, re.MULTILINE | re.DOTALL)


PROGRAMS = [pair for page in PAGES for pair in programs(page)]
PYTHON = [
    (page, code)
    for page in PAGES
    for code in blocks(page, "python")
    if code not in [printing for printing, _ in PROGRAMS]
]


@pytest.mark.parametrize(
    ("page", "code"), PYTHON, ids=[f"{page.name}-{i}" for i, (page, _) in enumerate(PYTHON)]
)
def test_a_block_runs_and_prints_what_it_shows(
    page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "zk.search" in code:
        pytest.importorskip("optuna", reason="searching needs optuna")
        monkeypatch.chdir(tmp_path)  # it leaves a folder
    if "interop.onnx" in code:
        pytest.importorskip("onnx", reason="ONNX files need the package onnx")
        monkeypatch.chdir(tmp_path)  # it leaves a file
    if "zerokara.sklearn" in code:
        pytest.importorskip("sklearn.base", reason="zerokara.sklearn needs scikit-learn")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, str(page), "exec"), {"__name__": "__main__"})
    printed, expected = out.getvalue().splitlines(), shown(code)
    assert len(printed) == len(expected), (printed, expected)
    wrong = [pair for pair in zip(expected, printed, strict=True) if not agree(*pair)]
    assert not wrong, wrong


@pytest.mark.skipif(not native.available, reason=f"the core is {native.reason}")
@pytest.mark.parametrize(("code", "program"), PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_program_is_the_one_that_is_shown(code: str, program: str) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "a page", "exec"), {"__name__": "__main__"})
    assert OF_A_MACHINE.sub("", out.getvalue()) == OF_A_MACHINE.sub("", program)


def test_a_page_shows_a_program() -> None:
    assert PROGRAMS


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("0.96", "0.9638888", True),
        ("0.96", "0.94", False),
        ("715", "715", True),
        ("715", "714", False),
        ("[6. 8.]", "[6. 8.]", True),
        ("[6. 8.]", "[6. 9.]", False),
        ("['W1', 'b1']", "['W1', 'b2']", False),
        ("True", "False", False),
        ("2.2 110", "2.2", False),
    ],
)
def test_the_comparison_sees_a_difference(expected: str, printed: str, same: bool) -> None:
    assert agree(expected, printed) is same


def test_readme_says_what_matters_on_one_screen() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = "\n".join(text.splitlines()[:SCREEN])
    for needed in ("make train", "make test", '<img src="docs/img/digits.png"'):
        assert needed in first
    network = blocks(ROOT / "README.md", "python")[0]
    assert network in first + "\n"
    assert len(network.split("\n\n", 1)[1].splitlines()) <= 10
    example = (ROOT / "examples" / "first_network.py").read_text(encoding="utf-8")
    without_results = re.sub(r"  # .*", "", network)
    assert example.endswith(without_results)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    lost = [
        link
        for link in links
        if not link.startswith(("https://", "#"))
        and not (page.parent / link.partition("#")[0]).exists()
    ]
    assert not lost


@each_page
def test_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for dotted in re.findall(r"\bzk((?:\.[A-Za-z_]\w*)+)", text):
        value = zk
        for name in dotted.split(".")[1:]:
            assert hasattr(value, name), f"zk{dotted}"
            value = getattr(value, name)
    for file in re.findall(r"`([\w./-]+\.(?:py|md|toml|hpp|cpp|txt|json|png))`", text):
        there = [folder for folder in FOLDERS if (ROOT / folder / file).exists()]
        assert there or file in OF_A_RUN, file


@each_page
def test_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    code = "\n".join(blocks(page, "console") + re.findall(r"`([^`\n]+)`", text))
    words = set(
        re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    )
    assert set(re.findall(r"^make ([a-z][a-z0-9-]*)", code, re.MULTILINE)) <= words
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for line in re.findall(r"^zerokara ([a-z].*)$", code, re.MULTILINE):
        command, _, rest = line.partition("#")[0].partition(" ")
        assert command in commands, line
        known = {option for param in commands[command].params for option in param.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, line


def test_the_arrows_on_the_page_are_those_that_are_held() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE)
    drawn = {room: set(re.findall(r"`(\w+)`", others)) for room, others in rows}
    held = {room: others for room, others in ARROWS.items() if not room.startswith("_")}
    differ = {room for room in drawn | held if drawn.get(room) != held.get(room)}
    assert not differ, f"docs/architecture.md and ARROWS differ in {sorted(differ)}"
