"""What stage `portray` reads of the event store, and the parts in which portraits are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from contracts.executor import Crew
from contracts.portrait_rules import PortraitRules
from events.store import Shelf, by_bucket, some
from portraits.known import Known
from portraits.look import Look, Terms
from portraits.portrait import portray_some
from portraits.report import Recognised, recognised
from portraits.shop import Shop
from portraits.survey import whole_shop

MOST_LINES = 1_500_000
"""Purchase lines in memory at once. No result hangs on it: many small parts cost more than few large ones."""
Part = tuple[pd.DataFrame, Recognised | None]


@dataclass(frozen=True)
class Stored:
    """A look at the customers of some buckets, by the number of their part; the only part is looked at once."""

    shelf: Shelf
    terms: Terms
    parts: tuple[tuple[int, ...], ...]
    only: Look | None = None

    def __call__(self, number: int) -> Look:
        """Everything about the part's customers."""
        return self.only or Look(self._known(self.parts[number]), self.terms)

    def kept(self) -> Stored:
        """With its look, if there is one part alone."""
        return replace(self, only=self(0)) if len(self.parts) == 1 else self

    def _known(self, buckets: tuple[int, ...]) -> Known:
        events, people = self.shelf.bucket(*buckets), self.shelf.people
        return Known(
            events.purchases,
            events.products,
            events.contacts,
            events.responses,
            people.no_marketing,
            some(people.consents, buckets),
            events.absent,
            some(people.customers, buckets),
            events.interactions,
            people.same_as,
        )


def portraits_by_part(
    shelf: Shelf, scores: pd.DataFrame, terms: Terms, rules: PortraitRules, crew: Crew
) -> Iterator[Part]:
    """PORTRAITS of some buckets' customers after the other, and their recognised sales; empty buckets have none.

    First all buckets are looked through for what rests on the whole shop. The crew shares the parts.
    """
    stored = Stored(shelf, terms, tuple(shelf.parts(MOST_LINES))).kept()
    shop = whole_shop(stored, len(stored.parts), terms, crew)
    bands = by_bucket(scores[["customer_id", "risk_band"]], shelf.n_buckets)
    tasks = ((number, some(bands, buckets)) for number, buckets in enumerate(stored.parts))
    drawn = crew.map(partial(portray_part, stored, rules, shop), tasks)
    return (part for part in drawn if part is not None)


def portray_part(stored: Stored, rules: PortraitRules, shop: Shop, task: tuple[int, pd.DataFrame]) -> Part | None:
    """One part's portraits; None without a purchase before the cutoff. `task`: its number, its customers' scores."""
    number, scores = task
    look = stored(number)
    table = portray_some(look, scores, rules, shop)
    if table is None:
        return None
    return table, recognised(look.known.purchases, look.terms.cutoff, look.terms.store.time_zone)
