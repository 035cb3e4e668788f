"""Independent pieces of work, one after the other or in processes of their own; the results are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_all(work: Callable[[Task], Result], tasks: Iterable[Task], workers: int = 1) -> list[Result]:
    """`work` of each task, in the tasks' order. With more than one worker, `work` and tasks must be picklable."""
    listed = list(tasks)
    if workers <= 1 or len(listed) <= 1:
        return [work(task) for task in listed]
    with ProcessPoolExecutor(min(workers, len(listed)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, listed))
