"""The model card: what the model is for, on what data, how good and where not, in one page of Markdown.

After Mitchell et al. 2019, 'Model Cards for Model Reporting'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.fit_sample import read_fit_sample

Plain = Mapping[str, Any]


def card(metrics: Plain, gate: Plain, recipe: Plain, seen: Plain) -> str:
    """The card of a run, from the files that its stages wrote. `recipe` is that of the fits, `seen` their label end."""
    return (
        "\n\n".join(
            (*_purpose(gate), *_data(metrics, seen), *_figures(metrics, gate), *_recipe(recipe), *_limits(metrics))
        )
        + "\n"
    )


def _purpose(gate: Plain) -> Iterator[str]:
    yield "# Model card: risk of lapse"
    yield (
        "**Intended use.** To choose, week by week, which regular customers of this shop a team looks after, by a "
        "probability that they make no purchase in the horizon. **Not for**: prices, credit, employment, or any "
        "decision that takes something from a person; customers other than those judged; another shop."
    )
    yield f"**Released:** {gate['released']} (grade {gate['grade']}). {gate['rule'][:1].upper()}{gate['rule'][1:]}."
    if gate["grade"] == "rule":
        yield "**The figures below are of regulars, which was not released**; those of what was are in `metrics.json`."


def _data(metrics: Plain, seen: Plain) -> Iterator[str]:
    test, days = metrics["test"], metrics["test_cutoffs"]
    yield "## Data"
    yield (
        "Purchase history alone: no demographics, no bought profiles. Figures are of the fit whose last label was "
        f"known on {seen['labels_known_on']}, judged on {test['n_rows']:,} rows of {test['n_customers']:,} customers "
        f"at {len(days)} cutoffs, {days[0]} to {days[-1]}; {test['lapse_rate']:.1%} lapsed. The fit that scores is the "
        "same recipe on all matured cutoffs."
    )
    drawn = read_fit_sample(metrics)
    if drawn.said:
        yield (
            f"**A sample.** Fitted and judged were {drawn.said}, drawn by their ids alone; scored is everyone. The "
            "list's length and profit are told of the whole shop."
        )


def _figures(metrics: Plain, gate: Plain) -> Iterator[str]:
    test = metrics["test"]
    yield "## Figures (95 % intervals over customers)"
    rows = [
        ("AUC", _interval(test, "auc_mean", "auc")),
        ("log loss (nats)", _interval(test, "log_loss", "log_loss")),
        ("average precision", _interval(test, "average_precision", "average_precision")),
        ("lift in the top 10 %", _interval(test, "lift_at_10", "lift_at_10")),
        ("calibration error", _calibration(test)),
        ("bias (predicted less observed)", _number(test["bias"])),
        ("best baseline", str(gate["best_baseline"])),
    ]
    yield _table(("figure", "value"), rows)
    found = metrics.get("slices", [])
    missed = [one for one in found if not _holds(one)]
    yield "## Slices: does it hold for each kind of customer?"
    yield f"{len(missed)} of {len(found)} slices lie outside the interval of what was observed."
    yield _table(
        ("slice", "rows", "predicted", "observed [95 %]", "AUC", "holds"),
        [
            (
                one["is"],
                f"{one['n_rows']:,}",
                _number(one["predicted"]),
                f"{_number(one['observed'])} [{_number(one['low'])}, {_number(one['high'])}]",
                _number(one["auc"]),
                "yes" if _holds(one) else "no",
            )
            for one in found
        ],
    )
    yield (
        "Slices are by behaviour. Attributes such as age or income never reach the model; where the operator keeps "
        "them for audit, the loyalty guard alone reads them."
    )
    yield "## Other seasons"
    yield (
        "The recipe is fitted anew at each origin on what had matured by then; its parameters, penalty and contest "
        "are those chosen at the end of the history, and no calibration map is put on."
    )
    yield _table(
        ("origin", "rows", "lapsed", "AUC", "log loss", "of the base rate", "bias"),
        [
            (
                one["cutoff_on"],
                f"{one['n_rows']:,}",
                f"{one['lapse_rate']:.1%}",
                *(_number(one[name]) for name in ("auc", "log_loss", "log_loss_of_base_rate", "bias")),
            )
            for one in metrics.get("origins", [])
        ],
    )


def _recipe(recipe: Plain) -> Iterator[str]:
    yield "## Recipe"
    train = recipe.get("train", {})
    told = ", ".join(
        f"{name} {train[name]}" for name in ("num_trees", "learning_rate", "num_leaves", "n_bags") if train
    )
    yield (
        f"{recipe.get('winner', 'unknown')} on {len(recipe.get('features', []))} features ({told}); calibration "
        f"{_said(recipe.get('calibration', {}))}."
    )
    if recipe.get("contest"):
        rows = [
            (one["name"], _number(one["log_loss"]), f"{one['gain_on_blend']:+.4f} ± {one['standard_error']:.4f}")
            for one in recipe["contest"]
        ]
        yield "Outcomes are few, so these were compared on inner forward folds (gain on the blend ± standard error):"
        yield _table(("contestant", "log loss", "gain"), rows)


def _said(calibration: Plain) -> str:
    if calibration.get("kind") == "platt" and (calibration["intercept"], calibration["slope"]) == (0.0, 1.0):
        return "none: inner forward folds asked for none"
    return str(calibration.get("kind", "none"))


def _limits(metrics: Plain) -> Iterator[str]:
    yield "## Limits"
    yield (
        "- Buying is non-contractual: who lapsed in one window may buy in the next; the probability is of the window.\n"
        "- Seasons that the history has not seen are not foreseen; the bias per cutoff shows what that has cost.\n"
        "- Neighbouring cutoffs share customers and overlap in their windows: rows are not independent.\n"
        "- A reason is what moved the model, not what moved the customer."
    )
    if metrics.get("absent"):
        yield "\n".join(f"- {where}: {why}" for where, why in metrics["absent"].items())


def _calibration(test: Plain) -> str:
    low, high = (_number(test[f"calibration_error_if_perfect_{end}"]) for end in ("low", "high"))
    return f"{_number(test['calibration_error'])}; a perfectly calibrated model would show {low} to {high}"


def _holds(one: Plain) -> bool:
    return bool(one["low"] <= one["predicted"] <= one["high"])


def _interval(test: Plain, name: str, stem: str) -> str:
    return f"{_number(test[name])} [{_number(test[f'{stem}_low'])}, {_number(test[f'{stem}_high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "None could be measured on this history."
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
