"""Portraits in brief, for replays of many weeks: what decides who may get what, without goods, labels and sentences.

The facts are those of `portray`, reckoned on arrays of coded customers: a replay draws a thousand portraits a week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.event_kinds import FORCED, INDUCED, STICKY
from contracts.params import Portray, Store
from contracts.portrait_rules import PortraitRules
from contracts.windows import day_numbers, days_until, rows_before, trailing
from portraits.facts import last_tie_on
from portraits.groups import UNSCORED, assign_groups
from portraits.history import CodedDays, coded_days, next_due, state
from portraits.interactions import coded_open_complaints, interaction, last_ties
from portraits.known import Known
from portraits.look import HALF_YEAR_DAYS
from portraits.spend import promotion_sensitivity, value_tier
from portraits.touches import ANSWERS, answered_channel, consented_channels

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
READ = ("customer_id", "ordered_at", "ordered_on", "amount", "discount", "known_at", "undone_at")
UNSAID = (
    "labels", "evidence", "favourite_category", "matched_product", "due_product", "goes_with_product",
    "within_price_product", "lapsed_product", "asked_channel", "last_offer", "last_outcome", "complaint_on",
)  # fmt: skip


@dataclass(frozen=True)
class _Lines:
    """Purchase lines of coded customers (positions in `customers`, which are sorted), one entry a line."""

    customers: pd.Index
    customer: Ints
    day: Ints
    amount: Floats
    discount: Floats

    def where(self, kept: Flags) -> _Lines:
        """Some of the lines, of the same customers."""
        return _Lines(self.customers, self.customer[kept], self.day[kept], self.amount[kept], self.discount[kept])

    def total(self, weights: Floats) -> Floats:
        """Sum of weights a customer, to the cent."""
        return np.bincount(self.customer, weights, minlength=len(self.customers)).astype(np.float64).round(2)

    def full_price_days(self) -> Ints:
        """On how many days each customer bought and nothing was given off."""
        width = int(self.day.max(initial=0)) + 1
        days, place = np.unique(self.customer * width + self.day, return_inverse=True)
        full = np.bincount(place, self.discount, minlength=len(days)) <= 0
        return np.bincount(days[full] // width, minlength=len(self.customers))


def brief_portraits(
    known: Known,
    scores: pd.DataFrame,
    *,
    cutoff: date,
    store: Store,
    active_days: int,
    limits: Portray,
    rules: PortraitRules,
) -> pd.DataFrame:
    """PORTRAITS at `cutoff`, with every column that an offer's tests read as `portray` has it, and the others empty."""
    lines = _lines(known, cutoff, store.time_zone)
    recent = lines.where(trailing(lines.day, cutoff, HALF_YEAR_DAYS))
    days = coded_days(lines.customer, lines.day, len(lines.customers))
    facts = _rhythm(days, lines.customers, cutoff).assign(**_spend(lines, recent))
    facts["tier"] = days.earned_tier(limits)
    ties = last_ties(known.interactions, cutoff, store.time_zone)
    facts["state"] = state(facts, days_until(last_tie_on(facts, ties), cutoff), active_days, limits)
    facts["value_tier"] = value_tier(facts["spend"], limits)
    facts["promotion_sensitivity"] = promotion_sensitivity(facts["discount_share"], limits)
    facts["next_due_on"] = next_due(facts)
    facts = facts.assign(**_beside(known, recent, cutoff, store.time_zone))
    facts["risk_band"] = scores.set_index("customer_id")["risk_band"].reindex(facts.index, fill_value=UNSCORED)
    table = facts.join(assign_groups(facts, rules.groups)).drop(columns="risk_band").reset_index()
    return table.assign(
        cutoff_on=pd.Timestamp(cutoff),
        no_marketing=table["customer_id"].isin(known.no_marketing),
        payer="unknown",
        headroom=0.0,
        joined_on=pd.Series(pd.NaT, index=table.index, dtype="datetime64[us]"),
        **dict.fromkeys(UNSAID, ""),
    )


def _lines(known: Known, cutoff: date, time_zone: str) -> _Lines:
    purchases = known.purchases[[name for name in READ if name in known.purchases.columns]]
    lines = rows_before(purchases, cutoff, time_zone)
    customer, ids = pd.factorize(lines["customer_id"], sort=True)
    return _Lines(
        pd.Index(ids, dtype="str", name="customer_id"),
        customer.astype(np.int64),
        day_numbers(lines["ordered_on"]),
        lines["amount"].to_numpy(dtype=np.float64),
        lines["discount"].to_numpy(dtype=np.float64),
    )


def _rhythm(days: CodedDays, customers: pd.Index, cutoff: date) -> pd.DataFrame:
    """Days, gaps and the interval in which the next purchase is due, one row a customer."""
    first, last = days.first_on(), days.last_on()
    due_from, due_until = days.due_interval()
    facts = pd.DataFrame(
        {
            "n_purchase_days": days.count,
            "first_purchase_on": first,
            "last_purchase_on": last,
            "usual_gap_days": days.gap_quantile(0.5),
            "due_from_on": due_from,
            "due_until_on": due_until,
        },
        index=customers,
    )
    return facts.assign(silence_days=days_until(facts["last_purchase_on"], cutoff))


def _spend(lines: _Lines, recent: _Lines) -> dict[str, Floats]:
    """Spend of the half-year, and the share given off in it (ever, for those without a purchase in it)."""
    is_late = np.bincount(recent.customer, minlength=len(lines.customers)) > 0
    amount, discount = recent.total(recent.amount), recent.total(recent.discount)
    paid = np.where(is_late, amount, lines.total(lines.amount))
    off = np.where(is_late, discount, lines.total(lines.discount))
    with np.errstate(invalid="ignore"):
        return {"spend": amount, "discount_share": off / (paid + off)}


def _beside(known: Known, recent: _Lines, cutoff: date, time_zone: str) -> dict[str, pd.Series | Flags]:
    """Interactions, complaints, the day of the last message, and the channels that may be used."""
    customers, no_day = recent.customers, pd.Series(dtype="datetime64[us]")
    contacts = rows_before(known.contacts, cutoff, time_zone, "sent_at")
    responses = rows_before(known.responses, cutoff, time_zone, "responded_at")
    assert known.interactions is not None  # noqa: S101  (a replay always has the table, empty or not)
    events = rows_before(known.interactions, cutoff, time_zone, "happened_at")
    agreed = pd.Series(dtype="str")
    if known.consents is not None:
        agreed = consented_channels(rows_before(known.consents, cutoff, time_zone, "given_at"))
    last = contacts.groupby("customer_id")["sent_on"].max() if len(contacts) else no_day
    return {
        "interaction": _interaction(events, responses, recent, cutoff),
        "has_open_complaint": coded_open_complaints(events, customers),
        "last_contact_on": last.reindex(customers).astype("datetime64[us]"),
        "answered_channel": _texts(answered_channel(contacts, responses), customers),
        "consented_channels": _texts(agreed, customers),
    }


def _texts(found: pd.Series, customers: pd.Index) -> pd.Series:
    """The text of each customer, '' for those without."""
    return found.reindex(customers, fill_value="").astype("str")


def _interaction(events: pd.DataFrame, responses: pd.DataFrame, recent: _Lines, cutoff: date) -> pd.Series:
    """How each customer meets the shop: `interactions.interaction` on the counts of the half-year."""
    late = events[trailing(day_numbers(events["happened_on"]), cutoff, HALF_YEAR_DAYS)]
    answers = responses[trailing(day_numbers(responses["responded_on"]), cutoff, HALF_YEAR_DAYS)]
    answers = answers[answers["kind"].isin(ANSWERS)]
    is_watched = bool(events["kind"].isin([*FORCED, *INDUCED, *STICKY]).any())

    def counted(rows: pd.DataFrame, n: npt.NDArray[np.generic] | None = None) -> Ints:
        place = recent.customers.get_indexer(pd.Index(rows["customer_id"]))
        is_known = place >= 0
        found = np.bincount(place[is_known], None if n is None else n[is_known], minlength=len(recent.customers))
        return found.astype(np.int64)

    facts = pd.DataFrame(
        {
            "n_forced": counted(late[late["kind"].isin(FORCED)]),
            "n_induced": counted(late[late["kind"].isin(INDUCED)]) + counted(answers, answers["n"].to_numpy()),
            "n_sticky": counted(late[late["kind"].isin(STICKY)]) + recent.full_price_days() * int(is_watched),
        },
        index=recent.customers,
    )
    return interaction(facts)
