"""Labels under contact: what the shop's own experiments did to a customer is not what would have happened without.

Five ways of learning from such rows, each a choice of row positions, so that every model can be fitted by any of them:

- `ignore`: contact counts for nothing, all rows are learned from.
- `mask`: rows whose window a treated wave shares are left out. Waves choose the silent, week by week: whoever is
  treated in the middle of a window had not bought by then. So this chooses by the outcome, and finds too few lapses.
- `weight`: the same, while each control stands for 1 / probability of being one (inverse propensity; Hernán and Robins
  2020, 'Causal Inference: What If', chapter 12), by standing there so many times.
- `input`: contact is a column, which is 0 when scoring. It knows what happened after the cutoff, and errs as `mask`
  does. For comparison alone: no stage fits it.
- `begun`: left out are rows whose wave had begun by the cutoff. That was known then, so nothing is chosen by outcome;
  those treated later stay in as they are, a little too loyal by what their offers did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.params.modelling import UnderContact

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
Method = UnderContact | Literal["input"]
METHODS: tuple[Method, ...] = ("ignore", "mask", "weight", "input", "begun")
DEFAULT: UnderContact = "begun"
COLUMN = "under_contact"
MOST_REPEATS = 20
"""A control stands for at most so many: one lucky draw is not to be a whole segment (Cole and Hernan 2008)."""
FEWEST = 10
"""Labels of either outcome that must be left; with fewer, all rows are learned from, contact or not."""


@dataclass(frozen=True)
class Contact:
    """Columns of SNAPSHOTS, one entry a row: `after_days` is `treated_after_days`, `weight` is `untreated_weight`."""

    after_days: Floats
    weight: Floats

    @property
    def is_treated(self) -> Flags:
        """Whether a treated wave shares a day with the window."""
        return ~np.isnan(self.after_days)

    @property
    def has_begun(self) -> Flags:
        """Whether it had begun by the cutoff."""
        return np.nan_to_num(self.after_days, nan=np.inf) <= 0

    def take(self, places: Ints) -> Contact:
        """Of the rows at some positions."""
        return Contact(self.after_days[places], self.weight[places])


def contact_of(snapshots: pd.DataFrame) -> Contact | None:
    """What rows of SNAPSHOTS say of contact; None where no row was touched by any experiment."""
    if "untreated_weight" not in snapshots.columns or (snapshots["untreated_weight"] == 1).all():
        return None
    return Contact(*(snapshots[name].to_numpy(dtype=np.float64) for name in ("treated_after_days", "untreated_weight")))


def fitted_places(contact: Contact | None, lapsed: Flags, method: Method) -> Ints:
    """Positions of the rows to learn from, in order; one that stands for several is named so many times.

    All rows where too few of either outcome would be left.
    """
    whole = np.arange(len(lapsed))
    if contact is None:
        return whole
    places = np.repeat(whole, repeats(contact)) if method == "weight" else _left(contact, method)
    n_lapsed = int(lapsed[np.unique(places)].sum())
    return places if min(n_lapsed, len(np.unique(places)) - n_lapsed) >= FEWEST else whole


def judged_places(contact: Contact, method: Method) -> Ints:
    """Positions of the rows that may judge a forecast of what happens without contact; all where none would be left.

    No row stands twice: controls are not weighted here.
    """
    places = _left(contact, "mask" if method in {"weight", "input"} else method)
    return places if len(places) else np.arange(len(contact.weight))


def repeats(contact: Contact) -> Ints:
    """How many times each row stands under `weight`: whole numbers, so that models without weights can read them."""
    return np.rint(np.minimum(contact.weight, MOST_REPEATS)).astype(np.intp)


def contact_input(contact: Contact | None, n_rows: int) -> Floats:
    """The column that `input` adds: 1 for rows under contact."""
    return np.zeros(n_rows) if contact is None else contact.is_treated.astype(np.float64)


def _left(contact: Contact, method: Method) -> Ints:
    out = {"mask": contact.is_treated, "begun": contact.has_begun}.get(method)
    return np.arange(len(contact.weight)) if out is None else np.flatnonzero(~out)
