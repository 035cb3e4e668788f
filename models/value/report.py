"""The forward test of the value model as a report: figures, deciles, and a picture of predicted against paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.files import atomic_folder, atomic_path, rounded, write_json, write_text
from models.evaluation import metrics
from models.value.at_stake import Z95, write_value
from models.value.judging import Outcomes, Tested, Valued, bins_of, n_draws

Plain = dict[str, Any]
COLOURS = {"trailing": "#8d8d8d", "gamma_gamma": "#c8553d", "tweedie": "#0b6e4f"}
DECILE_COLUMNS = ("candidate", "group", "decile", "n_rows", "predicted", "paid", "paid_low", "paid_high", "bias")
CRITERION = "Tweedie deviance, power 1.5, in units of the mean paid: the simplest within one standard error of the best"


def figures(tested: Tested) -> Plain:
    """Each candidate's figures by group, with 95 % intervals over customers; undefined ones are null."""
    return {
        kind: {
            group: {name: _with_ends(value, tested.drawn[kind][group][name]) for name, value in values.items()}
            for group, values in groups.items()
        }
        for kind, groups in tested.plain.items()
    }


def _with_ends(value: float, drawn: np.ndarray[Any, np.dtype[np.float64]]) -> Plain:
    low, high = metrics.interval(drawn)
    return {name: end if np.isfinite(end) else None for name, end in (("value", value), ("low", low), ("high", high))}


def decile_table(outcomes: Outcomes) -> pd.DataFrame:
    """One bin by prediction of one candidate in one group a row: means a customer (store currency), `bias` a share.

    The interval of `paid` is of the mean over customers, each of whom may stand in the bin at several cutoffs.
    """
    rows = [
        _bin_record(kind, group, number, outcomes, places[bins == number])
        for kind, predicted in outcomes.predicted.items()
        for group in ("kept", "lapsed")
        for places in [np.flatnonzero(outcomes.rows_of(group))]
        for bins in [bins_of(predicted[places])]
        for number in range(int(bins.max(initial=-1)) + 1)
    ]
    return pd.DataFrame(rows, columns=list(DECILE_COLUMNS)).round(4)


def _bin_record(
    kind: str, group: str, number: int, outcomes: Outcomes, places: np.ndarray[Any, np.dtype[np.int64]]
) -> tuple[str | int | float, ...]:
    paid, predicted = outcomes.paid[places], float(outcomes.predicted[kind][places].mean())
    mean = float(paid.mean())
    errors = np.bincount(pd.factorize(outcomes.customer[places])[0], paid - mean) / len(paid)
    half = Z95 * float(np.sqrt(errors @ errors))
    bias = predicted / mean - 1.0 if mean > 0 else float("nan")
    return kind, group, number + 1, len(places), predicted, mean, max(mean - half, 0.0), mean + half, bias


def report(valued: Valued) -> Plain:
    """`value.json`: which candidate scores and why, the test's cutoffs and every figure."""
    model = valued.model
    said: Plain = {"chosen": model.shape.kind if model.n_rows else "unmeasured", "n_rows": model.n_rows}
    said["level"] = {"paid_if_kept": model.level.kept, "paid_if_lapsed": model.level.lapsed}
    if valued.tested is None:
        return rounded({**said, "why_untested": valued.why})  # type: ignore[no-any-return]
    tested = valued.tested
    kept_miss, lapsed_miss = tested.misses()
    return rounded(  # type: ignore[no-any-return]
        {
            **said,
            "criterion": CRITERION,
            "intervals": f"95 %, {n_draws(len(tested.outcomes.paid))} resamples of customers",
            "fitted_on": [day.isoformat() for day in tested.fold.fit],
            "judged_on": [day.isoformat() for day in tested.fold.judge],
            "days_between": tested.fold.label_days,
            "n_judged_rows": len(tested.outcomes.paid),
            "n_judged_lapsed": int(tested.outcomes.lapsed.sum()),
            "miss_by_decile": {"kept": kept_miss, "lapsed": lapsed_miss},
            "candidates": figures(tested),
        }
    )


def write_values(model_folder: str | Path, report_folder: str | Path, valued: Valued) -> None:
    """Write the value model, and the report of the forward test that chose it."""
    write_value(model_folder, valued.model)
    write_value_report(report_folder, valued)


def write_value_report(folder: str | Path, valued: Valued) -> None:
    """Write `value.json` and `deciles.csv`, and `deciles.png` where something was tested."""
    with atomic_folder(folder) as draft:
        write_json(draft / "value.json", report(valued))
        table = pd.DataFrame(columns=list(DECILE_COLUMNS))
        if valued.tested is not None:
            table = decile_table(valued.tested.outcomes)
            draw(table, draft / "deciles.png", valued.tested)
        write_text(draft / "deciles.csv", table.to_csv(index=False, lineterminator="\n"))


def draw(table: pd.DataFrame, path: Path, tested: Tested) -> None:
    """Mean paid against mean predicted by decile, every candidate a line; on the dotted line all is as predicted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.4, 4.6), dpi=110)
    sides = figure.subplots(1, 2)
    for axes, (group, rows) in zip(sides, table.groupby("group", sort=True), strict=False):
        _draw_group(axes, rows)
        axes.set(xlabel="predicted, mean a customer", ylabel="paid, mean a customer (95 % intervals)")
        axes.set_title(f"if {group}", fontsize=10, loc="left")
    first, last = tested.fold.judge[0], tested.fold.judge[-1]
    figure.suptitle(f"Paid in the value horizon, by tenths of the prediction; cutoffs {first} to {last}", fontsize=10)
    with atomic_path(path) as target:
        figure.savefig(target, format="png", bbox_inches="tight", metadata={"Software": None})


def _draw_group(axes: Any, rows: pd.DataFrame) -> None:
    top = float(max(rows["predicted"].max(), rows["paid_high"].max()))
    axes.plot([0, top], [0, top], color="#8d8d8d", linestyle=":", linewidth=1)
    for kind, line in rows.groupby("candidate", sort=False):
        spread = np.abs([line["paid"] - line["paid_low"], line["paid_high"] - line["paid"]])
        axes.errorbar(
            line["predicted"], line["paid"], yerr=spread, marker="o", capsize=3, color=COLOURS[str(kind)], label=kind
        )
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
