"""A shop small enough to work out by hand, for the tests of portraits: its tables, its customers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from contracts.event_tables import CONTACTS, CUSTOMERS, INTERACTIONS, PRODUCTS, PURCHASES, RESPONSES
from contracts.params import Portray, Store
from contracts.portrait_rules import PortraitRules, load_portrait_rules
from contracts.tables import SCORES
from contracts.words import Words
from portraits.known import Known
from portraits.labels import label_customers
from portraits.portrait import facts_of, portray

ROOT = Path(__file__).parents[1]
ZONE = "America/New_York"
CUTOFF = date(2018, 1, 1)  # a Monday; the last half-year begins on 3 July 2017, the last quarter on 2 October
STORE = Store(time_zone=ZONE, currency="EUR", margin_rate=0.3)
LIMITS = Portray(
    returning_days=3,
    regular_days=5,
    devoted_days=10,
    steady_gap_cv=0.9,
    lapsing_gap_multiple=3.0,
    lapsing_min_days=14,
    value_tier_shares=[0.2, 0.5],
    promotion_shares=[0.1, 0.2],
    unnamed_categories=["FUEL"],
    unnamed_product_types=["MISC"],
)
GOODS = {
    "m": ("DAIRY", "MILK"), "b": ("BREAD", "LOAF"), "f": ("FUEL", "PETROL"), "u": ("unknown", "unknown"),
    **{f"p{k}": ("GOODS", f"KIND {k}") for k in range(10)},
}  # fmt: skip
WORDS = Words({"DAIRY": "milk and cheese", "MILK": "milk", "LOAF": "bread"})
Row = dict[str, Any]


@cache
def rules() -> PortraitRules:
    """The labels and groups that the repository ships."""
    return load_portrait_rules(ROOT / "portraits.yaml")


def ago(*n_days: int) -> list[str]:
    """The days so long before the cutoff, as '2017-12-31'; 1 is a Sunday, 2 a Saturday, 7 a Monday."""
    return [(CUTOFF - timedelta(days=n)).isoformat() for n in n_days]


def buy(customer: str, days: Iterable[str], product: str = "m", hour: str = "18:30", **more: object) -> list[Row]:
    """One line on each day; `more` are further columns."""
    return [{"customer_id": customer, "local": f"{day} {hour}", "product_id": product, **more} for day in days]


def products() -> pd.DataFrame:
    rows = [(key, "all", *names, key == "m") for key, names in GOODS.items()]
    columns = ["product_id", "department", "category", "product_type", "is_private_label"]
    return PRODUCTS(pd.DataFrame(rows, columns=columns))


USUAL: Row = {
    "store_id": "s1", "quantity": 1.0, "amount": 10.0, "discount": 1.0, "coupon_discount": 0.0, "source": "0" * 12,
    "is_cancellation": False, "repair": "",
}  # fmt: skip


def purchases(rows: list[Row]) -> pd.DataFrame:
    """Lines, one receipt a customer and day; 10 paid and 1 off unless a row says otherwise."""
    table = pd.DataFrame([{**USUAL, **row} for row in rows])
    local = pd.to_datetime(table.pop("local")).astype("datetime64[us]")
    table["source_line"] = range(1, len(table) + 1)
    table["order_id"] = table["customer_id"] + local.astype("str").str[:10]
    table["ordered_at"] = local.dt.tz_localize(ZONE).dt.tz_convert("UTC")
    table["ordered_on"], table["ordered_hour"] = local.dt.normalize(), local.dt.hour.astype("int8")
    table["undone_at"] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[us, UTC]")
    return PURCHASES(table)


def instant(text: str) -> pd.Timestamp:
    """A local day or time as an instant."""
    return pd.Timestamp(text, tz=ZONE).tz_convert("UTC")


def interactions(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Events of (customer, kind, local time)."""
    return INTERACTIONS(
        pd.DataFrame(
            [(who, kind, instant(at), pd.Timestamp(at).normalize()) for who, kind, at in rows],
            columns=["customer_id", "kind", "happened_at", "happened_on"],
        ).assign(product_id=None, value=None, with_customer_id=None, known_at=pd.NaT)
    )


def contacts(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Messages of (customer, campaign, local day, channel)."""
    return CONTACTS(
        pd.DataFrame(
            [(who, what, instant(day), pd.Timestamp(day), how) for who, what, day, how in rows],
            columns=["customer_id", "campaign_id", "sent_at", "sent_on", "channel"],
        )
    )


def responses(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Responses of (customer, campaign, kind, local day)."""
    return RESPONSES(
        pd.DataFrame(
            [(who, what, "", kind, instant(day), pd.Timestamp(day), 1) for who, what, kind, day in rows],
            columns=["customer_id", "campaign_id", "coupon_id", "kind", "responded_at", "responded_on", "n"],
        )
    )


def customers(*rows: tuple[str, str | None, str | None]) -> pd.DataFrame:
    """Members of (customer, local day of joining, channel asked for)."""
    return CUSTOMERS(
        pd.DataFrame(
            [(who, pd.NaT if day is None else instant(day), how) for who, day, how in rows],
            columns=["customer_id", "joined_at", "preferred_channel"],
        ).astype({"joined_at": "datetime64[us, UTC]"})
    )


@dataclass(frozen=True)
class Shop:
    """What was bought, and the further tables."""

    rows: list[Row]
    contacts: pd.DataFrame = field(default_factory=CONTACTS.empty)
    responses: pd.DataFrame = field(default_factory=RESPONSES.empty)
    interactions: pd.DataFrame | None = None
    customers: pd.DataFrame | None = None
    absent: frozenset[str] = frozenset()
    same_as: dict[str, str] = field(default_factory=dict)

    @property
    def known(self) -> Known:
        return Known(
            purchases(self.rows),
            products(),
            self.contacts,
            self.responses,
            absent=self.absent,
            customers=self.customers,
            interactions=self.interactions,
            same_as=self.same_as,
        )


def portraits(shop: Shop, scores: pd.DataFrame | None = None, limits: Portray = LIMITS) -> pd.DataFrame:
    """The portraits of a shop's customers, by customer, by the shipped rules."""
    table = portray(
        shop.known,
        SCORES.empty() if scores is None else scores,
        cutoff=CUTOFF,
        store=STORE,
        active_days=90,
        limits=limits,
        words=WORDS,
        rules=rules(),
    )
    return table.set_index("customer_id")


def facts(shop: Shop) -> pd.DataFrame:
    """The facts of a shop's customers, by customer."""
    found = facts_of(shop.known, cutoff=CUTOFF, store=STORE, active_days=90, limits=LIMITS, words=WORDS)
    return found.set_axis(found.index.astype("str"))


def labelled(shop: Shop, *names: str) -> pd.DataFrame:
    """`labels` and `evidence` of a shop's customers, as far as the shipped labels of these names go."""
    return label_customers(facts(shop), [rule for rule in rules().labels if rule.name in names])
