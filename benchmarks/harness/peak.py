"""The peak: how many float32 multiply-adds a second this machine can do, by a program of C++."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("peak.cpp")


class Peak:
    """The compiled program. `measure` between rounds; the greatest rate seen is the peak.

    The rate is of whole threads at the clock that the machine grants them at that moment, so the
    greatest of many is the limit that a step is held against.
    """

    def __init__(self, folder: Path) -> None:
        self.best: dict[int, float] = {}  # threads -> FLOP/s
        self.reason = ""
        self._program = folder / "peak"
        compiler = shutil.which(os.environ.get("CXX", "c++")) or shutil.which("g++")
        if compiler is None:
            self.reason = "no C++ compiler"
            return
        flags = ["-O2", "-std=c++20", "-march=native", "-ffp-contract=fast", "-pthread"]
        done = subprocess.run(
            [compiler, *flags, str(SOURCE), "-o", str(self._program)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            self.reason = f"{compiler} could not compile {SOURCE.name}: {done.stderr[:300]}"

    def measure(self, *threads: int) -> None:
        """Measure once for each number of threads."""
        if self.reason:
            return
        for count in threads:
            done = subprocess.run(
                [str(self._program), str(count)], capture_output=True, text=True, check=True
            )
            self.best[count] = max(self.best.get(count, 0.0), float(done.stdout) * 1e9)
