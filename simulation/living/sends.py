"""What a store is sent: one row a message, checked, as arrays that the store's days read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ContractError, nearest
from simulation.draws import Floats, Ints
from simulation.living.nature import MECHANICS

COLUMNS = (
    *("customer_id", "send_on", "valid_until", "offer", "mechanic", "channel"),
    *("price_worth", "other_worth", "cost", "contact_cost"),
)
MANY_DAYS = 2**20


@dataclass(frozen=True)
class Sends:
    """Messages that wait for their day. Days are counted from the store's first; amounts in its currency."""

    who: Ints
    day: Ints
    until: Ints
    mechanic: Ints
    price_worth: Floats
    cost: Floats
    contact_cost: Floats
    offer: npt.NDArray[np.object_]
    channel: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.who)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Sends:
        """Those rows."""
        return Sends(**{name: values[chosen] for name, values in vars(self).items()})

    def joined(self, other: Sends) -> Sends:
        """These, then the others."""
        return Sends(**{name: np.concatenate([values, getattr(other, name)]) for name, values in vars(self).items()})


def no_sends() -> Sends:
    """None."""
    ints, floats = np.empty(0, dtype=np.int64), np.empty(0)
    texts = np.empty(0, dtype=object)
    return Sends(ints, ints, ints, ints, floats, floats, floats, texts, texts)


def sends_of(
    table: pd.DataFrame, ids: pd.Index, first_day: date, week_start: int, channels: npt.NDArray[np.object_]
) -> Sends:
    """The messages of a table with COLUMNS; `ContractError` names the first thing wrong."""
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ContractError(f"sends: expected the column '{missing[0]}', found none; add it")
    who = positions_of(table["customer_id"], ids)
    sends = Sends(
        who=who,
        day=_days(table["send_on"], first_day),
        until=_days(table["valid_until"], first_day),
        mechanic=mechanics_of(table["mechanic"]),
        price_worth=_amounts(table, "price_worth"),
        cost=_amounts(table, "cost"),
        contact_cost=_amounts(table, "contact_cost"),
        offer=table["offer"].to_numpy(dtype=object),
        channel=table["channel"].to_numpy(dtype=object),
    )
    _refuse_unfit(sends, week_start, channels)
    return sends


def positions_of(customer_ids: pd.Series, ids: pd.Index) -> Ints:
    """Position of each customer; `ContractError` for one that the store does not know."""
    found = ids.get_indexer(pd.Index(customer_ids))
    if (found < 0).any():
        strange = customer_ids.iloc[int(np.argmax(found < 0))]
        raise ContractError(f"sends: unknown customer '{strange}'; take ids from the store's customers")
    return np.asarray(found, dtype=np.int64)


def mechanics_of(names: pd.Series) -> Ints:
    """Number of each mechanic in MECHANICS; `ContractError` for an unknown one."""
    found = pd.Index(MECHANICS).get_indexer(pd.Index(names))
    if (found < 0).any():
        strange = str(names.iloc[int(np.argmax(found < 0))])
        raise ContractError(f"sends: unknown mechanic '{strange}'{nearest(strange, MECHANICS)}")
    return np.asarray(found, dtype=np.int64)


def _days(dates: pd.Series, first_day: date) -> Ints:
    since = dates.to_numpy(dtype="datetime64[D]") - np.datetime64(first_day)
    return np.asarray(since.astype(np.int64))


def _amounts(table: pd.DataFrame, name: str) -> Floats:
    amounts = table[name].to_numpy(dtype=np.float64)
    if not (amounts >= 0).all():
        raise ContractError(f"sends: {name}: expected amounts of at least 0, got {amounts[~(amounts >= 0)][0]}")
    return amounts


def _refuse_unfit(sends: Sends, week_start: int, channels: npt.NDArray[np.object_]) -> None:
    if (sends.day < week_start).any():
        raise ContractError(
            f"sends: {int((sends.day < week_start).sum())} messages lie before the week; send them later"
        )
    _refuse_strange(sends.channel, channels)
    if len(np.unique(sends.who * MANY_DAYS + sends.day)) < len(sends):
        raise ContractError("sends: two messages to one customer on one day; expected one at most")


def reaches_of(channels: npt.NDArray[np.object_], reach: Mapping[str, float]) -> Floats:
    """Share of contacts that come to be read in time, by channel; `ContractError` for an unknown one."""
    _refuse_strange(channels, np.asarray(sorted(reach), dtype=object))
    return np.asarray([reach[name] for name in channels], dtype=np.float64)


def _refuse_strange(channels: npt.NDArray[np.object_], known: npt.NDArray[np.object_]) -> None:
    strange = channels[~np.isin(channels, known)]
    if len(strange):
        hint = nearest(str(strange[0]), [str(name) for name in known])
        raise ContractError(f"sends: unknown channel '{strange[0]}'{hint}")
