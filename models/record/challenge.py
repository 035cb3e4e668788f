"""Champion against challenger as recipes: the champion's is fitted anew on the challenger's own training cutoffs.

So neither has seen later data than the other, and both are judged on rows that neither was fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts import tables, windows
from contracts.errors import ContractError
from contracts.files import read_json
from contracts.fit_sample import read_fit_sample
from contracts.params import Params
from models.candidate import NO_MODEL, read_release
from models.evaluation.figures import Judged
from models.recipe.refit import is_same, refit
from models.record.comparison import CHALLENGER, CHAMPION, compare, sentence, verdict
from models.record.comparison_page import Comparison
from models.record.pairing import SAME, released_rows
from models.risk import Floats
from models.rows import read_rows, read_snapshots

NOTHING = "nothing to compare"


@dataclass(frozen=True)
class Tables:
    """Where the challenger's judged rows stand."""

    snapshots: Path
    features: Path
    predictions: Path
    baselines: Path
    cutoffs: Path


def challenge(candidate: Path, champion: Path, at: Tables, params: Params) -> Comparison:
    """The candidate's bundle against the champion's, on the candidate's test cutoffs."""
    new, old = read_release(candidate), read_release(champion)
    why = _why_nothing(new, old)
    if new["grade"] == NO_MODEL:
        return Comparison(NOTHING, f"Nothing to compare: {why}.")
    judged_p = released_rows(at.predictions, at.baselines, str(new["name"]))
    if why:
        return Comparison(NOTHING, f"Nothing to compare: {why}.", champion_hash=old["model_hash"])
    differing = differences(old["params"], new["params"])
    keys = judged_p[list(tables.FEATURE_KEYS)]
    try:
        p = judged_p["p_lapse"].to_numpy() if is_same(old, new) else _champions(old, at, keys, params)
    except ContractError as error:
        said = "No verdict: the champion's recipe cannot be fitted on this run's features."
        return Comparison(NOTHING, said, str(error), differences=differing, champion_hash=old["model_hash"])
    judged = Judged(
        keys,
        judged_p["lapsed"].to_numpy(dtype=bool),
        pd.factorize(judged_p["customer_id"])[0].astype(np.int64),
        windows.day_numbers(judged_p["cutoff_on"]),
        {CHAMPION: p, CHALLENGER: judged_p["p_lapse"].to_numpy()},
        params.task.label_days,
        read_fit_sample(read_json(at.cutoffs)),
    )
    found = compare(judged, params.evaluate, params.execution.seed)
    tolerance = params.register_.max_log_loss_loss
    said = SAME if is_same(old, new) else verdict(found, tolerance)
    why = f"{_where_from(old, new)}{_had_seen(old, judged)}"
    told = sentence(found, said, tolerance) if said != SAME else _same(differing)
    return Comparison(said, told, why, found, judged, differing, old["model_hash"])


def _why_nothing(new: Mapping[str, Any], old: Mapping[str, Any]) -> str:
    if NO_MODEL in (new["grade"], old["grade"]):
        return "there is no model on one side"
    if "recipe" not in old:
        return "the champion was registered without its recipe"
    if new["model_hash"] == old["model_hash"]:
        return "the candidate is the champion"
    return ""


def _same(differing: Mapping[str, Any]) -> str:
    beyond = [name for name in differing if name.split(".")[0] not in ("register", "evaluate", "execution")]
    if not beyond:
        return "The challenger is the champion's recipe, fitted anew: nothing in it differs."
    named = ", ".join(beyond[:3])
    return (
        f"The challenger is the champion's recipe on other data or features ({named}): both sides see the new ones "
        "here, so what that changed is not measured."
    )


def _had_seen(old: Mapping[str, Any], judged: Judged) -> str:
    """A word of warning where the champion's choices had seen labels of the judged weeks."""
    chosen_on = old["recipe"].get("chosen_on")
    first = windows.day_of(int(judged.cutoffs[0]))
    if chosen_on is None or not windows.is_later(date.fromisoformat(chosen_on), first):
        return ""
    return (
        f" Beware: the champion's calibration and parameters were chosen on labels known on {chosen_on}, after the "
        f"first judged cutoff ({first}): it has an advantage here."
    )


def _where_from(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    return (
        f"Champion: {old['name']} (grade {old['grade']}, {old['model_hash'][:12]}). Challenger: {new['name']} "
        f"(grade {new['grade']}, {new['model_hash'][:12]}). Both are fitted as recipes on the challenger's cutoffs."
    )


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The parameters that differ: the champion's value and the challenger's."""
    names = sorted({*old, *new})
    return {name: (old.get(name, "–"), new.get(name, "–")) for name in names if old.get(name) != new.get(name)}


def _champions(release: Mapping[str, Any], at: Tables, judged: pd.DataFrame, params: Params) -> Floats:
    flags = ("in_test_fit", "is_test")
    snapshots = read_snapshots(at.snapshots, *flags)
    fit, test = (read_rows(at.features, snapshots, flag, params.train.under_contact) for flag in flags)
    windows.refuse_overlap(fit.cutoffs, test.cutoffs, params.task.label_days)
    if not test.frame[list(tables.FEATURE_KEYS)].reset_index(drop=True).equals(judged):
        raise ContractError("the judged rows are not the snapshot's test rows; run `dvc repro` first")
    return np.round(refit(release, fit, params.execution).predict(test.frame), 6)
