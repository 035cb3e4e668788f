"""Independent pieces of work: one after the other, in processes of this machine, or on a Dask cluster.

Whichever does the work, the results are the same and come in the tasks' order: what is cut into tasks, and where, never
hangs on who works. So the place of execution is no parameter of any stage, and DVC reruns nothing when it changes.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module, metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from contracts.errors import ExecutorError, ParameterError
from contracts.params import Execution, Params

Task = TypeVar("Task")
Result = TypeVar("Result")
VARIABLES = {"executor": "REGULARS_EXECUTOR", "workers": "REGULARS_WORKERS", "scheduler": "REGULARS_SCHEDULER"}
"""What stands in the environment takes the place of `params.yaml`, so that a place can be chosen for one run."""
TASKS_A_WORKER = 2
CONNECT_SECONDS = "30s"
THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
COMPUTING = ("contracts", "events", "features", "models", "portraits", "offers")
LIBRARIES = ("lightgbm", "numba", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")


class Pending(Protocol):
    """Work given away: a future of `concurrent.futures`, or of Dask."""

    def result(self) -> Any:
        """What the work returned, or raises what it raised; waits for it."""

    def cancel(self) -> object:
        """Begin it no more, if it has not begun."""


class Pool(Protocol):
    """Who takes work: an executor of `concurrent.futures`, or a cluster's client."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Pending:
        """Give `fn(*args)` away."""


@dataclass(frozen=True)
class Crew:
    """Who does the work. Without a pool this process does it, one task after the other.

    At most `ahead` tasks are under way or wait to be taken, so that memory hangs on them and never on all results.
    """

    pool: Pool | None = None
    ahead: int = 1

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """`work` of each task, in the tasks' order; with a pool, `work`, tasks and results must be picklable.

        Raises:
            ExecutorError: workers died, or run other code than this process.
        """
        if self.pool is None:
            yield from map(work, tasks)
            return
        waiting: deque[Pending] = deque()
        try:
            for task in tasks:
                waiting.append(self.pool.submit(work, task))
                if len(waiting) >= self.ahead:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()


ALONE = Crew()


def _result(future: Pending) -> Any:
    try:
        return future.result()
    except BrokenProcessPool:
        raise ExecutorError(
            "a worker process was killed (mostly for want of memory); nothing half-made is in force; run again with "
            "fewer workers (execution.workers) or more buckets (ingest.n_buckets)"
        ) from None
    except Exception as error:
        if type(error).__name__ in {"KilledWorker", "FutureCancelledError"}:
            raise ExecutorError(
                f"the cluster gave a task up after its workers had died ({' '.join(str(error).split())[:200]}); "
                "nothing half-made is in force; give workers more memory, or take more buckets (ingest.n_buckets)"
            ) from None
        raise


@contextmanager
def crew_of(execution: Execution, environment: Mapping[str, str] | None = None) -> Iterator[Crew]:
    """The crew that `params.yaml` names, or the environment in its place; it goes home at the end.

    Raises:
        ParameterError: a place that is not allowed, or a cluster without the address of its scheduler.
        ExecutorError: no scheduler answers.
    """
    place = placed(execution, os.environ if environment is None else environment)
    if place.executor == "dask":
        with _cluster(place.scheduler) as crew:
            yield crew
    elif place.workers == 1:
        yield ALONE
    else:
        with ProcessPoolExecutor(place.workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
            yield Crew(pool, TASKS_A_WORKER * place.workers)


def _one_thread() -> None:
    """Workers share the cores as processes: none of them starts threads of its own besides."""
    os.environ.update(dict.fromkeys(THREAD_COUNTS, "1") | {"OMP_WAIT_POLICY": "PASSIVE"})


def placed_params(params: Params) -> Params:
    """The parameters with the place of execution that the environment names, if it names one."""
    return params.model_copy(update={"execution": placed(params.execution, os.environ)})


def placed(execution: Execution, environment: Mapping[str, str]) -> Execution:
    """The parameters with what the environment says in their place."""
    given = {name: environment[key] for name, key in VARIABLES.items() if environment.get(key)}
    try:
        place = Execution.model_validate({**execution.model_dump(), **given})
    except ValueError as error:
        said = ", ".join(f"{VARIABLES[name]}={value}" for name, value in given.items())
        raise ParameterError(
            f"expected REGULARS_EXECUTOR local or dask and REGULARS_WORKERS a whole number from 1, got {said}"
        ) from error
    if place.executor == "dask" and not place.scheduler:
        raise ParameterError(
            "execution.executor is dask: expected the scheduler's address in execution.scheduler or "
            "REGULARS_SCHEDULER, as tcp://host:8786, found none"
        )
    return place


@contextmanager
def client_of(scheduler: str) -> Iterator[Any]:
    """A Dask client (distributed.Client); certificates and other settings come from Dask's own configuration.

    Raises:
        ExecutorError: no scheduler answers at the address.
    """
    distributed = import_module("distributed")
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ExecutorError(
            f"expected a Dask scheduler at {scheduler}, got no answer ({' '.join(str(error).split())[:120]}); "
            "start it, or set execution.executor: local"
        ) from error
    with client:
        yield client


@contextmanager
def workers_of(execution: Execution, n_workers: int) -> Iterator[tuple[Any, list[str]]]:
    """A Dask client and the addresses of so many workers, in order: of the cluster, or processes begun here.

    Raises:
        ExecutorError: the cluster has fewer workers, or its scheduler does not answer.
    """
    if execution.executor == "dask":
        with client_of(execution.scheduler) as client:
            yield client, _addresses(client, n_workers)
        return
    distributed = import_module("distributed")
    local = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": None, "memory_limit": 0}
    with distributed.LocalCluster(**local) as cluster, client_of(cluster.scheduler_address) as client:
        client.wait_for_workers(n_workers)
        yield client, _addresses(client, n_workers)


def _addresses(client: Any, n_workers: int) -> list[str]:
    found = sorted(client.nthreads())
    if len(found) < n_workers:
        raise ExecutorError(
            f"expected {n_workers} workers to share a fit (train.n_machines), got {len(found)}; start more of them"
        )
    return found[:n_workers]


@contextmanager
def _cluster(scheduler: str) -> Iterator[Crew]:
    with client_of(scheduler) as client:
        n_threads = sum(client.nthreads().values())
        yield Crew(_SameCode(client, code_digest()), max(TASKS_A_WORKER * n_threads, TASKS_A_WORKER * 4))


@dataclass(frozen=True)
class _SameCode:
    """A cluster whose workers refuse tasks unless they run this process's code: other code would give other results.

    Dask's own futures are asked, and not `Client.get_executor`: that one takes a result for an error when the worker
    that had brought it dies a moment later.
    """

    client: Any
    digest: str

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Pending:
        """As `Pool.submit`; equal work given twice is done twice."""
        pending: Pending = self.client.submit(_Checked(fn, self.digest), *args, pure=False)
        return pending


@dataclass(frozen=True)
class _Checked(Generic[Result]):
    """Work that is done only where the code is the same; under the work's own name in Dask's dashboard."""

    work: Callable[..., Result]
    digest: str

    @property
    def __name__(self) -> str:
        inner = getattr(self.work, "func", self.work)
        return str(getattr(inner, "__name__", type(inner).__name__)).strip("_")

    def __call__(self, *args: Any, **kwargs: Any) -> Result:
        if code_digest() != self.digest:
            raise ExecutorError(
                "expected workers with the code and libraries of this process, got others; install the same commit "
                "and lock on every worker"
            )
        return self.work(*args, **kwargs)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """SHA-256 over the rooms that compute and the releases of the libraries that do."""
    root, total = Path(__file__).parent.parent, hashlib.sha256()
    for path in sorted(path for room in COMPUTING for path in (root / room).rglob("*.py")):
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for library in LIBRARIES:
        total.update(f"{library} {metadata.version(library)}\0".encode())
    return total.hexdigest()
