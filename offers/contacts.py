"""What stands in the contact ledger, and what follows: rest, rolling caps, exclusions, and the end of a row of prices.

`contacts` has one row a message that a customer was sent before the cutoff: `customer_id`, `sent_on` and, where the
shop records them, `offer` and `channel`. A message of another campaign has no offer of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.params.acting import Cap, Plan
from contracts.windows import days_until
from offers.catalogue import Catalogue, Offer

Mask = npt.NDArray[np.bool_]
COLUMNS = ("customer_id", "sent_on", "offer", "channel")


def ledger(contacts: pd.DataFrame) -> pd.DataFrame:
    """The contacts with the four columns, '' where offer or channel is not recorded, oldest first."""
    texts = {name: _texts(contacts[name]) if name in contacts.columns else "" for name in ("offer", "channel")}
    table = contacts[["customer_id", "sent_on"]].assign(**texts)
    return table.sort_values(["customer_id", "sent_on", "offer"], ignore_index=True)


def _texts(values: pd.Series) -> pd.Series:
    found: pd.Series = (values if values.dtype == "str" else values.astype("object")).fillna("").astype("str")
    return found


def no_contacts() -> pd.DataFrame:
    """A ledger without a message."""
    table = pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})
    return table.assign(sent_on=table["sent_on"].astype("datetime64[us]"))


def is_rested(customers: pd.DataFrame, sent: pd.DataFrame, send_on: date, rest_days: int) -> Mask:
    """Whether enough days lie between the last contact and the day to send; no contact yet is rest enough.

    The last contact is the later one of the portrait's and the ledger's (`sent`), which holds own sends as well.
    """
    last = sent.groupby("customer_id")["sent_on"].max().astype("datetime64[us]")
    own = last.reindex(customers["customer_id"]).set_axis(customers.index)
    since = days_until(customers["last_contact_on"], send_on), days_until(own, send_on)
    return np.asarray(~((since[0] < rest_days) | (since[1] < rest_days)), dtype=bool)


def under_caps(customers: pd.Series, sent: pd.DataFrame, send_on: date, caps: Iterable[Cap], channel: str = "") -> Mask:
    """Which customer ids may be sent one message more on the day under every rolling cap (of one channel, if named)."""
    counted = sent[sent["channel"] == channel] if channel else sent
    age_days = days_until(counted["sent_on"], send_on)
    free = np.full(len(customers), True)
    for cap in caps:
        n_sent = counted.loc[age_days < cap.days, "customer_id"].value_counts()
        free &= (customers.map(n_sent).fillna(0) < cap.contacts).to_numpy(dtype=bool)
    return free


def days_since_offer(customers: pd.Series, sent: pd.DataFrame, send_on: date, offer: str) -> pd.Series:
    """Days from the latest message with the offer to the day to send; missing where there was none."""
    last = sent[sent["offer"] == offer].groupby("customer_id")["sent_on"].max()
    return days_until(last.reindex(customers).set_axis(customers.index), send_on)


def n_unanswered(customers: pd.DataFrame, sent: pd.DataFrame, catalogue: Catalogue) -> pd.Series:
    """How many of the catalogue's offers each customer was sent after their last purchase day: none brought a purchase.

    Newsletters and other campaigns do not count, nor what puts something right: no answer to those says nothing.
    """
    offers = [offer.id for offer in catalogue.offers if not offer.is_never_withheld]
    own = sent[sent["offer"].isin(offers)]
    last = customers.drop_duplicates("customer_id").set_index("customer_id")["last_purchase_on"]
    later = own["sent_on"] > last.reindex(own["customer_id"]).set_axis(own.index)
    counts = own.loc[later, "customer_id"].value_counts()
    found = counts.reindex(customers["customer_id"]).fillna(0.0).astype("float64")
    return found.set_axis(customers.index)


def good_days(catalogue: Catalogue, limits: Plan) -> dict[str, int]:
    """For each offer, days from sending until its last component has ended for good."""
    return {offer.id: limits.act_within_days + longest_days(offer) for offer in catalogue.offers}


def not_excluded(
    offer: Offer, customers: pd.Series, sent: pd.DataFrame, send_on: date, good: Mapping[str, int]
) -> Mask:
    """Which customer ids the offer's rules about earlier offers admit: again, never with, only so long after.

    `good` are the `good_days` of every offer.
    """
    since = {name: days_since_offer(customers, sent, send_on, name) for name in _named(offer)}
    admitted = ~(since[offer.id] < offer.again_after_days)
    for name in offer.never_with:
        admitted &= ~(since[name] <= good[name])
    for name, days in offer.days_after.items():
        admitted &= since[name] >= days
    return admitted.to_numpy(dtype=bool)


def _named(offer: Offer) -> set[str]:
    return {offer.id, *offer.never_with, *offer.days_after}


def longest_days(offer: Offer) -> int:
    """Days that the last of its components stays good after the last day to act."""
    return max(component.valid_days for component in offer.components)


def price_benefits_in_a_row(customers: pd.Series, sent: pd.DataFrame, catalogue: Catalogue) -> pd.Series:
    """How many of a customer's latest messages, back to the last one without, carried a price benefit."""
    priced = sent["offer"].isin([offer.id for offer in catalogue.offers if offer.gives_price])
    newest_first = pd.DataFrame({"customer_id": sent["customer_id"], "priced": priced}).iloc[::-1]
    unbroken = newest_first.groupby("customer_id")["priced"].cummin()
    n_in_a_row = unbroken.groupby(newest_first["customer_id"]).sum()
    return customers.map(n_in_a_row).fillna(0).astype("int64")
