"""What stage `portray` reads of the event store, and the parts in which portraits are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from contracts.executor import Crew
from contracts.merging import write_merged
from contracts.portrait_rules import PortraitRules
from contracts.tables import PORTRAITS
from events.store import Shelf, by_bucket, some
from portraits.known import Known
from portraits.look import Look, Terms
from portraits.portrait import portray_some
from portraits.report import Recognised, recognised
from portraits.shop import Shop
from portraits.survey import whole_shop

MOST_LINES = 1_500_000
"""Purchase lines in memory at once. No result hangs on it: many small parts cost more than few large ones."""
BAND = ("customer_id", "risk_band")
"""The columns of SCORES that portraits read."""
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
        return self.only or Look(known_in(self.shelf, self.parts[number]), self.terms)

    @classmethod
    def of(cls, shelf: Shelf, terms: Terms, most_lines: int = MOST_LINES) -> Stored:
        """Every bucket, in parts of at most so many lines."""
        stored = cls(shelf, terms, tuple(shelf.parts(most_lines)))
        return replace(stored, only=stored(0)) if len(stored.parts) == 1 else stored


def known_in(shelf: Shelf, buckets: tuple[int, ...]) -> Known:
    """What an event store knows of some buckets' customers, as far as portraits read it."""
    events, people = shelf.bucket(*buckets), shelf.people
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


def write_portraits(
    path: str, stored: Stored, scores: pd.DataFrame, rules: PortraitRules, crew: Crew
) -> tuple[int, list[Recognised | None]]:
    """Write PORTRAITS, some buckets' customers after the other; how many rows, and each part's recognised sales."""
    sales: list[Recognised | None] = []

    def tables() -> Iterator[pd.DataFrame]:
        for table, sold in portraits_by_part(stored, scores, rules, crew):
            sales.append(sold)
            yield table

    return write_merged(path, tables(), PORTRAITS, "customer_id"), sales


def portraits_by_part(stored: Stored, scores: pd.DataFrame, rules: PortraitRules, crew: Crew) -> Iterator[Part]:
    """PORTRAITS of one part's customers after the other, and their recognised sales; empty parts have none.

    First all parts are looked through for what rests on the whole shop. The crew shares the parts.
    """
    shelf, terms = stored.shelf, stored.terms
    shop = whole_shop(stored, len(stored.parts), terms, crew)
    bands = by_bucket(scores[list(BAND)], shelf.n_buckets)
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
