"""How a stage runs: its parameters, its progress line, and a user's mistake as one line with an exit code."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pyarrow as pa

from contracts.errors import RegularsError
from contracts.executor import Crew, crew_of
from contracts.params import Params

Main = Callable[[Sequence[str] | None], None]
VARIABLE = "REGULARS_LOG"
"""`json`: every line of progress is one object, for programs."""


def run_stage(name: str, main: Main) -> None:
    """Run a stage as a process: say when it is done and how long it took; exit with the error's code."""
    started, cpu_started = time.perf_counter(), time.process_time()
    try:
        main(None)
    except RegularsError as error:
        line(name, str(error), is_error=True)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        line(name, disk_trouble(error), is_error=True)
        raise SystemExit(RegularsError.exit_code) from None
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    line(name, f"done in {wall_s:.1f} s ({cpu_s:.1f} s CPU)", wall_s=round(wall_s, 3), cpu_s=round(cpu_s, 3))


def give_back() -> None:
    """Give back what Arrow and C's library hold of freed tables: between large steps, where peaks add up."""
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim is not None:
        trim(0)


def crew_at_hand(params: Params) -> AbstractContextManager[Crew]:
    """Who works on a stage's pieces: a place, on which no result hangs, and so no parameter that DVC would watch."""
    return crew_of(params.execution)


def disk_trouble(error: OSError) -> str:
    """One line for what the system would not do: no space, no permission, a file in a folder's place."""
    return f"the system refused {error.filename or 'a file'}: {error.strerror or error}; mend that and run again"


def say(stage: str, text: str) -> None:
    """One line of progress."""
    line(stage, text)


def is_structured() -> bool:
    """Whether every line is an object."""
    return os.environ.get(VARIABLE, "").strip().lower() == "json"


def line(source: str, text: str, *, is_error: bool = False, **numbers: float) -> None:
    """Print a line at once; errors go to standard error. `numbers` stand in the object alone."""
    if is_structured():
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        told = {"at": at, "level": "error" if is_error else "info", "source": source, "text": text, **numbers}
        said = json.dumps(told, ensure_ascii=False)
    else:
        said = f"regulars: {source}: {text}" if is_error else f"  {source}: {text}"
    print(said, file=sys.stderr if is_error else sys.stdout, flush=True)


def passed_on(source: str, text: str) -> None:
    """A line of another program: wrapped as one of ours, unless a stage of ours has done that."""
    if text.startswith('{"at": '):
        print(text, flush=True)
    elif text.strip():
        line(source, text.strip())
