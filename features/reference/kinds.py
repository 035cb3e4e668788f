"""The kinds of aggregation that the plain engine knows. A new one is a small function, and an entry here.

A function takes what is known at the cutoff, the feature, and the columns of its operands if it has any. It gives one
value a customer; who has no row in the window may be missing, and then gets `Feature.empty`.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from features.reference import derived, of_gaps, of_lines, of_rows, of_store

KINDS: dict[str, Callable[..., pd.Series]] = {
    "sum": of_rows.total,
    "decayed_sum": of_rows.decayed_total,
    "days_since_last": of_rows.days_since_last,
    "days_since_first": of_rows.days_since_first,
    "last": of_rows.last,
    "active_weeks": of_rows.active_weeks,
    "weekly_slope": of_rows.weekly_slope,
    "best_period": of_rows.best_period,
    "periods_since_best": of_rows.periods_since_best,
    "mean": of_gaps.mean,
    "sd": of_gaps.sd,
    "quantile": of_gaps.quantile,
    "mean_of_last": of_gaps.mean_of_last,
    "silence_percentile": of_gaps.silence_percentile,
    "regular_share": of_gaps.regular_share,
    "order_sd": of_lines.order_sd,
    "distinct": of_lines.distinct,
    "entropy": of_lines.entropy,
    "top_share": of_lines.top_share,
    "line_mean": of_lines.line_mean,
    "line_sum": of_lines.line_sum,
    "store_total": of_store.store_total,
    "store_active": of_store.store_active,
    "on_circle": of_store.on_circle,
    "mbgnbd": of_store.model_answer,
    "per": derived.quotient,
    "share": derived.quotient,
    "rate": derived.quotient,
    "ratio": derived.quotient,
    "growth": derived.growth,
    "difference": derived.difference,
}
