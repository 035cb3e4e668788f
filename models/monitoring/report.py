"""All checks of a week, and `monitor.json`: what was asked, what was found, and the figures behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from contracts import windows
from contracts.files import rounded
from contracts.params import Monitor
from models.monitoring.checks import ALERT, Check, Plain, counts, judged, undecided
from models.monitoring.drift import DRIFTED, MOVED, Sample, drifts, why_not
from models.monitoring.lists import overlaps, turnover
from models.monitoring.live import Lived, figures, live_figures
from models.monitoring.sampling import SCORE, Watched

N_NAMED = 5
SCORE_EDGES = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True)
class Observed:
    """What the checks look at. `lists` are the customers on each earlier published list, `this_list` this week's."""

    scored: date
    data_end: date
    champion: Watched
    sample: Sample
    lived: Lived
    waiting: Mapping[str, str]
    lists: Mapping[date, Collection[str]]
    this_list: Collection[str]
    test: Mapping[str, Any]


def monitor(seen: Observed, params: Monitor, seed: int) -> Plain:
    """`monitor.json`: plain data, rounded, without customers."""
    why = why_not(seen.sample, params)
    moved = None if why else drifts(seen.sample, params)
    release = seen.champion.release
    recent = recent_rows(seen.lived, release["model_hash"], params)
    pooled = figures(recent, params.n_bootstrap, seed) if len(recent.weight) else None
    checks = [
        *drift_checks(moved, why, seen.scored, params),
        *live_checks(pooled, sorted(set(recent.week)), seen, params),
        turnover(seen.lists, seen.this_list, seen.scored, params),
        age_check(seen.champion, seen.scored, params),
    ]
    told: Plain = {
        "scored_on": seen.scored.isoformat(),
        "data_end": seen.data_end.isoformat(),
        "champion": {"model_hash": release["model_hash"], "name": release["name"], "grade": release["grade"]},
        "alerts": [check.code for check in checks if check.status == ALERT],
        "counts": counts(checks),
        "checks": [check.plain() for check in checks],
        "drift": {} if moved is None else drift_told(seen.sample, moved),
        "recent": pooled,
        "live": live_figures(seen.lived, release["model_hash"], params, seed),
        "waiting": dict(seen.waiting),
        "overlaps": {
            day.isoformat(): value for day, value in overlaps({**seen.lists, seen.scored: seen.this_list}).items()
        },
    }
    return rounded(told)  # type: ignore[no-any-return]


def drift_checks(moved: pd.DataFrame | None, why: str, scored: date, params: Monitor) -> list[Check]:
    """Features together, and the score by itself."""
    on = scored.isoformat()
    if moved is None:
        return [undecided(code, why, on) for code in ("DRIFT_FEATURE", "DRIFT_SCORE")]
    is_score = moved["column"] == SCORE
    return [
        _drift_check("DRIFT_FEATURE", moved[~is_score], on, params),
        _drift_check("DRIFT_SCORE", moved[is_score], on, params),
    ]


def _drift_check(code: str, rows: pd.DataFrame, on: str, params: Monitor) -> Check:
    drifted = rows.loc[rows["verdict"] == DRIFTED]
    n_moved = int((rows["verdict"] == MOVED).sum())
    named = ", ".join(f"{name} ({psi:.2f})" for name, psi in drifted[["column", "psi"]].head(N_NAMED).to_numpy())
    more = f" and {len(drifted) - N_NAMED} more" if len(drifted) > N_NAMED else ""
    found = f"{len(drifted)} of {len(rows)} columns drifted{': ' + named if named else ''}{more}"
    what = f"{found}; {n_moved} moved less (PSI from {params.psi_drifted:g} and {params.psi_moved:g})"
    return judged(code, len(drifted) > 0, what, number=float(len(drifted)), threshold=1.0, on=on)


def drift_told(sample: Sample, moved: pd.DataFrame) -> Plain:
    """The columns, largest first, with what they were compared on, and both histograms of the score."""
    before, now = np.concatenate([week[:, -1] for week in sample.reference]), sample.present[:, -1]
    shares = {name: np.histogram(p, SCORE_EDGES)[0] / max(len(p), 1) for name, p in (("before", before), ("now", now))}
    return {
        "first_on": windows.day_of(int(sample.days[0])).isoformat(),
        "last_on": windows.day_of(int(sample.days[-1])).isoformat(),
        "n_cutoffs": len(sample.days),
        "n_customers": sample.n_customers,
        "n_rows_now": len(sample.present),
        "columns": moved.astype(object).where(moved.notna(), None).to_dict("records"),
        "score_shares": {name: share.tolist() for name, share in shares.items()},
    }


def recent_rows(rows: Lived, model_hash: str, params: Monitor) -> Lived:
    """The champion's rows in its latest `n_live_weeks` matured weeks."""
    own = rows.of(np.array([bool(version) and model_hash.startswith(version) for version in rows.version], dtype=bool))
    return own.of(np.isin(own.week.astype(str), sorted(set(own.week.astype(str)))[-params.n_live_weeks :]))


def live_checks(pooled: Plain | None, weeks: list[str], seen: Observed, params: Monitor) -> list[Check]:
    """Calibration and ranking of the champion's matured weeks, if there are enough outcomes of each kind."""
    on = seen.scored.isoformat()
    n, n_lapsed = (pooled["n_rows"], pooled["n_lapsed"]) if pooled else (0, 0)
    if n < params.min_rows or min(n_lapsed, n - n_lapsed) < params.min_outcomes or pooled is None:
        counted = f"{n} matured rows of customers left alone, {n_lapsed} lapsed"
        why = f"{counted}; expected {params.min_outcomes} of each outcome"
        first = min(seen.waiting.values(), default="")
        wait = (
            f"wait: the next published week matures on {first}"
            if first
            else "publish weeks, and wait for their outcomes"
        )
        return [undecided(code, why, on, wait) for code in ("CALIBRATION", "RANKING")]
    where = f"{weeks[0]} to {weeks[-1]}, {n:,} rows of customers left alone"
    return [calibration_check(pooled, where, on, params), ranking_check(pooled, where, on, seen.test, params)]


def calibration_check(pooled: Plain, where: str, on: str, params: Monitor) -> Check:
    """An alert if the error is above the floor, and above what a perfectly calibrated model would show."""
    error, bias, perfect = (pooled[name] for name in ("calibration_error", "bias", "calibration_error_if_perfect_high"))
    threshold = max(params.calibration_floor, perfect)
    what = f"calibration error {error:.3f} (a perfect model up to {perfect:.3f}), bias {bias:+.3f}; {where}"
    return judged("CALIBRATION", error > threshold, what, number=error, threshold=threshold, on=on)


def ranking_check(pooled: Plain, where: str, on: str, test: Mapping[str, Any], params: Monitor) -> Check:
    """An alert if the whole interval lies more than `max_auc_loss` below the test's AUC, or what these rows promise.

    The lower of the two counts: a release is measured on other weeks, whose customers may be easier to tell apart.
    """
    if test.get("auc_mean") is None or pooled["auc_high"] is None:
        return undecided("RANKING", "no AUC of the test cutoffs to compare with", on)
    threshold = min(test["auc_mean"], pooled["auc_promised"]) - params.max_auc_loss
    ends = f"{pooled['auc']:.3f} [{pooled['auc_low']:.3f}, {pooled['auc_high']:.3f}]"
    what = (
        f"AUC {ends}; test cutoffs {test['auc_mean']:.3f}, promised on these rows {pooled['auc_promised']:.3f}; {where}"
    )
    return judged("RANKING", pooled["auc_high"] < threshold, what, number=pooled["auc"], threshold=threshold, on=on)


def age_check(champion: Watched, scored: date, params: Monitor) -> Check:
    """Weeks from the champion's last label to the scored week."""
    on, known_on = scored.isoformat(), champion.known_on
    if champion.model is None or known_on is None:
        why = "there is no model" if champion.model is None else "the champion's files do not say when its labels end"
        return undecided("CHAMPION_OLD", why, on)
    weeks = (scored - known_on).days / windows.WEEK_DAYS
    what = f"labels known until {known_on}, {weeks:.0f} weeks before the scored Monday"
    oldest = float(params.max_champion_weeks)
    return judged("CHAMPION_OLD", weeks > oldest, what, number=weeks, threshold=oldest, on=on)
