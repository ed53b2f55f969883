"""`zerokara info`, `--help`, `--version`, and how fast they come."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

import zerokara as zk
from zerokara import native
from zerokara.cli import main
from zerokara.cli.info import cgroup_quota


def lines(capsys, *words: str) -> list[str]:
    assert main(words) == 0
    return capsys.readouterr().out.splitlines()


def test_info_says_what_is_here(capsys):
    found = dict(line.split(": ", 1) for line in lines(capsys, "info"))
    assert found["zerokara"] == zk.__version__
    assert found["python"].startswith(platform.python_version())
    assert found["numpy"] == np.__version__
    assert found["digits"] == "comes with zerokara"
    assert int(found["threads"]) >= 1
    assert found["native"] == native.isa() if native.available else "none (" in found["native"]


def test_info_as_json_holds_the_same(capsys):
    found = json.loads("\n".join(lines(capsys, "info", "--json")))
    assert found["zerokara"] == zk.__version__
    assert found["data"]["digits"] == "comes with zerokara"
    assert {"matplotlib", "pillow"} <= set(found["packages"])


def test_info_finds_data(capsys, monkeypatch, mnist_root):
    monkeypatch.setenv("ZEROKARA_DATA", str(mnist_root))
    assert f"mnist: {mnist_root}" in lines(capsys, "info")


def test_info_says_how_to_get_data(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("ZEROKARA_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform != "linux":
        pytest.skip("the cache lies elsewhere")
    [line] = [x for x in lines(capsys, "info") if x.startswith("mnist: ")]
    assert "not found: zerokara train mnist downloads it" in line


def test_info_survives_a_wrong_data_folder(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("ZEROKARA_DATA", str(tmp_path / "nowhere"))
    [line] = [x for x in lines(capsys, "info") if x.startswith("mnist: ")]
    assert "not usable" in line


def test_without_the_core_info_says_why():
    done = subprocess.run(
        [sys.executable, "-m", "zerokara", "info"],
        env=os.environ | {"ZEROKARA_NATIVE": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert "native: none (turned off by ZEROKARA_NATIVE=0" in done.stdout


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "garbage"}, None),
        ({}, None),
    ],
)
def test_cgroup_quota(tmp_path, files, quota):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cgroup_quota(tmp_path) == quota


def test_version(capsys):
    assert lines(capsys, "--version") == [f"zerokara {zk.__version__}"]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(capsys, words):
    text = "\n".join(lines(capsys, *words))
    assert all(f"\n  {command} " in text for command in ("train", "predict", "info"))


def test_help_of_train_has_examples(capsys):
    text = " ".join(" ".join(lines(capsys, "train", "--help")).split())
    assert "zerokara train mnist --epochs 20 --optimizer adam" in text
    assert "[default: as suits the data]" in text


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from zerokara.cli import main; main(['--help']); heavy = "
        "{'zerokara.data', 'zerokara.training', 'zerokara.interop', 'matplotlib', 'PIL', 'pooch', "
        "'safetensors'} & set(sys.modules); sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
