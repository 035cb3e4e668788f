"""The crew: results in order, never too many at once, one line for what goes wrong, and the place from outside."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from distributed import KilledWorker

from contracts import executor
from contracts.errors import ExecutorError, ParameterError
from contracts.executor import Crew, crew_of, placed
from contracts.params import Execution

HERE = Execution(seed=1, threads=1)


def squared(number: int) -> int:
    return number * number


def test_one_process_works_lazily() -> None:
    done: list[int] = []
    found = Crew().map(done.append, range(3))
    next(found)
    assert done == [0]


def test_results_come_in_the_tasks_order_and_few_tasks_are_ahead() -> None:
    lock, taken, given, most = threading.Lock(), 0, 0, 0

    def tasks():
        nonlocal given, most
        for number in range(50):
            with lock:
                given += 1
                most = max(most, given - taken)
            yield number

    with ThreadPoolExecutor(4) as pool:
        found = []
        for result in Crew(pool, ahead=6).map(squared, tasks()):
            found.append(result)
            taken += 1
    assert found == [number * number for number in range(50)]
    assert most <= 7


def test_processes_do_the_same_work() -> None:
    with crew_of(HERE.model_copy(update={"workers": 2}), {}) as crew:
        assert list(crew.map(squared, range(9))) == [number * number for number in range(9)]
        assert crew.pool is not None


def test_what_a_task_raises_is_raised() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(ZeroDivisionError):
        list(Crew(pool, 2).map(lambda number: 1 // number, range(3)))


def test_the_environment_takes_the_place_of_the_parameters() -> None:
    said = {"REGULARS_EXECUTOR": "dask", "REGULARS_SCHEDULER": "tcp://host:8786", "REGULARS_WORKERS": "3"}
    place = placed(HERE, said)
    assert (place.executor, place.scheduler, place.workers) == ("dask", "tcp://host:8786", 3)
    assert placed(HERE, {"REGULARS_WORKERS": ""}) == HERE


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"REGULARS_EXECUTOR": "spark"}, "expected REGULARS_EXECUTOR local or dask"),
        ({"REGULARS_WORKERS": "0"}, "a whole number from 1, got REGULARS_WORKERS=0"),
        ({"REGULARS_EXECUTOR": "dask"}, "expected the scheduler's address"),
    ],
)
def test_a_place_that_is_not_allowed_is_one_line(said: dict[str, str], words: str) -> None:
    with pytest.raises(ParameterError, match=words), crew_of(HERE, said):
        pass


def test_a_worker_with_other_code_refuses() -> None:
    """Other code would give other results."""
    checked = executor._Checked(squared, executor.code_digest())
    assert checked(3) == 9
    assert checked.__name__ == "squared"
    with pytest.raises(ExecutorError, match="expected workers with the code and libraries of this process"):
        executor._Checked(squared, "another")(3)


def test_a_task_that_killed_its_workers_is_one_line_with_what_to_change() -> None:
    given_up: Future[int] = Future()
    given_up.set_exception(KilledWorker("score-7", SimpleNamespace(address="tcp://worker:1"), 3))
    with pytest.raises(ExecutorError, match="the cluster gave a task up after its workers had died") as caught:
        executor._result(given_up)
    assert "give workers more memory, or take more buckets" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_scheduler_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "CONNECT_SECONDS", "1s")
    place = HERE.model_copy(update={"executor": "dask", "scheduler": "tcp://127.0.0.1:9"})
    with pytest.raises(ExecutorError, match="expected a Dask scheduler at"), crew_of(place, {}):
        pass
