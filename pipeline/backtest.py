"""`regulars backtest`: replay past weeks, judge each list by what happened, write the report, show it."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.params import Params, Task
from models.evaluation import backtest
from models.evaluation.backtest_report import RIVAL_WORDS, write_backtest
from models.record.run_record import MODEL
from pipeline.inbox import WAVES_FOLDER, read_waves
from pipeline.replay import Replayed, Say, open_shop, outcomes, replay, weeks_to_replay
from serving.terminal import NOTHING, percent

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

Plain = dict[str, Any]
COLUMNS = ("week", "scored", "lapsed", "AUC", "log loss", "bias", "hits", "lift", "margin lost", "profit", "same")


def run_backtest(root: Path, params: Params, n_weeks: int, every_weeks: int, say: Say) -> Plain:
    """Replay and judge `n_weeks` past weeks of the project in `root`; write `reports/backtest/` and return it all.

    Raises:
        TimeError: the history is too short, with how many weeks it allows.
    """
    shop = open_shop(root / "data" / "events", params, root / "trials", read_waves(root / WAVES_FOLDER))
    weeks = weeks_to_replay(shop, n_weeks, every_weeks)
    tables: dict[str, pd.DataFrame] = {}
    records: list[Plain] = []
    started = time.process_time()
    for one in replay(shop, weeks, say):
        rows = backtest.week_rows(one.scores, one.features, outcomes(shop, one.cutoff), one.listed)
        before = tables.get((one.cutoff - timedelta(weeks=1)).isoformat())
        records.append(backtest.judge_week(rows, before, one.fitted, params.evaluate, params.execution.seed))
        tables[one.cutoff.isoformat()] = rows
        say(f"{progress(one, records[-1], params.store.currency)} ({time.process_time() - started:.0f} s CPU so far)")
    found = told(records, list(tables.values()), every_weeks, params)
    write_backtest(root / "reports" / "backtest", found)
    return found


def told(records: list[Plain], weeks: list[pd.DataFrame], every_weeks: int, params: Params) -> Plain:
    """The whole report as plain data."""
    return {
        "every_weeks": every_weeks,
        "list_size": params.publish.list_size,
        "judged_by": judged_by(params.task),
        "value_horizon_days": params.task.value_horizon_days,
        "currency": params.store.currency,
        "terms": dict(backtest.terms_told(params.evaluate, params.store.currency)),
        "overall": backtest.judge_all(
            weeks, records, params.evaluate, params.execution.seed, label_days=params.task.label_days
        ),
        "weeks": records,
    }


def judged_by(task: Task) -> str:
    """Which days a list is judged by."""
    if task.label == "flat":
        return f"the {task.horizon_days} days after each Monday"
    return f"each customer's own horizon, {task.horizon_days} to {task.max_horizon_days} days from the Monday"


def progress(one: Replayed, record: Plain, currency: str) -> str:
    """One line a week."""
    model = f"{one.fitted.name} (grade {one.fitted.grade})" if one.fitted.model else f"no model: {one.fitted.why}"
    found = f"{record['n_listed']} listed, {percent(record['precision'] or 0.0)} lapsed"
    return f"{one.cutoff}: {model}; {record['n_scored']:,} scored; {found}; worth {record['profit']:,.0f} {currency}"


def table_of(found: Plain) -> Table:
    """The weeks as a table, their mean last."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, title=heading(found), title_justify="left", title_style="", padding=(0, 1, 0, 0))
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "week" else "right", no_wrap=True)
    for record in found["weeks"]:
        table.add_row(*cells(record, record["cutoff_on"]))
    table.add_section()
    table.add_row(*cells(found["overall"], "mean"))
    return table


def heading(found: Plain) -> str:
    """What the table shows, and in which units."""
    return (
        f"{found['overall']['n_weeks']} past weeks as if live; lists of {found['list_size']}, judged by "
        f"{found['judged_by']}.\nhits: listed who lapsed; margin lost: their value at stake, "
        f"{found['currency']}; profit: {found['currency']} expected of contacting the list; same: also on the list "
        "of the week before"
    )


def cells(record: Plain, name: str) -> tuple[str, ...]:
    """One row of the table."""
    n_weeks = record.get("n_weeks", 1)
    lost = f"{record['margin_lost']:,.0f} ({_as(record['share_of_margin_lost'], '.0%')})"
    return (
        name,
        f"{record['n_scored'] / n_weeks:,.0f}",
        _as(record["lapse_rate"], ".1%"),
        _as(record.get("auc"), ".3f"),
        _as(record.get("log_loss"), ".3f"),
        _as(record.get("bias"), "+.3f"),
        _as(record["precision"], ".1%"),
        _as(record["lift"], ".2f"),
        lost,
        _as(record["profit"], ",.0f"),
        _as(record["overlap_with_week_before"], ".0%"),
    )


def _as(value: float | None, how: str) -> str:
    return NOTHING if value is None else format(value, how)


def sentences(found: Plain) -> list[str]:
    """What all weeks say together, with intervals, and what the figures assume."""
    overall, currency = found["overall"], found["currency"]
    models = [str(week["released"]) for week in found["weeks"]]
    passed = models.count(MODEL)
    said = [f"the gate passed in {passed} of {len(models)} weeks; what it released: {', '.join(sorted(set(models)))}"]
    for name, words in (("auc", "AUC"), ("log_loss", "log loss"), ("bias", "bias (predicted less observed)")):
        if overall.get(name) is not None:
            reach = overall["by_week"][name]
            said.append(
                f"{words} {_with_ends(overall, name, '.3f')}; by week {reach['low']:.3f} ({reach['low_on']}) to "
                f"{reach['high']:.3f} ({reach['high_on']})"
            )
    for rival, words in RIVAL_WORDS.items():
        gains = {name: _with_ends(overall, f"{name}_gain_over_{rival}", "+,.0f") for name in ("margin_lost", "profit")}
        said.append(
            f"against a list {words}, {currency} a week: margin lost found {gains['margin_lost']}, "
            f"profit {gains['profit']}"
        )
    return [*said, *(f"{name.replace('_', ' ')}: {found['terms'][name]}" for name in ("margin_lost", "profit"))]


def _with_ends(record: Plain, name: str, how: str) -> str:
    low, high = record[f"{name}_low"], record[f"{name}_high"]
    ends = "" if low is None or high is None else f" [{low:{how}}, {high:{how}}]"
    return f"{record[name]:{how}}{ends}"
