"""The pictures of docs/pictures.md are those that are drawn today."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import zerokara as zk

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "make_graphs.py"
IMAGES = ROOT / "docs" / "img"

pytestmark = pytest.mark.skipif(not IMAGES.is_dir(), reason="a source package without docs/")


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_graphs", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_todays():
    pictures = tool().PICTURES
    page = (ROOT / "docs" / "pictures.md").read_text("utf-8")
    assert pictures
    for name, make in pictures.items():
        assert (IMAGES / name).read_text("utf-8") == zk.draw(make()).svg, (
            f"{name} has changed: look at it, and run tools/make_graphs.py"
        )
        assert f"img/{name}" in page
