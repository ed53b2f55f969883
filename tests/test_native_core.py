"""The compiled core itself: what it finds, what it refuses, how the environment governs it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
import pytest

from zerokara import errors, native

ROOT = Path(__file__).resolve().parents[1]

needs_core = pytest.mark.skipif(not native.available, reason=f"native core: {native.reason}")


@needs_core
@pytest.mark.native
class TestCore:
    def test_the_best_instruction_set_is_chosen_by_features(self):
        has = native.cpu_features()
        wide = ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"]
        runs = {
            "baseline": not has["neon"],
            "avx2": has["avx2"] and has["fma"],
            "avx512": all(has[f] for f in wide),
            "neon": has["neon"],
        }
        assert native.isas()
        assert set(native.isas()) <= {name for name, can in runs.items() if can}
        if "ZEROKARA_ISA" not in os.environ:
            assert native.isa() == native.isas()[-1]

    @pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="no /proc/cpuinfo to compare")
    def test_features_are_those_that_the_kernel_reports(self):
        flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if flags is None:
            pytest.skip("/proc/cpuinfo lists no x86 flags")
        reported = set(flags[1].split())
        has = native.cpu_features()
        del has["neon"]
        assert has == {name: name in reported for name in has}

    def test_an_unknown_instruction_set_is_refused(self):
        before = native.isa()
        with pytest.raises(errors.ArgumentError, match=r"'mmx' cannot be used here.*can run: \w+"):
            native.set_isa("mmx")
        assert native.isa() == before

    def test_threads_follow_threadpoolctl(self):
        threadpoolctl = pytest.importorskip("threadpoolctl")
        assert native.max_threads() >= 1
        with threadpoolctl.threadpool_limits(1, user_api="openmp"):
            assert native.max_threads() == 1

    def test_the_extension_itself_refuses_what_it_would_have_to_convert(self):
        core = native._core
        good = {
            "source": np.ones((4, 3), np.uint8),
            "indices": np.array([1, 2]),
            "out": np.zeros((2, 3), np.float32),
            "scale": 1.0,
        }
        core.gather_rows(**good)
        for name, bad in [
            ("source", np.ones((4, 3), np.int32)),
            ("source", np.ones(4, np.uint8)),
            ("indices", np.array([1, 2], np.int32)),
            ("indices", np.arange(4)[::2]),
            ("out", np.zeros((3, 2), np.float32).T),
            ("out", np.zeros((2, 3), np.float16)),
        ]:
            with pytest.raises(TypeError, match="incompatible function arguments"):
                core.gather_rows(**{**good, name: bad})
        with pytest.raises(ValueError, match="out must have shape"):
            core.gather_rows(**{**good, "out": np.zeros((3, 3), np.float32)})
        with pytest.raises(ValueError, match="side by side"):
            core.gather_rows(**{**good, "source": np.ones((4, 6), np.uint8)[:, ::2]})
        with pytest.raises(IndexError, match=r"indices\[1\] is 4"):
            core.gather_rows(**{**good, "indices": np.array([0, 4])})

    def test_the_stub_names_all_that_the_extension_has(self):
        stub = ast.parse((ROOT / "src/zerokara/_core.pyi").read_text("utf-8"))
        named = {
            node.name for node in stub.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        assert named == {name for name in dir(native._core) if not name.startswith("_")}

    def test_no_function_of_one_instruction_set_can_replace_anothers(self):
        """An inline function under a shared name would be merged: old CPUs would crash on it."""
        if shutil.which("nm") is None:
            pytest.skip("nm is not installed")
        libraries = [
            lib
            for isa in ("baseline", "avx2", "avx512", "neon")
            for lib in ROOT.glob(f"build/cp*/libzk_{isa}.a")
        ]
        if not libraries:
            pytest.skip("no build folder here: the core was built elsewhere")
        for library in libraries:
            isa = library.stem.removeprefix("libzk_")
            done = subprocess.run(
                ["nm", "-C", "--defined-only", "--extern-only", str(library)],
                capture_output=True,
                text=True,
                check=True,
            )
            symbols = re.findall(r"^[0-9a-f]+ [A-Zuvw] (.+)$", done.stdout, re.MULTILINE)
            assert symbols
            assert [s for s in symbols if f"zk::{isa}::" not in s] == []


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    flags = ["-S"] if sys.flags.no_site else []
    return subprocess.run(
        [sys.executable, *flags, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


SHOW = "from zerokara import native as n; print(n.available, n.isa(), n.reason)"


@pytest.mark.parametrize("off", ["0", "false", "OFF"])
def test_the_environment_turns_the_core_off(off):
    done = run_python(SHOW, ZEROKARA_NATIVE=off)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("False numpy turned off by ZEROKARA_NATIVE=")


def test_an_unknown_wish_is_refused():
    done = run_python(SHOW, ZEROKARA_NATIVE="perhaps")
    assert done.returncode == 1
    assert "ArgumentError: ZEROKARA_NATIVE is 'perhaps'" in done.stderr


@needs_core
@pytest.mark.native
def test_the_environment_chooses_the_instruction_set():
    for name in native.isas():
        done = run_python(SHOW, ZEROKARA_ISA=name)
        assert done.stdout == f"True {name} \n", done.stderr
    done = run_python(SHOW, ZEROKARA_ISA="sse9")
    assert done.returncode == 1
    assert "ArgumentError: ZEROKARA_ISA: instruction set 'sse9' cannot be used" in done.stderr


def test_an_extension_that_cannot_be_loaded_is_not_silent(tmp_path):
    package = tmp_path / "zerokara"
    package.mkdir()
    for name in ("native.py", "_types.py", "errors.py"):
        shutil.copy(Path(native.__file__).parent / name, package)
    (package / "__init__.py").touch()
    (package / f"_core{EXTENSION_SUFFIXES[0]}").write_bytes(b"not a library")
    # Instances on the meta path serve editable installs, which would find the good one first.
    first = "import sys; sys.meta_path[:] = [f for f in sys.meta_path if isinstance(f, type)]\n"
    done = run_python(f"{first}sys.path.insert(0, {str(tmp_path)!r})\n{SHOW}", ZEROKARA_NATIVE="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("False numpy built, but it cannot be loaded: ")
    assert "RuntimeWarning: the native core of zerokara is built, but" in done.stderr
