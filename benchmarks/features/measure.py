"""What one process costs: CPU, wall and peak memory, its own children included."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

POLL_S = 0.01
KIB_PER_MB = 1024


@dataclass(frozen=True)
class Measured:
    """A process that ended: seconds of CPU (user and system) and wall, peak resident memory; `note` if it failed."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    note: str = ""

    @property
    def said(self) -> str:
        """In words."""
        return self.note or f"CPU {self.cpu_s:7.2f} s, wall {self.wall_s:7.2f} s, peak {self.peak_mb:6.0f} MB"


def measured(command: list[str], output: Path, timeout_s: float) -> Measured:
    """Run a command, its standard output into a file; killed after `timeout_s`."""
    began = time.perf_counter()
    with output.open("wb") as file, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=file, stderr=errors)  # noqa: S603
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        while not pid and time.perf_counter() - began < timeout_s:
            time.sleep(POLL_S)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        is_late = not pid
        if is_late:
            process.kill()
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        note = f"no result within {timeout_s:.0f} s" if is_late else _note(process.returncode, errors)
    wall_s = time.perf_counter() - began
    return Measured(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss / KIB_PER_MB, note)


def _note(code: int, errors: IO[bytes]) -> str:
    """'' for a process that ended well; else its last words."""
    if not code:
        return ""
    errors.seek(0)
    last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
    return f"ended with code {code}: {''.join(last)}"
