"""How a stage runs: its parameters, its progress line, and a user's mistake as one line with an exit code."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from contracts.errors import RegularsError

Main = Callable[[Sequence[str] | None], None]


def run_stage(name: str, main: Main) -> None:
    """Run a stage as a process: say when it is done and how long it took; exit with the error's code."""
    started, cpu_started = time.perf_counter(), time.process_time()
    try:
        main(None)
    except RegularsError as error:
        print(f"regulars: {name}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        print(f"regulars: {name}: {disk_trouble(error)}", file=sys.stderr)
        raise SystemExit(RegularsError.exit_code) from None
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    print(f"  {name}: done in {wall_s:.1f} s ({cpu_s:.1f} s CPU)", flush=True)


def disk_trouble(error: OSError) -> str:
    """One line for what the system would not do: no space, no permission, a file in a folder's place."""
    return f"the system refused {error.filename or 'a file'}: {error.strerror or error}; mend that and run again"


def say(stage: str, text: str) -> None:
    """One line of progress."""
    print(f"  {stage}: {text}", flush=True)
