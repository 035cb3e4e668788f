"""What a shop sees of a week, as canonical tables (contracts/event_tables.py); amounts in the store's currency.

A purchase is one line of goods, of the customer's favourite category or of another. Its discount holds the shop's own
reductions and the price benefit that was used (`coupon_discount`); `undone_at` is set where it will be given back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import ExtensionArray

from simulation.draws import Floats, Ints
from simulation.living.calendar import midnight_us
from simulation.living.days import Arrived, Tied
from simulation.living.luck import Single
from simulation.living.nature import Nature
from simulation.living.people import People

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
OPEN_HOUR, OPEN_HOURS = 9, 11
SEND_HOUR, RESPONSE_HOUR, CLOSE_HOUR = 10, 18, 12
SOURCE = "living-store"


class Printer:
    """Turns arrays of one store into tables: it knows names of customers, products and days."""

    def __init__(self, nature: Nature, people: People) -> None:
        self.nature, self.people = nature, people
        self.products = products_of(nature)
        self._midnights: dict[int, tuple[int, int]] = {}

    @cached_property
    def no_contacts(self) -> pd.DataFrame:
        """A table of contacts without a row."""
        return _contacts(self, [])

    def _midnight(self, day: int) -> tuple[int, int]:
        if day not in self._midnights:
            self._midnights = {day: midnight_us(self.nature, day), **dict(list(self._midnights.items())[:20])}
        return self._midnights[day]

    def ids(self, who: Ints) -> ExtensionArray:
        """Customers' ids."""
        ids: ExtensionArray = self.people.ids.array.take(who)
        return ids

    def days(self, day: Ints) -> npt.NDArray[np.datetime64]:
        """Local days."""
        local = np.asarray([self._midnight(int(one))[0] for one in np.unique(day)], dtype=np.int64)
        return _by_day(day, local).astype("datetime64[us]")

    def instants(self, day: Ints, second: Ints) -> ExtensionArray:
        """UTC instants of local seconds of days."""
        utc = np.asarray([self._midnight(int(one))[1] for one in np.unique(day)], dtype=np.int64)
        return instants(_by_day(day, utc) + second * SECOND_US)

    def campaigns(self, monday: Ints) -> ExtensionArray:
        """Name of the campaign of each Monday."""
        return _texts(monday, lambda day: f"week of {self.nature.first_day + pd.Timedelta(days=day):%Y-%m-%d}")


def instants(us: npt.NDArray[np.int64]) -> ExtensionArray:
    """UTC instants of microseconds since 1970."""
    return pd.DatetimeIndex(us.astype("datetime64[us]"), tz="UTC").array


def _by_day(day: Ints, values: Ints) -> Ints:
    """One value for each day in order, spread over the rows."""
    return values[np.unique(day, return_inverse=True)[1]] if len(day) else np.empty(0, dtype=np.int64)


def _texts(codes: Ints, say: Callable[[int], str]) -> ExtensionArray:
    """Each distinct code said once."""
    distinct, where = np.unique(codes, return_inverse=True)
    return pd.array([say(int(code)) for code in distinct], dtype="str").take(where)


@lru_cache(maxsize=64)
def _one(text: str) -> ExtensionArray:
    return pd.array([text], dtype="str")


def constant(text: str, n: int) -> ExtensionArray:
    """The same text n times."""
    return _one(text).take(np.zeros(n, dtype=np.int64))


def _kinds(parts: Sequence[tuple[str, Ints]]) -> ExtensionArray:
    """The kind of each row, part after part."""
    names = pd.array([kind for kind, _ in parts], dtype="str")
    return names.take(np.repeat(np.arange(len(parts)), [len(who) for _, who in parts]))


def products_of(nature: Nature) -> pd.DataFrame:
    """Canonical products: `products_per_category` of each category."""
    number = np.arange(nature.categories * nature.products_per_category)
    category = number // nature.products_per_category
    table = pd.DataFrame(
        {
            "product_id": pd.Series([f"p{one:04d}" for one in number], dtype="str"),
            "department": constant("goods", len(number)),
            "category": pd.Series([f"category {one + 1}" for one in category], dtype="str"),
            "product_type": pd.Series([f"kind {one + 1}" for one in number], dtype="str"),
        }
    )
    return table.assign(is_private_label=pd.array(number % 5 == 0, dtype="boolean"))


def _joined(parts: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
    return np.concatenate(parts)


def whole(ties: Sequence[Tied]) -> tuple[dict[str, npt.NDArray[np.generic]], Ints]:
    """The arrays of all days one after the other, and the day of each row."""
    names = [name for name in vars(ties[0]) if name != "day"]
    day = np.repeat([one.day for one in ties], [len(one.who) for one in ties]).astype(np.int64)
    return {name: _joined([getattr(one, name) for one in ties]) for name in names}, day


def purchases_of(printer: Printer, ties: Sequence[Tied], luck: dict[str, Single], first_line: int) -> pd.DataFrame:
    """The week's purchases."""
    nature, people = printer.nature, printer.people
    rows, day = whole(ties)
    bought = ~rows["is_visit"].astype(bool)
    rows, day = {name: values[bought] for name, values in rows.items()}, day[bought]
    who = rows["who"].astype(np.int64)
    draw = {name: luck[name][day % 7, who].astype(np.float64) for name in ("hour", "undone", "category", "product")}
    second = _seconds(draw["hour"])
    value, discount, coupon = (rows[name].astype(np.float64) for name in ("list_value", "discount", "coupon"))
    amount = np.maximum(np.round(value - discount - coupon, 2), 0.01)
    is_undone = draw["undone"] < nature.return_share
    product = _products(nature, people, who, rows["favourite"].astype(np.int64), draw)
    lag = 1 + np.floor(draw["undone"] / max(nature.return_share, 1e-9) * nature.return_days)
    at = printer.instants(day, second)
    ids = printer.ids(who)
    return pd.DataFrame(
        {
            "source": constant(SOURCE, len(who)),
            "source_line": first_line + np.arange(len(who), dtype=np.int64),
            "customer_id": ids,
            "order_id": pd.Series(ids) + pd.Series(_texts(day, lambda one: f"-{one}")),
            "ordered_at": at,
            "ordered_on": printer.days(day),
            "ordered_hour": (second // 3600).astype(np.int8),
            "amount": amount,
            "product_id": printer.products["product_id"].array.take(product),
            "store_id": _texts(people.home[who], lambda one: f"store {one + 1}"),
            "channel": constant("store", len(who)),
            "quantity": np.ones(len(who)),
            "discount": np.round(discount + coupon, 2),
            "coupon_discount": np.round(coupon, 2),
            "is_cancellation": np.zeros(len(who), dtype=bool),
            "repair": constant("", len(who)),
            "undone_at": _later(at, is_undone, lag),
        }
    )


def _later(at: ExtensionArray, is_undone: npt.NDArray[np.bool_], days: Floats) -> ExtensionArray:
    """Instants so many days after, where a purchase will be undone."""
    us = pd.DatetimeIndex(at).asi8 + days.astype(np.int64) * DAY_US
    return instants(np.where(is_undone, us, np.iinfo(np.int64).min))


def margins_of(nature: Nature, ties: Sequence[Tied], luck: dict[str, Single]) -> Floats:
    """Margin of each tie, before benefits: 0 of care visits and of purchases that will be given back."""
    rows, day = whole(ties)
    is_undone = luck["undone"][day % 7, rows["who"].astype(np.int64)] < nature.return_share
    margin = rows["list_value"].astype(np.float64) * nature.margin_rate - rows["discount"].astype(np.float64)
    return np.where(is_undone | rows["is_visit"].astype(bool), 0.0, margin)


def _seconds(uniform: Floats) -> Ints:
    return np.asarray(OPEN_HOUR * 3600 + np.floor(uniform * OPEN_HOURS * 3600), dtype=np.int64)


def _products(nature: Nature, people: People, who: Ints, favourite: Ints, draw: dict[str, Floats]) -> Ints:
    """A product of the favourite category, else of any."""
    focus = people.focus[who]
    anywhere = np.floor((draw["category"] - focus) / (1 - focus) * nature.categories).astype(np.int64)
    category = np.where(draw["category"] < focus, favourite, np.clip(anywhere, 0, nature.categories - 1))
    within = np.minimum(draw["product"] ** 2 * nature.products_per_category, nature.products_per_category - 1)
    return np.asarray(category * nature.products_per_category + np.floor(within), dtype=np.int64)


def contacts_of(printer: Printer, arrived: Sequence[Arrived]) -> pd.DataFrame:
    """The messages that went out."""
    if not arrived:
        return printer.no_contacts.copy(deep=False)
    return _contacts(printer, arrived)


def _contacts(printer: Printer, arrived: Sequence[Arrived]) -> pd.DataFrame:
    who, day = _who_and_day(arrived)
    offer = np.concatenate([np.empty(0, dtype=object), *(one.sends.offer for one in arrived)])
    channel = np.concatenate([np.empty(0, dtype=object), *(one.sends.channel for one in arrived)])
    return pd.DataFrame(
        {
            "customer_id": printer.ids(who),
            "campaign_id": printer.campaigns(day - day % 7),
            "sent_at": printer.instants(day, np.full(len(day), SEND_HOUR * 3600)),
            "sent_on": printer.days(day),
            "offer": pd.array(offer, dtype="str"),
            "channel": pd.array(channel, dtype="str"),
        }
    )


def _who_and_day(arrived: Sequence[Arrived]) -> tuple[Ints, Ints]:
    who = np.concatenate([np.empty(0, dtype=np.int64), *(one.sends.who for one in arrived)])
    return who, np.repeat([one.day for one in arrived], [len(one.sends) for one in arrived]).astype(np.int64)


def responses_of(printer: Printer, arrived: Sequence[Arrived], ties: Sequence[Tied]) -> pd.DataFrame:
    """Opened, unsubscribed and complained on the day of the message; redeemed on the day of the purchase."""
    who, day = _who_and_day(arrived)
    parts = []
    for kind in ("opened", "unsubscribed", "complained", "served"):
        told = np.concatenate([np.empty(0, dtype=bool), *(getattr(one, kind) for one in arrived)])
        parts.append((("redeemed" if kind == "served" else kind), who[told], day[told], (day - day % 7)[told]))
    rows, on = whole(ties)
    used = rows["is_redeemed"].astype(bool)
    parts.append(("redeemed", rows["who"][used].astype(np.int64), on[used], rows["campaign"][used].astype(np.int64)))
    everyone, days = np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts])
    table = pd.DataFrame(
        {
            "customer_id": printer.ids(everyone),
            "campaign_id": printer.campaigns(np.concatenate([part[3] for part in parts])),
            "coupon_id": constant("", len(everyone)),
            "kind": _kinds([(part[0], part[1]) for part in parts]),
            "responded_at": printer.instants(days, np.full(len(days), RESPONSE_HOUR * 3600)),
            "responded_on": printer.days(days),
            "n": np.ones(len(days), dtype=np.int64),
        }
    )
    if not len(table):
        return table
    return table.drop_duplicates(["customer_id", "campaign_id", "kind", "responded_at"], ignore_index=True)


def interactions_of(
    printer: Printer, arrived: Sequence[Arrived], ties: Sequence[Tied], closed: Sequence[tuple[int, Ints]]
) -> pd.DataFrame:
    """Care visits, services given, complaints and their closing."""
    rows, day = whole(ties)
    who = rows["who"].astype(np.int64)
    visit, complained = rows["is_visit"].astype(bool), rows["has_complained"].astype(bool)
    sent, sent_day = _who_and_day(arrived)
    served = np.concatenate([np.empty(0, dtype=bool), *(one.served for one in arrived)])
    ended = np.concatenate([np.empty(0, dtype=np.int64), *(one for _, one in closed)])
    ended_day = np.repeat([one for one, _ in closed], [len(found) for _, found in closed]).astype(np.int64)
    parts = (
        ("care_visit", who[visit], day[visit], RESPONSE_HOUR),
        ("service_request", sent[served], sent_day[served], RESPONSE_HOUR + 1),
        ("complaint", who[complained], day[complained], RESPONSE_HOUR + 2),
        ("complaint_closed", ended, ended_day, CLOSE_HOUR),
    )
    days = np.concatenate([part[2] for part in parts])
    second = np.concatenate([np.full(len(part[1]), part[3] * 3600) for part in parts])
    return pd.DataFrame(
        {
            "customer_id": printer.ids(np.concatenate([part[1] for part in parts])),
            "kind": _kinds([(part[0], part[1]) for part in parts]),
            "happened_at": printer.instants(days, second),
            "happened_on": printer.days(days),
        }
    )


def money_of(printer: Printer, ties: Sequence[Tied], arrived: Sequence[Arrived], margin: Floats) -> pd.DataFrame:
    """One row a customer with anything: margin of purchases, cost of benefits used, cost of contacts."""
    n = len(printer.people)
    rows, _ = whole(ties)
    who, sent = rows["who"].astype(np.int64), _who_and_day(arrived)[0]
    buyers = who[~rows["is_visit"].astype(bool)]
    served = np.concatenate([np.empty(0), *(one.sends.cost * one.served for one in arrived)])
    paid = np.concatenate([np.empty(0), *(one.sends.contact_cost for one in arrived)])
    benefit = np.bincount(who, rows["benefit_cost"].astype(np.float64), n) + np.bincount(sent, served, n)
    touched = np.flatnonzero(np.bincount(buyers, minlength=n) + np.bincount(sent, minlength=n) + (benefit > 0))
    return pd.DataFrame(
        {
            "customer_id": printer.ids(touched),
            "margin": np.bincount(who, margin, n)[touched].astype(np.float64),
            "benefit_cost": benefit[touched].astype(np.float64),
            "contact_cost": np.bincount(sent, paid, n)[touched].astype(np.float64),
        }
    )
