"""Which words go together in a feature record: both engines compute every record that passes here, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.errors import ParameterError, nearest
from features.vocabulary import AGGREGATIONS, FAMILIES, MEASURES, SIGNALS, SOURCES, WEEK_DAYS

SUMS = (
    *("purchase_days", "orders", "lines", "amount", "quantity", "discount", "list_amount", "weekend_days"),
    *("full_price_days", "promotion_only_days", "discounted_lines", "coupon_lines", "promotion_lines"),
    *("private_label_lines", "new_product_lines", "evening_lines", "morning_lines", "employer_lines"),
)
CODES = ("products", "categories", "departments", "stores", "channels")
PRICED = ("priced_amount", "newcomers_price")
STATISTICS = ("mean", "sd", "quantile", "mean_of_last", "silence_percentile", "regular_share")
BY_DAY = ("decayed_sum", "last", "active_weeks", "weekly_slope", "best_period", "periods_since_best")
MEASURES_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "days": {
        "sum": (*SUMS, "ended_benefit_days"),
        **dict.fromkeys(BY_DAY, SUMS),
        **dict.fromkeys(("days_since_last", "days_since_first"), ("",)),
        "top_share": ("weekdays",),
    },
    "gaps": dict.fromkeys(STATISTICS, ("gap",)),
    "orders": {"order_sd": ("amount",)},
    "lines": {
        **dict.fromkeys(("distinct", "entropy", "top_share"), CODES),
        "line_mean": ("price_rank",),
        "line_sum": PRICED,
    },
    "returns": {"sum": ("return_lines", "returned_amount"), "days_since_last": ("",)},
    "calendar": {"on_circle": ("season_sine", "season_cosine")},
    "mbgnbd": {"mbgnbd": ("p_alive", "p_no_purchase", "expected_purchases")},
}
"""By source and aggregation, what can be measured. Signals are summed (by `n`, ratings by points too) or dated."""

OF_ALL_ROWS = frozenset(
    {
        "decayed_sum",
        "days_since_last",
        "days_since_first",
        "last",
        "best_period",
        "periods_since_best",
        "mbgnbd",
        "on_circle",
    }
    | set(STATISTICS)
)
"""Aggregations without a window."""
Holds = Callable[[float], bool]
PARAMETERS: dict[str, tuple[str, Holds]] = {
    "decayed_sum": ("a half-life above 0 days", lambda value: value > 0),
    "best_period": ("a whole number of months", lambda value: value >= 1 and value == int(value)),
    "periods_since_best": ("a whole number of months", lambda value: value >= 1 and value == int(value)),
    "quantile": ("a quantile from 0 to 1", lambda value: 0 <= value <= 1),
    "mean_of_last": ("a whole number of gaps", lambda value: value >= 1 and value == int(value)),
    "regular_share": ("a share of the usual gap", lambda value: value >= 0),
    "growth": ("what both sides are raised by, 0 or more", lambda value: value >= 0),
}
"""What the parameter is of the aggregations that have one, and when it will do."""


def refuse_nonsense(record: Any) -> None:
    """Raise `ParameterError` for a record that says nothing, or that engines could read differently."""
    _refuse_unknown_words(record)
    _refuse_unfit_words(record)
    _refuse_unfit_window(record)
    wanted, holds = PARAMETERS.get(record.aggregation, ("", lambda _: True))
    if wanted and (record.parameter is None or not holds(record.parameter)):
        raise _refusal(f"{record.aggregation} needs {wanted}, got {_told(record.parameter)}")


def _refusal(text: str) -> ParameterError:
    return ParameterError(f"feature record: {text}")


def _told(value: object) -> str:
    return "none" if value is None else str(value)


def _refuse_unknown_words(record: Any) -> None:
    for kind, name, known in (
        ("family", record.family or next(iter(FAMILIES)), FAMILIES),
        ("source", record.source, SOURCES),
        ("measure", record.measure, MEASURES),
        ("aggregation", record.aggregation, AGGREGATIONS),
    ):
        if name not in known:
            raise _refusal(f"unknown {kind} '{name}'{nearest(name, known)}")


def _refuse_unfit_words(record: Any) -> None:
    """Kinds that are not listed here are a data scientist's own: their engines know what they read."""
    known = {name for kinds in MEASURES_OF.values() for name in kinds}
    if record.aggregation not in known:
        return
    if record.source in SIGNALS:
        is_points = record.measure == "rating_points" and record.source != "ratings"
        is_day = any(record.measure in names for kinds in MEASURES_OF.values() for names in kinds.values())
        if record.aggregation in ("sum", "days_since_last") and not is_points and (not is_day or not record.measure):
            return
    elif record.measure in MEASURES_OF.get(record.source, {}).get(record.aggregation, ()):
        return
    raise _refusal(
        f"{record.aggregation} of '{record.measure}' cannot be made of {record.source}; see docs/FEATURES.md"
    )


def _refuse_unfit_window(record: Any) -> None:
    days, skip = record.window_days, record.skip_days
    if skip < 0 or (days is not None and days < 1) or (skip and days is None):
        raise _refusal(f"expected window_days from 1 on and skip_days from 0 on within a window, got {days} and {skip}")
    if record.aggregation in OF_ALL_ROWS and days is not None:
        raise _refusal(f"{record.aggregation} is of all rows; expected no window, got {days} days")
    if record.aggregation in ("active_weeks", "weekly_slope") and (skip or not days or days % WEEK_DAYS):
        raise _refusal(
            f"{record.aggregation} needs whole weeks before the cutoff, got {_told(days)} days, skipping {skip}"
        )
    if record.aggregation == "weekly_slope" and days < 2 * WEEK_DAYS:
        raise _refusal(f"weekly_slope needs two weeks at least, got {days} days")
    if record.aggregation in ("line_sum",) and (days is None or skip):
        raise _refusal("line_sum needs window_days, and no skip_days: prices are those of the window")
