"""The measured rows as a readable page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.quality.results import Row
from benchmarks.quality.targets import verdicts
from benchmarks.quality.truth import BOUNDS
from models.learners.baselines import BASELINES
from models.recipe.fitting import MODEL

HOW = """\
`make bench-quality` makes this page and [quality.json](quality.json). Every data set is a project of its own, in which
the product's stages ingest, snapshot, featurize, train and evaluate run with one `params.yaml`; only the source, the
store and the task (with the days of history that `regulars init` proposes for it) differ. Nothing is tuned to a data
set. Figures are means over the test cutoffs, whose label windows no fit has seen; the calibration error and the bias
(predicted less observed share of lapsed) are of all test rows. 95 % intervals by bootstrap over customers; gains are
paired, and above 0 where `regulars` is better."""

TRUTH = """\
Customers of a simulated store leave, pause and buy by known laws, so the probability of lapse that the simulator itself
would give can be computed (`benchmarks/quality/truth.py`). `truth` sees the hidden state: each rhythm and hazard, every
break, coming ones too, and whether the customer has left. No model can see that, so it is a bound, not a goal.
`observer` knows each customer's rhythm and hazard and how busy the coming days will be, but must infer from the
silence who has left or is on a break, as every model must: the nearer bound. The share is (model − best rule) /
(bound − best rule), where the best rule is the inactivity or frequency rule of least log loss: 0 is no better than
that rule, 1 is the bound."""

HEAD = """\
| model | AUC | average precision | lift at 10 % | Brier | log loss | calibration error | if perfect | bias \
| log loss that regulars gains | AUC that it gains |
|---|---|---|---|---|---|---|---|---|---|---|"""


def interval(row: Mapping[str, float | None], label: str, decimals: int = 4, sign: str = "+") -> str:
    """A value with its interval from three keys; a dash where it is not known.

    >>> interval({"gain": 0.2, "gain_low": 0.1, "gain_high": 0.3}, "gain", 2)
    '+0.20 [+0.10, +0.30]'
    """
    value, low, high = (row.get(f"{label}{end}") for end in ("", "_low", "_high"))
    if value is None or low is None or high is None:
        return "–"
    return f"{value:{sign}.{decimals}f} [{low:{sign}.{decimals}f}, {high:{sign}.{decimals}f}]"


def number(value: float | None, form: str) -> str:
    """A number as wished; a dash where it is not defined."""
    return "–" if value is None else f"{value:{form}}"


def line(row: Row) -> str:
    """One model as a line of the table."""
    area = interval({**row, "auc": row["auc_mean"]}, "auc", 3, "")
    perfect = f"{row['calibration_error_if_perfect_low']:.3f}–{row['calibration_error_if_perfect_high']:.3f}"
    name = f"**{row['model']}**" if row["model"] == MODEL else row["model"]
    return (
        f"| {name} | {area} | {number(row['average_precision'], '.3f')} | {number(row['lift_at_10'], '.2f')} "
        f"| {row['brier']:.4f} | {row['log_loss']:.4f} | {row['calibration_error']:.4f} | {perfect} "
        f"| {row['bias']:+.4f} | {interval(row, 'model_gains_log_loss')} | {interval(row, 'model_gains_auc')} |"
    )


def gate_line(own: Row) -> str:
    """What the release gate says."""
    if own["grade"] == "none":
        return f"Release gate: nothing released ({own['gate']})."
    return f"Release gate: **{own['released']}** released, grade '{own['grade']}': {own['gate']}."


def bias_table(rows: Sequence[Row]) -> str:
    """Signed bias by cutoff, one line a model."""
    days = list(rows[0]["bias_by_cutoff"])
    cells = {row["model"]: " | ".join(f"{row['bias_by_cutoff'][day]:+.4f}" for day in days) for row in rows}
    body = [f"| {name} | {values} |" for name, values in cells.items()]
    return "\n".join([f"| bias at | {' | '.join(days)} |", f"|---|{'---|' * len(days)}", *body])


def ceiling_lines(rows: Sequence[Row]) -> Iterable[str]:
    """How much of the way from the best rule to each bound the model goes."""
    for row in rows:
        yield (
            f"- of what `{row['model']}` gains over the best rule (`{row['best_rule']}`), `{MODEL}` gains this share: "
            f"AUC {interval(row, 'model_share_of_auc_gain', 2, '')}, "
            f"log loss {interval(row, 'model_share_of_log_loss_gain', 2, '')}"
        )


def part(data: str, rows: Sequence[Row]) -> Iterable[str]:
    """One data set."""
    own = next(row for row in rows if row["model"] == MODEL)
    yield f"## {data}"
    if "auc_mean" not in own:
        yield gate_line(own)
        return
    days = own["test_cutoffs"]
    yield (
        f"{own['n_rows']:,} test rows of {own['n_customers']:,} customers at {', '.join(days)}; "
        f"{own['lapse_rate']:.1%} lapsed. Train and evaluate took {own['cpu_seconds']:.0f} CPU seconds."
    )
    yield "\n".join([HEAD, *map(line, rows)])
    yield gate_line(own)
    known = [row for row in rows if row["model"] in BOUNDS]
    if known:
        yield "\n".join(ceiling_lines(known))
    yield bias_table(rows)


def targets_part(rows: Sequence[Row]) -> Iterable[str]:
    """What was asked beside what was measured; nothing where no data set has a target."""
    found = verdicts(rows, BASELINES.__contains__)
    body = [f"| {one.data} | {one.target} | {one.measured} | {one.said} |" for one in found]
    if body:
        yield "## Targets"
        yield "\n".join(["| data | target | measured | |\n|---|---|---|---|", *body])


def page(rows: Sequence[Row], skipped: Mapping[str, str]) -> str:
    """The whole page in Markdown; `skipped` are the data sets that were not judged, with the reason."""
    names = list(dict.fromkeys(row["data"] for row in rows))
    measured_on = sorted({row["measured_on"] for row in rows if "measured_on" in row})
    parts = [
        "# Quality: the model beside its baselines, on real and on simulated shops",
        *([f"Measured {', '.join(measured_on)}."] if measured_on else []),
        HOW,
        *([f"Not measured: {'; '.join(f'{name} ({why})' for name, why in skipped.items())}."] if skipped else []),
        *targets_part(rows),
        *([f"## Bounds\n\n{TRUTH}"] if any(row["model"] in BOUNDS for row in rows) else []),
        *(text for name in names for text in part(name, [row for row in rows if row["data"] == name])),
    ]
    return "\n\n".join(parts) + "\n"
