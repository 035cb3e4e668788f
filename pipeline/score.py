"""Stage `score`: the champion's view of the scored week: risk, reasons, value at stake."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from contracts import tables
from contracts.files import read_json, rounded, write_json, write_table
from contracts.params import load_params
from contracts.windows import read_days
from events.store import read_before
from models.bundle import load_model
from models.candidate import NO_MODEL, VALUE_FOLDER, read_release
from models.leaving import READ_BY_LEAVING, fit_leaving
from models.redemption import fit_redemption, sent_rows
from models.rows import eligible_rows, horizons, read_rows, read_snapshots
from models.scoring import Champion, score, score_by_rules
from models.value.at_stake import load_value
from pipeline.stage import crew_at_hand, run_stage, say

SECTIONS = ("store", "task", "score")


def main(argv: Sequence[str] | None = None) -> None:
    """Score every eligible customer, and explain those with the highest expected loss."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("events", "snapshots", "cutoffs", "features", "champion", "value", "scores", "redemption"):
        arguments.add_argument(name)
    paths = arguments.parse_args(argv)
    params = load_params()
    release = read_release(Path(paths.champion))
    snapshots = read_snapshots(paths.snapshots, "is_scored", "is_previous", "in_release_fit")
    own = Path(paths.champion) / VALUE_FOLDER
    value = load_value(own if own.is_dir() else paths.value)  # a champion goes live with its own
    now = eligible_rows(paths.features, snapshots, "is_scored")
    if release["grade"] == NO_MODEL:
        frame = score_by_rules(now, value, store=params.store, task=params.task)
        said = "no model, so no probability: bands by each customer's own rhythm"
    else:
        champion = Champion(load_model(paths.champion), release["model_hash"], release["grade"])
        before = eligible_rows(paths.features, snapshots, "is_previous", only=champion.model.features)
        rows = read_rows(paths.features, snapshots, "in_release_fit", only=READ_BY_LEAVING)
        leaving = fit_leaving(rows.frame, rows.lapsed, horizons(rows.frame, snapshots))
        share_left = None if leaving is None else leaving.share_left(now, horizons(now, snapshots))
        with crew_at_hand(params) as crew:
            scored = partial(score, now, before, champion, value, store=params.store, params=params.score)
            frame = scored(share_left=share_left, crew=crew)
        loss = frame["expected_loss"].sum()
        said = f"expected loss {loss:,.0f} {params.store.currency} of margin in {params.task.value_horizon_days} days"
    days, zone = read_days(read_json(paths.cutoffs)), params.store.time_zone
    contacts, answers = (read_before(Path(paths.events), x, days["scored"][0], zone) for x in ("contacts", "responses"))
    cutoffs = sorted({*days["release"], *days["test"]})
    redemption = fit_redemption(sent_rows(paths.features, contacts, answers, cutoffs, days["scored"][0]))
    frame = frame.assign(redeem_odds=redemption.odds(now))
    write_json(paths.redemption, rounded(redemption.told))
    write_table(paths.scores, frame, tables.SCORES)
    at_risk = int((frame["risk_band"] == "high").sum())
    say("score", f"{len(frame):,} customers, {at_risk:,} at high risk; {said}")


if __name__ == "__main__":
    run_stage("score", main)
