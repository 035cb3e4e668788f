"""Two runs of the record against each other: whatever the record holds decides, nothing is fitted anew."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from contracts.errors import StateError, UnknownNameError
from contracts.files import read_table
from contracts.fit_sample import FitSample
from contracts.params import load_params
from models.record import registry, tracking
from models.record.challenge import NOTHING, differences
from models.record.champions import Place, place
from models.record.comparison import CHALLENGER, CHAMPION, compare, paired, sentence, verdict
from models.record.comparison_page import Comparison
from models.record.pairing import FIT_SHARE, ROWS_FILE, other_task

if TYPE_CHECKING:
    from models.record.tracking import Client

SHORT = 8
TITLE_LENGTH = 44


def compare_runs(root: Path, first: str, second: str) -> Comparison:
    """The second run against the first. Each is `champion`, `challenger`, a version (`3`), or how a run id begins.

    No verdict is given where the runs' task differs (label, population, cutoffs, judged rows): `why` says in what.

    Raises:
        UnknownNameError: no run is called so, or several are.
        StateError: a run holds no judged rows, or MLflow cannot be reached.
    """
    params, at = load_params(root / "params.yaml"), place(root)
    with tracking.session(root) as client, tempfile.TemporaryDirectory(prefix="regulars-") as into:
        runs = [_run(client, at, name) for name in (first, second)]
        titles = {side: _title(run) for side, run in zip((CHAMPION, CHALLENGER), runs, strict=True)}
        differing = differences(*(dict(run.data.params) for run in runs))
        why = other_task(*(run.data.tags for run in runs))
        if why:
            said = "No verdict: the runs are not of one task."
            return Comparison(NOTHING, said, f"They were {why}.", differences=differing, titles=titles)
        sample = FitSample(float(runs[1].data.tags.get(FIT_SHARE, 1.0)))
        tables = [_rows(run, Path(into) / str(number)) for number, run in enumerate(runs)]
    judged = paired(tables[0], tables[1], sample)
    found = compare(judged, params.evaluate, params.execution.seed)
    tolerance = params.register_.max_log_loss_loss
    said = verdict(found, tolerance)
    told = sentence(found, said, tolerance).replace("The challenger", "The second").replace("the champion", "the first")
    names = {CHAMPION: "first", CHALLENGER: "second"}
    return Comparison(said, told, "", found, judged, differing, titles=titles, names=names)


def _run(client: Client, at: Place, name: str) -> Any:
    if name in (registry.CHAMPION, registry.CHALLENGER):
        found = registry.at_alias(client, at.model, name)
        if found is None:
            raise StateError(f"there is no {name} yet; run `regulars run` first")
        return client.get_run(found.run_id)
    numbers = {str(one.number): one.run_id for one in registry.versions(client, at.model)}
    if name in numbers:
        return client.get_run(numbers[name])
    if not re.fullmatch(r"[0-9a-f]{1,32}", name):
        raise UnknownNameError(f"expected champion, challenger, a version or a run id, got '{name}'")
    experiment = tracking.experiment_id(client, at.experiment, at.root)
    runs = client.search_runs([experiment], max_results=tracking.MOST_RUNS)
    fitting = [run for run in runs if run.info.run_id.startswith(name)]
    if len(fitting) != 1:
        raise UnknownNameError(
            f"expected one run whose id begins with '{name}', found {len(fitting)}; see `make mlflow`"
        )
    return fitting[0]


def _title(run: Any) -> str:
    name = str(run.info.run_name)
    shown = name if len(name) <= TITLE_LENGTH else f"{name[: TITLE_LENGTH - 1]}…"
    return f"{shown} ({run.info.run_id[:SHORT]})"


def _rows(run: Any, into: Path) -> pd.DataFrame:
    path = tracking.download_file(run.info.run_id, f"{tracking.COMPARED_FOLDER}/{ROWS_FILE}", into)
    if path is None:
        raise StateError(f"run {run.info.run_id[:SHORT]} holds no judged rows; it was logged by an earlier version")
    return read_table(path)
