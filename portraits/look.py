"""One look at some customers: what is known of them, and what every portrait begins with, each worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.params import Portray, Store
from contracts.windows import day_numbers, trailing
from contracts.words import Words
from portraits.habits import habits, visits
from portraits.history import earned_tier, purchase_days, rhythm
from portraits.known import Known, known_lines
from portraits.spend import spend
from portraits.tastes import nameable, spoken

HALF_YEAR_DAYS = 182


@dataclass(frozen=True)
class Terms:
    """What portraits of one week rest on beside what the shop knows."""

    cutoff: date
    store: Store
    active_days: int
    limits: Portray
    words: Words

    def is_recent(self, lines: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which lines lie in the half-year before the cutoff."""
        return trailing(day_numbers(lines["ordered_on"]), self.cutoff, HALF_YEAR_DAYS)


@dataclass(frozen=True)
class Look:
    """Some customers, with all that is known of them."""

    known: Known
    terms: Terms

    @cached_property
    def lines(self) -> pd.DataFrame:
        """Their purchase lines before the cutoff (`known_lines`)."""
        return known_lines(self.known, self.terms.cutoff, self.terms.store.time_zone)

    @cached_property
    def late(self) -> npt.NDArray[np.bool_]:
        """Which lines are of the half-year."""
        return self.terms.is_recent(self.lines)

    @cached_property
    def recent(self) -> pd.DataFrame:
        """The lines of the half-year."""
        return self.lines[self.late]

    @cached_property
    def named(self) -> pd.DataFrame:
        """The recent lines of goods that may be named."""
        return nameable(self.recent, self.terms.limits)

    @cached_property
    def told(self) -> pd.DataFrame:
        """The lines that can be spoken of, each with its `product`."""
        return spoken(nameable(self.lines, self.terms.limits), self.terms.words)

    @cached_property
    def days(self) -> pd.DataFrame:
        """Their purchase days."""
        return purchase_days(self.lines)

    @cached_property
    def own(self) -> pd.DataFrame:
        """One row per customer: rhythm, spend, habits and tier, which rest on nobody else (by `customer_id`)."""
        facts = rhythm(self.days, self.terms.cutoff).join(spend(self.lines, self.recent))
        facts = facts.join(habits(visits(self.recent)))
        spent = facts["spend"].where(facts["spend"] > 0)
        return facts.assign(tier=earned_tier(self.days, self.terms.limits), spend_per_visit=spent / facts["n_visits"])

    def told_by(self, customers: pd.Index) -> pd.DataFrame:
        """The lines that can be spoken of, of some customers."""
        if "told" in vars(self):
            return self.told[self.told["customer_id"].isin(customers)]
        theirs = self.known.purchases[self.known.purchases["customer_id"].isin(customers)]
        return Look(replace(self.known, purchases=theirs), self.terms).told


Source = Callable[[int], Look]
"""A look at the customers of one part, by its number; picklable, where a crew shares the parts."""
