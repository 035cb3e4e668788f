"""A simulated store that answers what it is sent: one call a week, and tables as a shop would see them.

Simplified: one line a purchase and one purchase a customer and day; one benefit held at a time (a new message takes the
old one's place); a price benefit counts at its full cost, whatever the basket; goods given back still count as a tie;
what a price benefit taught is not forgotten. Messages without consent arrive all the same: permission is the planner's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from simulation.draws import Ints
from simulation.living import belief as beliefs
from simulation.living import tables
from simulation.living.calendar import day_of, midnight_us
from simulation.living.days import Arrived, DayLuck, Tied, arrive, closed_complaints, live
from simulation.living.luck import Single, contact_luck, daily_luck, size_luck, week_luck
from simulation.living.nature import Nature
from simulation.living.sends import no_sends, sends_of
from simulation.living.shop import shop_of
from simulation.living.state import first_state

JOIN_HOUR = 9


@dataclass(frozen=True)
class Week:
    """What happened in one week, from `monday` on: canonical tables, and `money` with one row a customer touched.

    `consents` holds the consents that were withdrawn, as in the contract with `withdrawn_at`. `money` is the truth:
    `margin` of purchases at the list price's margin rate less reductions (without those given back, before benefits),
    `benefit_cost` and `contact_cost`.
    """

    monday: date
    purchases: pd.DataFrame
    contacts: pd.DataFrame
    responses: pd.DataFrame
    interactions: pd.DataFrame
    consents: pd.DataFrame
    money: pd.DataFrame


@dataclass(frozen=True)
class Happened:
    """A week in arrays: messages that arrived, ties by day, complaints closed by day, and the luck behind them."""

    arrived: list[Arrived]
    ties: list[Tied]
    closed: list[tuple[int, Ints]]
    luck: dict[str, Single]


class LivingStore:
    """A store of one nature and seed, on the Monday `today`; `luck_seed` gives the same customers another future."""

    def __init__(self, nature: Nature, seed: int, luck_seed: int | None = None) -> None:
        self.nature, self.seed = nature, seed
        self.luck_seed = seed if luck_seed is None else luck_seed
        self.shop = shop_of(nature, seed)
        self.people = self.shop.people
        self.printer = tables.Printer(nature, self.people)
        self.index = pd.Index(self.people.ids)
        self.state = first_state(nature, self.people)
        self.pending = no_sends()
        self.day, self.n_lines = 0, 0

    @property
    def today(self) -> date:
        """Monday of the next week to simulate."""
        return day_of(self.nature, self.day)

    @property
    def products(self) -> pd.DataFrame:
        """Canonical products."""
        return self.printer.products

    @property
    def customers(self) -> pd.DataFrame:
        """Canonical customers, those who have joined so far."""
        who = np.flatnonzero(self.people.joined < self.day)
        return pd.DataFrame(
            {
                "customer_id": self.printer.ids(who),
                "joined_at": self._joined_at(who),
                "no_marketing": pd.array(self.people.no_marketing[who], dtype="boolean"),
            }
        )

    @property
    def consents(self) -> pd.DataFrame:
        """Canonical consents that hold now, of those who have joined so far."""
        parts = []
        for name, permitted in self.state.permitted.items():
            who = np.flatnonzero(permitted & (self.people.joined < self.day))
            parts.append(self._consents_of(name, who))
        return pd.concat(parts, ignore_index=True)

    def _consents_of(self, channel: str, who: Ints) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "customer_id": self.printer.ids(who),
                "channel": tables.constant(channel, len(who)),
                "given_at": self._joined_at(who),
                "withdrawn_at": tables.instants(np.full(len(who), np.iinfo(np.int64).min)),
            }
        )

    def _joined_at(self, who: Ints) -> ExtensionArray:
        """Instants of joining: nine in the morning (by the first day's offset from UTC)."""
        start = midnight_us(self.nature, 0)[1] + JOIN_HOUR * 3600 * tables.SECOND_US
        return tables.instants(start + self.people.joined[who] * tables.DAY_US)

    def fork(self, luck_seed: int | None = None) -> LivingStore:
        """The same store with a state of its own; another `luck_seed` for another future from here on."""
        twin = object.__new__(LivingStore)
        twin.__dict__.update(self.__dict__)
        twin.state = self.state.copy()
        twin.luck_seed = self.luck_seed if luck_seed is None else luck_seed
        return twin

    def redraw_hidden(self, seed: int) -> None:
        """Draw anew what nobody can know (left, paused, shielded) from what can be known: for proofs of the oracle."""
        rng = np.random.default_rng(seed)
        left, left_day, paused, shielded = beliefs.draw_hidden(self.state.belief, rng, self.day)
        has_joined = self.people.joined < self.day
        self.state.left, self.state.left_day = left & has_joined, left_day
        self.state.is_paused, self.state.is_shielded = paused & has_joined, shielded & has_joined

    def step(self, sends: pd.DataFrame | None = None) -> Week:
        """Simulate seven days. `sends`: one row a message (columns: sends.COLUMNS), of this week or a later one."""
        monday = self.today
        return self._printed(self.advance(sends), monday)

    def advance(self, sends: pd.DataFrame | None = None) -> Happened:
        """The same, with what happened in arrays, not yet in tables: for proofs, which take many weeks."""
        if sends is not None and len(sends):
            channels = np.asarray(sorted(self.nature.reach), dtype=object)
            new = sends_of(sends, self.index, self.nature.first_day, self.day, channels)
            self.pending = self.pending.joined(new)
        week, n = self.day // 7, len(self.people)
        shock, drifts, where = week_luck(self.luck_seed, week, n, self.nature.shock_sd)
        self._turn_week(drifts, where)
        luck, size = daily_luck(self.luck_seed, week, n), size_luck(self.luck_seed, week, n)
        due = self.pending.day < self.day + 7
        contact = contact_luck(self.luck_seed, week, n) if due.any() else {}
        found = Happened([], [], [], luck)
        for day in range(self.day, self.day + 7):
            self._live_day(day, contact, found, size, shock)
        beliefs.rescale(self.state.belief)
        self.pending, self.day = self.pending.where(~due), self.day + 7
        return found

    def _live_day(self, day: int, contact: dict[str, Single], found: Happened, size: Single, shock: float) -> None:
        beliefs.turn_day(self.state.belief, day)
        here = self.pending.day == day
        if here.any():
            sends = self.pending.where(here)
            found.arrived.append(arrive(self.shop, self.state, sends, day, contact))
        found.closed.append((day, closed_complaints(self.state, day)))
        draw = {name: values[day % 7] for name, values in found.luck.items()}
        found.ties.append(live(self.shop, self.state, DayLuck(day, draw, size[day % 7], shock)))

    def _turn_week(self, drifts: Single, where: Single) -> None:
        """Contacts become a week older; some customers' tastes turn to another category."""
        self.state.contacts = np.roll(self.state.contacts, 1, axis=1)
        self.state.contacts[:, 0] = 0
        turned = drifts < self.nature.drift_share
        self.state.favourite[turned] = (where[turned] * self.nature.categories).astype(np.int64)

    def _printed(self, found: Happened, monday: date) -> Week:
        margin = tables.margins_of(self.nature, found.ties, found.luck)
        purchases = tables.purchases_of(self.printer, found.ties, found.luck, self.n_lines + 1)
        self.n_lines += len(purchases)
        return Week(
            monday=monday,
            purchases=purchases,
            contacts=tables.contacts_of(self.printer, found.arrived),
            responses=tables.responses_of(self.printer, found.arrived, found.ties),
            interactions=tables.interactions_of(self.printer, found.arrived, found.ties, found.closed),
            consents=self._withdrawn(found.arrived),
            money=tables.money_of(self.printer, found.ties, found.arrived, margin),
        )

    @cached_property
    def _no_consents(self) -> pd.DataFrame:
        return self._consents_of("email", np.empty(0, dtype=np.int64))

    def _withdrawn(self, arrived: list[Arrived]) -> pd.DataFrame:
        """Consents that were taken back in the week."""
        parts = [self._no_consents.copy(deep=False)]
        for one in arrived:
            for name in self.state.permitted:
                who = one.sends.who[one.unsubscribed & (one.sends.channel == name)]
                if len(who):
                    second = np.full(len(who), tables.RESPONSE_HOUR * 3600)
                    at = self.printer.instants(np.full(len(who), one.day), second)
                    parts.append(self._consents_of(name, who).assign(withdrawn_at=at))
        return pd.concat(parts, ignore_index=True)
