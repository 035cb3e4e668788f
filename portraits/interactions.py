"""How customers meet the shop beside buying: forced, induced or sticky; referrals, reviews, open complaints."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.event_kinds import FORCED, INDUCED, STICKY, TIES
from contracts.portrait_facts import UNKNOWN
from contracts.windows import day_numbers, rows_before, trailing
from contracts.words import day_text
from portraits.known import by_customer, counted
from portraits.touches import ANSWERS


def is_watched(events: pd.DataFrame) -> bool:
    """Whether the shop records how customers meet it beside buying: whether any of these events tells."""
    return bool(events["kind"].isin([*FORCED, *INDUCED, *STICKY]).any())


def interactions(
    events: pd.DataFrame,
    responses: pd.DataFrame,
    full_price_days: pd.Series,
    cutoff: date,
    window_days: int,
    *,
    watched: bool | None = None,
) -> pd.DataFrame:
    """One row per customer of `full_price_days` (days bought at full price in the window).

    `n_forced`, `n_induced`, `n_sticky`, `n_redeemed` in the window; `n_referrals` (as giver) and `n_reviews` so far;
    `interaction`. `events` and `responses` hold only what was known before the cutoff. Days at full price count as
    sticky where the shop records such events at all: else they would say nothing but that nobody looked. Without
    `watched` (`is_watched`), the events are the whole shop's.
    """
    customers = full_price_days.index
    recent = events[trailing(day_numbers(events["happened_on"]), cutoff, window_days)]
    answered = responses[trailing(day_numbers(responses["responded_on"]), cutoff, window_days)]
    watched = is_watched(events) if watched is None else watched
    facts = pd.DataFrame(index=customers)
    facts["n_forced"] = _count(recent, FORCED, customers)
    facts["n_induced"] = _count(recent, INDUCED, customers) + _responses(answered, ANSWERS, customers)
    facts["n_sticky"] = _count(recent, STICKY, customers) + full_price_days * int(watched)
    facts["n_redeemed"] = _responses(answered, ("redeemed",), customers)
    facts["n_referrals"] = _count(events, ("referral",), customers)
    facts["n_reviews"] = _count(events, ("review",), customers)
    return facts.assign(interaction=interaction(facts))


def interaction(facts: pd.DataFrame) -> pd.Series:
    """The rule: *forced* if nothing but service brought them; else *sticky* or *induced*, whichever was more often.

    A tie is induced: half of it would not have come by itself. Without any event 'unknown'.
    """
    forced, induced, sticky = (facts[name] for name in ("n_forced", "n_induced", "n_sticky"))
    none_else = (induced + sticky) == 0
    cases = [none_else & (forced == 0), none_else, sticky > induced]
    named = np.select(cases, [UNKNOWN, "forced", "sticky"], "induced")
    return pd.Series(named, index=facts.index, dtype="str")


def open_complaints(events: pd.DataFrame, customers: pd.Index) -> pd.DataFrame:
    """One row per customer: `has_open_complaint` (none closed at or after the last one), `complaint_on` in words."""
    last = events.groupby(["kind", "customer_id"])["happened_at"].max()
    complained, closed = (_of_kind(last, kind) for kind in ("complaint", "complaint_closed"))
    closed = closed.reindex(complained.index)
    is_open = closed.isna() | (complained > closed)
    complaints = events[events["kind"] == "complaint"].sort_values("happened_at")
    day = complaints.drop_duplicates("customer_id", keep="last").set_index("customer_id")["happened_on"]
    return pd.DataFrame(
        {
            "has_open_complaint": by_customer(is_open, customers, False).astype("bool"),
            "complaint_on": by_customer(day_text(day), customers, "").astype("str"),
        }
    )


def coded_open_complaints(events: pd.DataFrame, customers: pd.Index) -> npt.NDArray[np.bool_]:
    """Of `open_complaints` the flag alone, one entry a customer: for replays."""
    complained, closed = (_last_of(events, kind, customers) for kind in ("complaint", "complaint_closed"))
    return complained > closed


def _last_of(events: pd.DataFrame, kind: str, customers: pd.Index) -> npt.NDArray[np.int64]:
    """Instant of the last event of a kind, one entry a customer; the least number there is for those without."""
    own = events[events["kind"] == kind]
    place = customers.get_indexer(pd.Index(own["customer_id"]))
    at = own["happened_at"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    last = np.full(len(customers), np.iinfo(np.int64).min)
    np.maximum.at(last, place[place >= 0], at[place >= 0])
    return last


def _of_kind(last: pd.Series, kind: str) -> pd.Series:
    return last[last.index.get_level_values("kind") == kind].droplevel("kind")


def _count(events: pd.DataFrame, kinds: tuple[str, ...], customers: pd.Index) -> pd.Series:
    return counted(events.loc[events["kind"].isin(kinds), "customer_id"], customers)


def _responses(responses: pd.DataFrame, kinds: tuple[str, ...], customers: pd.Index) -> pd.Series:
    found = responses[responses["kind"].isin(kinds)].groupby("customer_id")["n"].sum()
    return by_customer(found, customers, 0).astype("int64")


def last_ties(events: pd.DataFrame | None, cutoff: date, time_zone: str) -> pd.Series:
    """By customer: the day of the last care visit or referral before the cutoff."""
    if events is None:
        return pd.Series(dtype="datetime64[us]")
    known = rows_before(events, cutoff, time_zone, "happened_at")
    last: pd.Series = known[known["kind"].isin(TIES)].groupby("customer_id")["happened_on"].max()
    return last
