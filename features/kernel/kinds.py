"""Each aggregation of `features/vocabulary.py` as the kernel computes it: a piece and a record give one value a row.

A new kind is one function here (usually around one compiled walk) and one entry in `KINDS`; the oracle's twin stands in
`features/reference`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from features.kernel import derived, walks
from features.kernel.piece import DAYS, SCALES, Floats, Piece
from features.records import Feature
from features.vocabulary import WEEK_DAYS

YEAR_DAYS = 365.2425
Kind = Callable[[Piece, Feature], npt.NDArray[np.float64]]


def value(piece: Piece, feature: Feature) -> Floats:
    """A record's values, one a row; found once for all records that need it."""
    return piece.once(feature, lambda: KINDS[feature.aggregation](piece, feature))


def _sum(piece: Piece, feature: Feature) -> Floats:
    if feature.measure == "ended_benefit_days":
        lo, hi = piece.window(feature)
        ended: Floats = walks.n_below(piece.benefit_ended, lo, hi, piece.slots.today)
        return ended
    return piece.window_sum(feature)


def _decayed_sum(piece: Piece, feature: Feature) -> Floats:
    stream, weights = piece.stream(feature.source), piece.weights(feature.source, feature.measure)
    scaled = weights / SCALES.get(feature.measure, 1.0)
    until, slots = piece.position(feature.source, 0), piece.slots
    found: Floats = walks.decayed(
        stream.start, stream.day, scaled, slots.start, slots.today, until, float(feature.parameter or 1.0)
    )
    return found


def _at(piece: Piece, source: str, values: npt.NDArray[np.generic], place: npt.NDArray[np.int64]) -> Floats:
    """The values at each row's place; NaN where the slot has no row before the cutoff."""
    is_empty = piece.position(source, 0) == piece.position(source, None)
    if not len(values):
        return np.full(piece.n_rows, np.nan)
    return np.where(is_empty, np.nan, values[np.where(is_empty, 0, place)].astype(np.float64))


def _days_since_last(piece: Piece, feature: Feature) -> Floats:
    day = piece.stream(feature.source).day
    return piece.slots.today - _at(piece, feature.source, day, piece.position(feature.source, 0) - 1)


def _days_since_first(piece: Piece, feature: Feature) -> Floats:
    day = piece.stream(feature.source).day
    return piece.slots.today - _at(piece, feature.source, day, piece.position(feature.source, None))


def _last(piece: Piece, feature: Feature) -> Floats:
    weights = piece.weights(feature.source, feature.measure)
    found = _at(piece, feature.source, weights, piece.position(feature.source, 0) - 1)
    return found / SCALES.get(feature.measure, 1.0)


def _active_weeks(piece: Piece, feature: Feature) -> Floats:
    lo, hi = piece.window(feature)
    weeks: Floats = walks.active_weeks(piece.stream(feature.source).day, lo, hi, piece.slots.today)
    return weeks


def _weekly_slope(piece: Piece, feature: Feature) -> Floats:
    lo, hi = piece.window(feature)
    stream, weights = piece.stream(feature.source), piece.weights(feature.source, feature.measure)
    n_weeks = (feature.window_days or WEEK_DAYS) // WEEK_DAYS
    slope: Floats = walks.weekly_slope(stream.day, weights, lo, hi, piece.slots.today, n_weeks)
    return slope / SCALES.get(feature.measure, 1.0)


def _order_sd(piece: Piece, feature: Feature) -> Floats:
    _, first = piece.orders
    lo, hi = piece.window(feature, DAYS)
    sd: Floats = walks.deviations(piece.order_amounts(), first[lo], first[hi])
    return sd / SCALES["amount"]


def _price_rank(piece: Piece, feature: Feature) -> Floats:
    lo, hi = piece.line_window(feature)
    ranks = piece.context.price_ranks
    means: Floats = walks.means_of(ranks, piece.column("product"), lo, hi, piece.slots.cutoff)
    return means


def _at_newcomers_prices(piece: Piece, feature: Feature) -> Floats:
    paid, priced = piece.once(("newcomers", feature.window_days), lambda: _priced(piece, feature))
    return (priced if feature.measure == "newcomers_price" else paid) / SCALES["amount"]


def _priced(piece: Piece, feature: Feature) -> tuple[Floats, Floats]:
    lo, hi = piece.line_window(feature)
    product, quantity, amount = (piece.column(name) for name in ("product", "quantity", "amount"))
    prices = piece.context.newcomers_prices[feature.window_days]
    return walks.sums_at_prices(prices, product, quantity, amount, lo, hi, piece.slots.cutoff)


def _store(piece: Piece, feature: Feature) -> Floats:
    totals: Floats = piece.context.totals[feature][piece.slots.cutoff]
    return totals


def _on_circle(piece: Piece, feature: Feature) -> Floats:
    turn = math.tau * piece.slots.today / YEAR_DAYS
    return np.asarray(np.sin(turn) if feature.measure == "season_sine" else np.cos(turn))


def _mbgnbd(piece: Piece, feature: Feature) -> Floats:
    answers: Floats = piece.once("mbgnbd", lambda: piece.context.expectations(piece, value))[feature.measure]
    return answers


def _derived(piece: Piece, feature: Feature) -> Floats:
    a, b = (value(piece, operand) for operand in feature.operands)
    return derived.FORMULAS[feature.aggregation](a, b, feature.parameter)


def _gap(piece: Piece, feature: Feature) -> Floats:
    return piece.gap_statistics[feature]


KINDS: dict[str, Kind] = {
    "sum": _sum,
    "decayed_sum": _decayed_sum,
    "days_since_last": _days_since_last,
    "days_since_first": _days_since_first,
    "last": _last,
    "active_weeks": _active_weeks,
    "weekly_slope": _weekly_slope,
    "best_period": lambda piece, feature: piece.best(feature)[0],
    "periods_since_best": lambda piece, feature: piece.best(feature)[1],
    "distinct": lambda piece, feature: piece.n_distinct(feature),
    "entropy": lambda piece, feature: piece.variety(feature)[0],
    "top_share": lambda piece, feature: piece.variety(feature)[1],
    **dict.fromkeys(("mean", "sd", "quantile", "mean_of_last", "silence_percentile", "regular_share"), _gap),
    "order_sd": _order_sd,
    "line_mean": _price_rank,
    "line_sum": _at_newcomers_prices,
    "store_total": _store,
    "store_active": _store,
    "on_circle": _on_circle,
    "mbgnbd": _mbgnbd,
    **dict.fromkeys(derived.FORMULAS, _derived),
}
