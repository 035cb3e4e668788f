"""The rows of an experiment as arrays: who was treated, with which probability, and what came of it.

Weights are 1 / propensity, so that customers count alike in both arms however likely each arm was.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ContractError
from contracts.windows import day_numbers
from offers.catalogue import NONE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Outcome = Literal["lapsed", "margin"]


@dataclass(frozen=True)
class Rows:
    """One element is one customer of a wave.

    `wave` counts waves in the order in which they mature (`waves`: their names); `offer` counts `offers`. `counts` is
    how many of the customers among whom the draw was made a row stands for: 1 of those whom the plan selected; in
    exploration 1 / (2 propensity), for only two of its possible draws are compared. `place` is the row of
    the table; `options` numbers the sets of what exploration could have drawn (`option_sets`).
    """

    waves: tuple[str, ...]
    offers: tuple[str, ...]
    option_sets: tuple[frozenset[str], ...]
    place: Ints
    wave: Ints
    offer: Ints
    options: Ints
    customer: Ints
    is_explored: Flags
    treated: Flags
    weight: Floats
    counts: Floats
    p_lapse: Floats
    margin_before: Floats
    lapsed: Floats
    margin: Floats

    def __len__(self) -> int:
        return len(self.wave)

    def outcome(self, name: Outcome) -> Floats:
        """What came of each customer: 1 if lapsed, or margin in currency."""
        return self.lapsed if name == "lapsed" else self.margin

    def at(self, which: Flags | Ints) -> Rows:
        """Some of the rows."""
        chosen = {name: getattr(self, name)[which] for name in _ARRAYS}
        return replace(self, **chosen)

    def planned(self) -> Rows:
        """Those whom the plan selected: any offer against none, like against like."""
        return self.at(~self.is_explored)

    def of_offer(self, name: str) -> Rows:
        """An offer's comparison: its treated and its controls, and exploration's draws of it against draws of 'none'.

        Of those drawn 'none', the customers for whom this offer could have been drawn. Without that record
        exploration takes no part, for there is nothing to compare with.
        """
        if name not in self.offers:
            return self.at(np.zeros(len(self), dtype=bool))
        own = self.offer == self.offers.index(name)
        nobody = self.offer == self.offers.index(NONE) if NONE in self.offers else np.zeros(len(self), dtype=bool)
        could = np.array([name in options for options in self.option_sets], dtype=bool)[self.options]
        return self.at((own & ~self.is_explored) | ((own | nobody) & self.is_explored & could))


_ARRAYS = tuple(field.name for field in fields(Rows) if field.name not in {"waves", "offers", "option_sets"})


def codes(column: pd.Series) -> tuple[Ints, list[str]]:
    """A number for each text of the column, and the texts in order of their numbers."""
    found, names = pd.factorize(column, sort=False)
    return np.asarray(found, dtype=np.int64), [str(name) for name in names]


def numbers(column: pd.Series) -> Ints:
    """A number for each text of the column."""
    return np.asarray(pd.factorize(column, sort=False)[0], dtype=np.int64)


def savable_of(outcomes: pd.DataFrame) -> Floats:
    """The risk that a contact can act on, of each row; all of p_lapse where that is not known."""
    p_lapse = outcomes["p_lapse"].to_numpy(dtype=np.float64)
    if "p_savable" not in outcomes.columns:
        return p_lapse
    savable = outcomes["p_savable"].to_numpy(dtype=np.float64)
    return np.where(np.isnan(savable), p_lapse, savable)


def within_reach_of(outcomes: pd.DataFrame) -> Floats:
    """What the row's own message acts on: reach × the risk that a contact can act on."""
    return np.asarray(savable_of(outcomes) * outcomes["reach"].to_numpy(dtype=np.float64))


@dataclass(frozen=True)
class Followed:
    """How much more than its own message a treated row stands for: `exposure` and `messages`, each a factor ≥ 1."""

    exposure: Floats
    messages: Floats


def followed(outcomes: pd.DataFrame) -> Followed:
    """What messages within the window add to the first, on average over the treated of a group and risk band.

    Who is sent more hangs on who stays silent, so a row's own number of messages would be confounded with its outcome;
    the average is fixed by what was known at the draw, as an instrument's first stage is.
    """
    ones = np.ones(len(outcomes))
    if "exposure" not in outcomes.columns or not len(outcomes):
        return Followed(ones, ones)
    sent = (outcomes["arm"] == "treated") & (outcomes["offer"] != NONE) & outcomes["exposure"].notna()
    table = outcomes.loc[sent, ["group", "risk_band", "exposure", "n_messages"]]
    table = table.assign(own=within_reach_of(outcomes)[sent.to_numpy()], n=1.0)
    sums = table.groupby(["group", "risk_band"])[["exposure", "own", "n_messages", "n"]].sum()
    sums = sums.reindex(pd.MultiIndex.from_frame(outcomes[["group", "risk_band"]]))
    ratio = (sums["exposure"] / sums["own"]).to_numpy(), (sums["n_messages"] / sums["n"]).to_numpy()
    return Followed(*(np.where(np.isfinite(one), np.maximum(one, 1.0), 1.0) for one in ratio))


def rows_of(outcomes: pd.DataFrame) -> Rows:
    """The table WAVE_OUTCOMES as arrays.

    Raises:
        ContractError: a propensity of 0: what was drawn cannot have been impossible.
    """
    propensity = outcomes["propensity"].to_numpy(dtype=np.float64)
    if not (propensity > 0).all():
        raise ContractError("expected propensities above 0 of what was drawn, got 0; rebuild the table of waves")
    wave, waves = _in_order_of_maturing(outcomes)
    offer, offers = codes(outcomes["offer"])
    options, option_sets = _options(outcomes)
    is_explored = (outcomes["purpose"] == "exploration").to_numpy(dtype=bool)
    return Rows(
        waves=waves,
        offers=tuple(offers),
        option_sets=option_sets,
        place=np.arange(len(outcomes)),
        wave=wave,
        offer=offer,
        options=options,
        customer=numbers(outcomes["customer_id"]),
        is_explored=is_explored,
        treated=(outcomes["arm"] == "treated").to_numpy(dtype=bool),
        weight=1 / propensity,
        counts=np.where(is_explored, 0.5 / propensity, 1.0),
        p_lapse=outcomes["p_lapse"].to_numpy(dtype=np.float64),
        margin_before=outcomes["margin_before"].to_numpy(dtype=np.float64),
        lapsed=outcomes["lapsed"].to_numpy(dtype=np.float64),
        margin=outcomes["margin"].to_numpy(dtype=np.float64),
    )


def _in_order_of_maturing(outcomes: pd.DataFrame) -> tuple[Ints, tuple[str, ...]]:
    found, names = codes(outcomes["wave"])
    matured = day_numbers(outcomes["cutoff_on"]) + outcomes["horizon_days"].to_numpy()
    last = np.full(len(names), np.iinfo(np.int64).min)
    np.maximum.at(last, found, matured)
    order = np.lexsort((np.array(names), last))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return rank[found], tuple(names[k] for k in order)


def _options(outcomes: pd.DataFrame) -> tuple[Ints, tuple[frozenset[str], ...]]:
    """Which offers could have been drawn: a number a row, and the set behind each number."""
    if "options" not in outcomes.columns:
        return np.zeros(len(outcomes), dtype=np.int64), (frozenset(),)
    found, texts = codes(outcomes["options"])
    return found, tuple(frozenset(text.split("; ")) for text in texts)
