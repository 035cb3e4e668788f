"""What a shop sees of its living store: tables that grow week by week, and the features made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from contracts.event_kinds import INTERACTION_KINDS, RESPONSE_KINDS
from contracts.event_tables import CAMPAIGNS, PROMOTIONS
from contracts.params import Task
from events.store import Events, Shelf
from features.customer_days import day_book
from features.engine import feature_batches
from features.plan import choose, recorded
from features.records import Feature
from features.snapshots import judged_at
from portraits.known import Known
from simulation.living.store import LivingStore, Week

TABLES = ("purchases", "contacts", "responses", "interactions")
NOT_RECORDED = frozenset(
    {"campaigns", "coupons", "promotions", "returns", "promotion_id", "payer", "value", "department"}
)


class HeldShelf(Shelf):
    """An event store held in memory, in one bucket."""

    def __init__(self, events: Events) -> None:
        side = {name: getattr(events, name) for name in (*TABLES[1:], "products", "campaigns", "promotions")}
        super().__init__(Path(), {}, side, frozenset(), events.absent)
        object.__setattr__(self, "held", events)

    def whole(self) -> Events:
        """Every customer's events."""
        held: Events = self.__dict__["held"]
        return held

    @property
    def n_buckets(self) -> int:
        """One."""
        return 1

    def bucket(self, *numbers: int) -> Events:  # noqa: ARG002  # there is but one
        """The one bucket."""
        return self.whole()

    def product_ids(self) -> pd.Index:
        """Every product that a purchase names."""
        named: pd.Index = pd.Index(self.whole().purchases["product_id"].unique())
        return named


@dataclass
class View:
    """The shop's tables so far. `add` takes a week in; nothing else changes them."""

    store: LivingStore
    parts: dict[str, list[pd.DataFrame]] = field(default_factory=lambda: {name: [] for name in TABLES}, repr=False)
    money: list[pd.DataFrame] = field(default_factory=list, repr=False)

    def add(self, week: Week) -> None:
        """Take in what happened in a week."""
        for name in TABLES:
            self.parts[name].append(getattr(week, name))
        self.money.append(week.money.assign(monday=pd.Timestamp(week.monday)))

    def copy(self) -> View:
        """The same tables beside a store of its own: what one adds the other does not see."""
        return View(self.store.fork(), {name: list(held) for name, held in self.parts.items()}, list(self.money))

    def events(self) -> Events:
        """Everything that is known, in canonical tables."""
        for name, held in self.parts.items():
            self.parts[name] = [pd.concat(held, ignore_index=True)]
        tables = {name: held[0] for name, held in self.parts.items()}
        answered, met = (set(tables[name]["kind"].unique()) for name in ("responses", "interactions"))
        kinds = {f"responses:{kind}" for kind in set(RESPONSE_KINDS) - answered}
        kinds |= {f"interactions:{kind}" for kind in set(INTERACTION_KINDS) - met}
        nature = self.store.nature
        return Events(
            **tables,
            products=self.store.products,
            first_sale_on=nature.first_day,
            data_end_on=self.store.today,
            time_zone=nature.time_zone,
            absent=NOT_RECORDED | frozenset(kinds),
            campaigns=CAMPAIGNS.empty(),
            promotions=PROMOTIONS.empty(),
        )

    def known(self, events: Events) -> Known:
        """What portraits read."""
        customers = self.store.customers
        refused = customers.loc[customers["no_marketing"].fillna(False).astype(bool), "customer_id"]
        return Known(
            events.purchases,
            events.products,
            events.contacts,
            events.responses,
            frozenset(refused),
            self.store.consents,
            events.absent,
            customers,
            events.interactions,
        )


def features_of(events: Events, names: Sequence[str]) -> tuple[Feature, ...]:
    """The records of these features alone, as far as the shop records what they need."""
    known = recorded(choose([], list(names)), events.absent)
    return tuple(one for one in known if one.name in names)


def judged(events: Events, cutoffs: Sequence[date], task: Task) -> pd.DataFrame:
    """The eligible at some cutoffs, with what became of them where that is known by now."""
    return judged_at(day_book(events.purchases, events.time_zone), list(cutoffs), events.data_end_on, task)


def feature_rows(events: Events, rows: pd.DataFrame, names: Sequence[str], horizon_days: int) -> pd.DataFrame:
    """The feature table of some rows (`customer_id`, `cutoff_on`), in their order."""
    features = features_of(events, names)
    parts = list(feature_batches(HeldShelf(events), rows, features, horizon_days))
    values = np.concatenate([part for _, part in parts])
    keys = pd.concat([frame[["customer_id", "cutoff_on"]] for frame, _ in parts], ignore_index=True)
    return pd.concat([keys, pd.DataFrame(values, columns=[one.name for one in features])], axis=1)
