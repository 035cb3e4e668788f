"""The loyalty guard: reads a finished plan and says what in it breaks a rule. It shares no code with the optimiser.

Everything is derived again from catalogue, portraits and scores. A plan that breaks a rule is not published.
The rules by which loyalty is never punished have numbers:

1. An offer only gives.
2. Nobody is treated by an attribute that is forbidden.
3. A loyal customer is never worse off than a newer one: (a) a price that admits a tier admits every higher one, (b)
   mean benefit does not fall from a tier to the next, (c) every regular can claim the newcomers' price.
4. No price benefit ends without notice.
5. Every decision says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from contracts.params import Plan
from contracts.tables import TIERS
from offers.audience import Audience, hidden_facts
from offers.catalogue import DEEPER_DISCOUNTS, NEVER_WITHHELD, NONE, PRICE_MECHANICS, PRODUCT_FIELDS, Catalogue, Offer
from offers.guard.contacts import contact_findings
from offers.guard.findings import Finding, broken, by_rows, kept
from offers.guard.limits import limit_findings
from offers.guard.parity import parity_findings, read_of
from offers.guard.rows import kept_out, row_findings
from offers.setting import Setting

BLIND = "blind"
WHOLE = "everyone once"
ONLY_GIVES = "only gives"
STATIC = "loyal tiers admitted"
LEFT_ALONE = "left alone alike"
JUDGED = ("customer_id", "p_lapse", "risk_band", "reasons", "redeem_odds")


def inspect(
    plan: pd.DataFrame,
    portraits: pd.DataFrame,
    scores: pd.DataFrame,
    setting: Setting,
    feature_names: Sequence[str] = (),
) -> list[Finding]:
    """Every rule's finding on a finished plan, kept ones among them."""
    catalogue, limits = setting.catalogue, setting.limits
    found = forbidden_columns({"plan": plan, "portraits": portraits, "scores": scores}, feature_names, limits)
    found += [_everyone_once(plan, portraits), *_catalogue_gives(catalogue), *_static_monotone(setting)]
    rows = _beside(plan, portraits, scores)
    found.append(_left_alone_alike(rows, [group.name for group in setting.rules.groups if group.is_left_alone]))
    found += row_findings(rows, setting)
    found += contact_findings(rows, setting)
    found += limit_findings(rows, setting)
    found += parity_findings(rows.loc[~kept_out(rows, setting), read_of(rows)], catalogue, limits)
    return found


def forbidden_columns(tables: Mapping[str, pd.DataFrame], feature_names: Iterable[str], limits: Plan) -> list[Finding]:
    """No forbidden attribute among the columns of the tables, the features, or the fields that an audience can name."""
    places = {name: list(table.columns) for name, table in tables.items()}
    places |= {"features": list(feature_names), "audiences": list(Audience.model_fields)}
    banned = {name.casefold() for name in limits.forbidden_attributes}
    found = [
        broken(BLIND, f"{place} carry the forbidden attribute '{column}'")
        for place, columns in places.items()
        for column in columns
        if str(column).casefold() in banned
    ]
    return found or [kept(BLIND)]


def _beside(plan: pd.DataFrame, portraits: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """One row per plan row with the customer's portrait and, where there is one, score beside it."""
    own = [
        "customer_id",
        "tier",
        "state",
        "value_tier",
        "group",
        "promotion_sensitivity",
        "last_contact_on",
        "consented_channels",
        "no_marketing",
        "labels",
        "payer",
        "interaction",
        "has_open_complaint",
        "asked_channel",
        "answered_channel",
        "first_purchase_on",
        "joined_on",
        *PRODUCT_FIELDS,
    ]
    known = _once(portraits[[name for name in own if name in portraits.columns]])
    judged = _once(scores[[name for name in JUDGED if name in scores.columns]])
    rows = plan.merge(known, on="customer_id", how="left").merge(judged, on="customer_id", how="left")
    odds = rows["redeem_odds"].fillna(1.0) if "redeem_odds" in rows.columns else 1.0
    return rows.assign(redeem_odds=odds)


def _once(table: pd.DataFrame) -> pd.DataFrame:
    """Each customer's first row; the table itself, and no copy of it, where there is one of each."""
    return table if table["customer_id"].is_unique else table.drop_duplicates("customer_id")


def _everyone_once(plan: pd.DataFrame, portraits: pd.DataFrame) -> Finding:
    due, planned = portraits.loc[portraits["state"] != "gone", "customer_id"], plan["customer_id"]
    if planned.is_unique and due.sort_values(ignore_index=True).equals(planned.sort_values(ignore_index=True)):
        return kept(WHOLE)
    wrong = (set(due) ^ set(planned)) | set(planned[planned.duplicated()])
    return broken(WHOLE, "expected one row for each customer who is not gone", wrong) if wrong else kept(WHOLE)


def _catalogue_gives(catalogue: Catalogue) -> list[Finding]:
    """Rule 1, in the catalogue: every worth, cost and probability is at least 0; the taught get no deeper discount."""
    found = []
    for offer in catalogue.offers:
        parts = (offer, *offer.with_)
        if any(min(part.price_worth, part.other_worth, part.cost, part.redeem) < 0 for part in parts):
            found.append(broken(ONLY_GIVES, f"offer '{offer.id}' takes something away"))
        if any(p.mechanic in PRICE_MECHANICS and not (p.price_worth > 0 and p.other_worth == 0) for p in parts):
            found.append(broken(ONLY_GIVES, f"offer '{offer.id}' is a price that is not declared as one"))
        is_deeper = any(part.mechanic in DEEPER_DISCOUNTS for part in parts)
        if is_deeper and "promotion-led" in offer.audience.promotion_sensitivity:
            found.append(broken(ONLY_GIVES, f"offer '{offer.id}' gives a deeper discount to the promotion-led"))
    return found or [kept(ONLY_GIVES)]


def _static_monotone(setting: Setting) -> list[Finding]:
    """Rule 3a: a price benefit that admits a tier admits every higher tier, all else equal, by whatever it asks."""
    catalogue = setting.catalogue
    priced = [o for o in catalogue.offers if any(part.price_worth > 0 for part in (o, *o.with_))]
    found = [
        broken(STATIC, f"price benefit '{offer.id}' admits '{tier}' and not '{higher}'")
        for offer in priced
        for tier, higher in _gaps(offer)
    ]
    found += [broken(STATIC, f"price benefit '{o.id}' {why}") for o in priced for why in _ways_round(o, setting)]
    return found or [kept(STATIC)]


def _ways_round(offer: Offer, setting: Setting) -> list[str]:
    """What in a price benefit can stand for a tier without naming one."""
    audience, others = offer.audience, {one.id: one.audience for one in setting.catalogue.offers}
    narrow = [
        name
        for name in (*offer.never_with, *offer.days_after)
        if others[name].groups or len(set(others[name].tiers)) < len(TIERS)
    ]
    known = {rule.name: rule for rule in setting.rules.labels}
    hidden = [name for name in audience.labels or () if hidden_facts(known[name], is_excluded=False)]
    hidden += [name for name in audience.without_labels or () if hidden_facts(known[name], is_excluded=True)]
    ways = {
        "names groups, which can hide a tier": audience.groups is not None,
        "goes to the unscored alone": "unscored" in audience.risk_bands and len(set(audience.risk_bands)) < 4,
        "hangs on an anniversary": offer.occasion is not None and offer.occasion.kind != "calendar",
        f"hangs on offers for some alone: {', '.join(narrow)}": bool(narrow),
        f"hangs on labels that can hide a tier: {', '.join(hidden)}": bool(hidden),
    }
    return [way for way, is_open in ways.items() if is_open]


def _gaps(offer: Offer) -> list[tuple[str, str]]:
    admitted = [tier in offer.audience.tiers for tier in TIERS]
    return [
        (TIERS[low], TIERS[high])
        for low in range(len(TIERS))
        for high in range(low + 1, len(TIERS))
        if admitted[low] and not admitted[high]
    ]


def _left_alone_alike(rows: pd.DataFrame, left_alone: list[str]) -> Finding:
    """Rule 3a for the groups left alone: no one is left alone where a less loyal customer alike has an offer."""
    alone = rows["group"].isin(left_alone)
    rank = rows["tier"].map({tier: k for k, tier in enumerate(TIERS)}).astype("float64")
    alike = [rows[name].astype("object").fillna("").astype("str") for name in ("state", "value_tier", "risk_band")]
    is_served = (rows["offer"] != NONE) & ~rows["mechanic"].isin(NEVER_WITHHELD)
    lowest_served = rank.where(is_served).groupby(alike).transform("min")
    return by_rows(
        LEFT_ALONE, "left alone though less loyal customers alike have an offer", rows, alone & (lowest_served < rank)
    )
