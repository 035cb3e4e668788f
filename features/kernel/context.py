"""What the store as a whole says at each cutoff: found in a first pass over all customers, before any feature.

Everything is summed in integers bucket by bucket, so that no number hangs on how customers are spread over buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features import mbgnbd
from features.catalogue import SILENCE, TENURE, trailing
from features.kernel.cutoffs import first_after
from features.kernel.kinds import value
from features.kernel.piece import SCALES, Piece
from features.kernel.slots import Slots, all_rows, pieces
from features.kernel.streams import Coded, Goods, Ints
from features.records import Feature

Floats = npt.NDArray[np.float64]
PURCHASE_DAYS = trailing("purchase_days", family="frequency")
NEWCOMER_DAYS = 91
"""Whoever bought first less than so many days ago pays newcomers' prices."""


@dataclass(frozen=True)
class Context:
    """The store's numbers, by index of the cutoff.

    `totals` by store record; `models` MBG/NBD (None without a customer); `price_ranks` and `newcomers_prices` (by
    window) tables of cutoffs × products, NaN where there is no price.
    """

    totals: Mapping[Feature, Floats] = field(default_factory=dict)
    models: Sequence[mbgnbd.MbgNbd | None] = ()
    price_ranks: Floats | None = None
    newcomers_prices: Mapping[int | None, Floats] = field(default_factory=dict)

    def expectations(self, piece: Piece, value_of: Callable[[Piece, Feature], Floats]) -> dict[str, Floats]:
        """The MBG/NBD answers a row; NaN without a purchase before the cutoff."""
        x, last, age = _histories(piece, value_of)
        answers = {name: np.full(piece.n_rows, np.nan) for name in ("p_alive", "p_no_purchase", "expected_purchases")}
        for number in np.unique(piece.slots.cutoff):
            model, rows = self.models[number], np.flatnonzero((piece.slots.cutoff == number) & np.isfinite(age))
            if model is None or not len(rows):
                continue
            history, ahead = (x[rows], last[rows], age[rows]), piece.slots.horizon_days[rows].astype(np.float64)
            answers["p_alive"][rows] = mbgnbd.p_alive(model, *history)
            answers["p_no_purchase"][rows] = mbgnbd.p_no_purchase(model, *history, ahead)
            if any(feature.measure == "expected_purchases" for feature in piece.plan):
                answers["expected_purchases"][rows] = mbgnbd.expected_purchases(model, *history, ahead)
        return answers


def _histories(piece: Piece, value_of: Callable[[Piece, Feature], Floats]) -> tuple[Floats, Floats, Floats]:
    """Purchases after the first, age of the customer at the last one, and now, in days; NaN without a purchase."""
    tenure, silence = value_of(piece, TENURE), value_of(piece, SILENCE)
    return value_of(piece, PURCHASE_DAYS) - 1.0, tenure - silence, tenure


class Counted(NamedTuple):
    """What some buckets add up to: whole numbers, and the customers drawn for fits."""

    sums: Mapping[Feature, Ints]
    longest: Floats
    drawn: Sequence[Sequence[Floats]]
    prices: Mapping[int | None, tuple[Ints, Ints]]


class Tally:
    """Sums over buckets, in the order in which they come; `context` makes the store's numbers of them."""

    def __init__(self, plan: Sequence[Feature], cutoffs: Ints, goods: Goods) -> None:
        self.plan, self.cutoffs, self.goods = plan, cutoffs, goods
        self.stores = [feature for feature in plan if feature.source == "store"]
        self.needs_models = any(feature.source == "mbgnbd" for feature in plan)
        self.windows = sorted({feature.window_days or 0 for feature in plan if feature.aggregation == "line_sum"})
        self.needs_ranks = any(feature.aggregation == "line_mean" for feature in plan)
        self.sums = {feature: np.zeros(len(cutoffs), dtype=np.int64) for feature in self.stores}
        self.longest = np.zeros(len(cutoffs))
        self.drawn: list[list[Floats]] = [[np.zeros((0, 4))] for _ in cutoffs]
        shape = (len(cutoffs) + 1, goods.n_products)
        wanted = [None] * self.needs_ranks + self.windows
        self.prices = {window: (np.zeros(shape, np.int64), np.zeros(shape, np.int64)) for window in wanted}

    @property
    def is_needed(self) -> bool:
        """Whether any record needs the store's numbers."""
        return bool(self.stores or self.needs_models or self.prices)

    def add(self, coded: Coded) -> None:
        """Count a bucket in."""
        numbers = mbgnbd.draw_numbers(coded.customers) if self.needs_models else np.zeros(0)
        for slots in pieces(coded, all_rows(coded, len(self.cutoffs), 1), self.cutoffs):
            piece = Piece(slots, self.goods, self.plan)
            for feature in self.stores:
                self.sums[feature] += self._counted(piece, feature)
            if self.stores:
                np.maximum.at(self.longest, slots.cutoff, np.nan_to_num(value(piece, TENURE)))
            if self.needs_models:
                self._draw(piece, numbers)
            for window, sums in self.prices.items():
                self._add_prices(slots, window, sums)
        if self.needs_models:
            self.drawn = [[mbgnbd.lowest(np.concatenate(parts))] for parts in self.drawn]

    def _counted(self, piece: Piece, feature: Feature) -> Ints:
        (operand,) = feature.operands
        found = value(piece, operand)
        whole = found > 0 if feature.aggregation == "store_active" else found * SCALES.get(operand.measure, 1.0)
        sums = np.bincount(piece.slots.cutoff, np.rint(whole), minlength=len(self.cutoffs))
        return sums.astype(np.int64)

    def _draw(self, piece: Piece, numbers: Floats) -> None:
        x, last, age = _histories(piece, value)
        drawn = numbers[piece.slots.customer].repeat(np.diff(piece.slots.start))
        table = np.column_stack([drawn, x, last, age])
        for number in range(len(self.cutoffs)):
            self.drawn[number].append(table[(piece.slots.cutoff == number) & np.isfinite(age)])

    def _add_prices(self, slots: Slots, window: int | None, sums: tuple[Ints, Ints]) -> None:
        """Each line counts from the first of its slot's cutoffs after its day to the last (that its window reaches)."""
        lines, n_rows = slots.lines, np.diff(slots.start)
        slot = lines.slots()
        is_counted = (lines.columns["quantity"] > 0) & (lines.columns["product"] > 0) & (n_rows[slot] > 0)
        if window is not None:
            first_day = np.append(lines.day, 0)[lines.start[:-1]]
            is_counted &= lines.day - first_day[slot] < NEWCOMER_DAYS
        chosen = np.flatnonzero(is_counted)
        day, product, slot = lines.day[chosen], lines.columns["product"][chosen], slot[chosen]
        since = np.maximum(first_after(self.cutoffs, day), slots.cutoff[slots.start[slot]])
        until = slots.cutoff[slots.start[slot + 1] - 1] + 1
        if window is not None:
            until = np.minimum(until, first_after(self.cutoffs, day + window))
        kept = since < until
        for total, name in zip(sums, ("amount", "quantity"), strict=True):
            weights = lines.columns[name][chosen][kept]
            np.add.at(total, (since[kept], product[kept]), weights)
            np.subtract.at(total, (until[kept], product[kept]), weights)

    @property
    def counted(self) -> Counted:
        """The sums so far, to be joined to another tally's."""
        return Counted(self.sums, self.longest, self.drawn, self.prices)

    def join(self, other: Counted) -> None:
        """Count in what another tally counted of other customers."""
        for feature, sums in other.sums.items():
            self.sums[feature] += sums
        self.longest = np.maximum(self.longest, other.longest)
        both = zip(self.drawn, other.drawn, strict=True)
        self.drawn = [[mbgnbd.lowest(np.concatenate([*own, *others]))] for own, others in both]
        for window, (amounts, quantities) in other.prices.items():
            self.prices[window][0][:] += amounts
            self.prices[window][1][:] += quantities

    def context(self) -> Context:
        """The store's numbers."""
        unit_prices = {window: _unit_prices(*sums) for window, sums in self.prices.items()}
        ranks = unit_prices.pop(None, None)
        return Context(
            {feature: self._total(feature) for feature in self.stores},
            [_fitted(parts[0]) if len(parts[0]) else None for parts in self.drawn] if self.needs_models else (),
            None if ranks is None else np.stack([price_ranks(prices, self.goods.category) for prices in ranks]),
            unit_prices,
        )

    def _total(self, feature: Feature) -> Floats:
        sums = self.sums[feature].astype(np.float64)
        if feature.aggregation == "store_active":
            return sums
        reach = feature.skip_days + (feature.window_days or 0)
        return np.where(reach > self.longest, np.nan, sums / SCALES.get(feature.operands[0].measure, 1.0))


def _fitted(histories: Floats) -> mbgnbd.MbgNbd:
    return mbgnbd.fit(histories[:, 1], histories[:, 2], histories[:, 3])


def _unit_prices(amounts: Ints, quantities: Ints) -> Floats:
    """Hundredths of the currency a thousandth of a unit, cutoffs × products; NaN where nothing was bought."""
    amount, quantity = (np.cumsum(sums, axis=0)[:-1] for sums in (amounts, quantities))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(quantity > 0, amount / quantity, np.nan)


def price_ranks(prices: Floats, category: npt.NDArray[np.int32]) -> Floats:
    """(Average rank − ½) / number of priced products, within each category; NaN without a price."""
    priced = np.flatnonzero(np.isfinite(prices))
    order = priced[np.lexsort((prices[priced], category[priced]))]
    ranks = np.full(len(prices), np.nan)
    if not len(order):
        return ranks
    groups, values = category[order], prices[order]
    is_new = np.append(True, groups[1:] != groups[:-1])
    is_next = np.append(True, is_new[1:] | (values[1:] != values[:-1]))
    begins, size = np.flatnonzero(is_new), np.diff(np.append(np.flatnonzero(is_new), len(order)))
    ties, n_tied = np.flatnonzero(is_next), np.diff(np.append(np.flatnonzero(is_next), len(order)))
    group = np.cumsum(is_new) - 1
    middle = np.repeat(ties + (n_tied - 1) / 2, n_tied) - begins[group]
    ranks[order] = (middle + 0.5) / size[group]
    return ranks


def store_context(buckets: Iterable[Coded], plan: Sequence[Feature], cutoffs: Ints, goods: Goods) -> Context:
    """The first pass: nothing is read if no record needs it."""
    tally = Tally(plan, cutoffs, goods)
    if tally.is_needed:
        for coded in buckets:
            tally.add(coded)
    return tally.context()


def joined_context(counted: Iterable[Counted], plan: Sequence[Feature], cutoffs: Ints, goods: Goods) -> Context:
    """The same from what was counted bucket by bucket, by whomever; nothing is counted if no record needs it."""
    tally = Tally(plan, cutoffs, goods)
    if tally.is_needed:
        for one in counted:
            tally.join(one)
    return tally.context()


def counted_in(coded: Coded, plan: Sequence[Feature], cutoffs: Ints) -> Counted:
    """What one bucket adds to the first pass."""
    tally = Tally(plan, cutoffs, coded.goods)
    tally.add(coded)
    return tally.counted
