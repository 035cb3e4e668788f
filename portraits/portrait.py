"""The portrait of every customer who ever bought before a cutoff: one table from purchases, contacts and scores."""

from __future__ import annotations

from datetime import date

import pandas as pd

from contracts.params import Portray, Store
from contracts.portrait_rules import PortraitRules
from contracts.tables import PORTRAITS
from contracts.windows import rows_before
from contracts.words import Words
from portraits.facts import customer_facts, said_facts, side_facts, without_absent
from portraits.groups import UNSCORED, assign_groups
from portraits.interactions import last_ties
from portraits.known import Known, by_customer
from portraits.labels import label_customers
from portraits.look import Look, Terms
from portraits.membership import membership
from portraits.naming import COLUMNS as NAMED
from portraits.shop import Shop
from portraits.survey import whole_shop
from portraits.touches import answered_channel, consented_channels, last_touch

__all__ = ["Known", "facts_of", "portray", "portray_some"]

TEXTS = ("favourite_category", *NAMED, "last_offer", "last_outcome")


def portray(
    known: Known,
    scores: pd.DataFrame,
    *,
    cutoff: date,
    store: Store,
    active_days: int,
    limits: Portray,
    words: Words,
    rules: PortraitRules,
) -> pd.DataFrame:
    """PORTRAITS at `cutoff`: one row per customer with a purchase before it, in order of customer id.

    Nothing at or after the cutoff is read. `scores` may lack customers; those have no risk band.
    """
    look = Look(known, Terms(cutoff, store, active_days, limits, words))
    table = None if look.lines.empty else portray_some(look, scores, rules, _shop_of(look))
    return PORTRAITS.empty() if table is None else table


def portray_some(look: Look, scores: pd.DataFrame, rules: PortraitRules, shop: Shop) -> pd.DataFrame | None:
    """PORTRAITS of some customers, of whom `look` holds all there is; `shop` tells of all customers together.

    None if none of them bought before the cutoff.
    """
    if look.lines.empty:
        return None
    known, cutoff, facts = look.known, look.terms.cutoff, _facts(look, shop)
    facts["risk_band"] = _risk_band(scores, facts.index)
    table = facts.join(assign_groups(facts, rules.groups)).join(label_customers(facts, rules.labels))
    table = table.join(_touched(known, facts.index, cutoff, look.terms.store.time_zone)).reset_index()
    table["customer_id"] = table["customer_id"].astype("str")
    table["cutoff_on"] = pd.Timestamp(cutoff)
    table["no_marketing"] = table["customer_id"].isin(known.no_marketing)
    table["has_open_complaint"] = table["has_open_complaint"].astype("boolean").fillna(False).astype("bool")
    table["headroom"] = table["headroom"].fillna(0.0)
    table[list(TEXTS)] = table[list(TEXTS)].astype("object").fillna("").astype("str")
    return PORTRAITS(table[[name for name in PORTRAITS.columns if name in table.columns]])


def facts_of(
    known: Known, *, cutoff: date, store: Store, active_days: int, limits: Portray, words: Words
) -> pd.DataFrame:
    """One row per customer with a purchase before the cutoff: all facts that labels may rest on, and more.

    Indexed by `customer_id`. A fact that the shop does not record is missing for everyone.
    """
    look = Look(known, Terms(cutoff, store, active_days, limits, words))
    return _facts(look, _shop_of(look))


def _shop_of(look: Look) -> Shop:
    """Of a shop in one part."""
    return whole_shop(lambda _: look, 1, look.terms)


def _facts(look: Look, shop: Shop) -> pd.DataFrame:
    ties = last_ties(look.known.interactions, look.terms.cutoff, look.terms.store.time_zone)
    facts = customer_facts(look, ties, shop)
    facts = facts.join(side_facts(look, facts.index, shop))
    return without_absent(facts.join(said_facts(facts, look.terms)), look.known.absent)


def _touched(known: Known, customers: pd.Index, cutoff: date, time_zone: str) -> pd.DataFrame:
    """What was sent to each customer and what came of it, what they agreed to and asked for."""
    contacts = rows_before(known.contacts, cutoff, time_zone, "sent_at")
    responses = rows_before(known.responses, cutoff, time_zone, "responded_at")
    found = pd.DataFrame(index=customers).join(last_touch(contacts, responses))
    member = membership(known.customers, known.same_as, cutoff, time_zone)
    found["joined_on"] = by_customer(member["joined_on"], customers, pd.NaT).astype("datetime64[us]")
    found["asked_channel"] = by_customer(member["asked_channel"], customers, "").astype("str")
    found["answered_channel"] = by_customer(answered_channel(contacts, responses), customers, "").astype("str")
    agreed = pd.Series(dtype="str")
    if known.consents is not None:
        agreed = consented_channels(rows_before(known.consents, cutoff, time_zone, "given_at"))
    found["consented_channels"] = by_customer(agreed, customers, "").astype("str")
    return found


def _risk_band(scores: pd.DataFrame, customers: pd.Index) -> pd.Series:
    return by_customer(scores.set_index("customer_id")["risk_band"], customers, UNSCORED).astype("str")
