"""The portrait of every customer who ever bought before a cutoff: one table from purchases, contacts and scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from contracts.params import Portray, Store
from contracts.tables import PORTRAITS
from contracts.windows import day_numbers, rows_before, trailing
from contracts.words import Words, day_text
from portraits.groups import UNSCORED, assign_groups
from portraits.habits import DAY_PARTS, habits, visits
from portraits.history import earned_tier, next_due, purchase_days, rhythm, state
from portraits.labels import label_customers
from portraits.spend import promotion_sensitivity, spend, value_tier
from portraits.tastes import favourite_category, matched_product, nameable, product_rhythms, spoken
from portraits.touches import consented_channels, last_touch

HALF_YEAR_DAYS = 182
QUARTER_DAYS = 91
UNKNOWN = "unknown"
DESCRIBED = ("category", "product_type", "is_private_label")


@dataclass(frozen=True)
class Known:
    """What a shop knows, as far as portraits read it; `absent` names what it does not record."""

    purchases: pd.DataFrame
    products: pd.DataFrame
    contacts: pd.DataFrame
    responses: pd.DataFrame
    no_marketing: frozenset[str] = frozenset()
    consents: pd.DataFrame | None = None
    absent: frozenset[str] = frozenset()


def portray(
    known: Known,
    scores: pd.DataFrame,
    *,
    cutoff: date,
    store: Store,
    active_days: int,
    limits: Portray,
    words: Words,
) -> pd.DataFrame:
    """PORTRAITS at `cutoff`: one row per customer with a purchase before it, in order of customer id.

    Nothing at or after the cutoff is read. `scores` may lack customers; those have no risk band.
    """
    lines = _known_lines(known.purchases, known.products, cutoff, store.time_zone)
    facts = _without_absent(customer_facts(lines, cutoff, active_days, limits, words), known.absent)
    facts["risk_band"] = _risk_band(scores, facts.index)
    facts = facts.join(assign_groups(facts)).join(_said(facts, cutoff, store, words))
    touched = last_touch(
        rows_before(known.contacts, cutoff, store.time_zone, "sent_at"),
        rows_before(known.responses, cutoff, store.time_zone, "responded_at"),
    )
    table = facts.join(label_customers(facts, limits)).join(touched).reset_index()
    table["customer_id"] = table["customer_id"].astype("str")
    table["cutoff_on"] = pd.Timestamp(cutoff)
    table["consented_channels"] = _consented(known.consents, table["customer_id"], cutoff, store.time_zone)
    table["no_marketing"] = table["customer_id"].isin(known.no_marketing)
    texts = ["favourite_category", "matched_product", "due_product", "last_offer", "last_outcome"]
    table[texts] = table[texts].astype("object").fillna("").astype("str")
    return PORTRAITS(table[[name for name in PORTRAITS.columns if name in table.columns]])


def customer_facts(lines: pd.DataFrame, cutoff: date, active_days: int, limits: Portray, words: Words) -> pd.DataFrame:
    """One row per customer: every number and label part that rests on purchases alone (indexed by `customer_id`)."""
    days = purchase_days(lines)
    recent = _recent(lines, cutoff, HALF_YEAR_DAYS)
    facts = rhythm(days, cutoff).join(spend(lines, recent)).join(habits(visits(recent)))
    facts["tier"] = earned_tier(days, limits)
    facts["state"] = state(facts, active_days, limits)
    facts["value_tier"] = value_tier(facts["spend"], limits)
    facts["promotion_sensitivity"] = promotion_sensitivity(facts["discount_share"], limits)
    facts["next_due_on"] = next_due(facts)
    facts["days_half_year"] = _n_days(days, facts.index, cutoff, HALF_YEAR_DAYS)
    facts["days_quarter"] = _n_days(days, facts.index, cutoff, QUARTER_DAYS)
    facts["days_quarter_before"] = _n_days(days, facts.index, cutoff, QUARTER_DAYS, QUARTER_DAYS)
    facts["shop_lines_per_visit"] = facts["lines_per_visit"].median()
    named = nameable(recent, limits)
    facts = facts.join(favourite_category(named))
    rhythms = product_rhythms(spoken(named, words), cutoff, words)
    return facts.join(matched_product(rhythms, facts["favourite_category"]))


def _known_lines(purchases: pd.DataFrame, products: pd.DataFrame, cutoff: date, time_zone: str) -> pd.DataFrame:
    """The purchase lines before the cutoff in order of time, with their product's names; texts as categories.

    What the shop does not record is 'unknown' (names) or 0 (reductions); no label is made of it.
    """
    described = products[["product_id", *DESCRIBED]]
    lines = rows_before(purchases, cutoff, time_zone).drop(columns=[*DESCRIBED], errors="ignore")
    for name in ("product_id", "store_id"):
        lines[name] = lines[name].fillna(UNKNOWN) if name in lines.columns else UNKNOWN
    for name in ("discount", "coupon_discount"):
        lines[name] = lines[name].fillna(0.0) if name in lines.columns else 0.0
    lines = lines.merge(described, on="product_id", how="left")
    lines["is_private_label"] = lines["is_private_label"].astype("boolean").fillna(False).astype("float64")
    lines[["category", "product_type"]] = lines[["category", "product_type"]].fillna(UNKNOWN)
    keys = ["customer_id", "order_id", "store_id", "category", "product_type"]
    return lines.astype(dict.fromkeys(keys, "category")).reset_index(drop=True)


def _without_absent(facts: pd.DataFrame, absent: frozenset[str]) -> pd.DataFrame:
    """No label rests on what the shop does not record: no hours, no part of the day; no discounts, no sensitivity."""
    if "hour" in absent:
        facts = facts.assign(**{f"{part}_share": 0.0 for part in DAY_PARTS})
    if "discount" in absent:
        facts = facts.assign(promotion_sensitivity=UNKNOWN)
    return facts


def _consented(consents: pd.DataFrame | None, customers: pd.Series, cutoff: date, time_zone: str) -> pd.Series:
    if consents is None:
        return pd.Series("", index=customers.index, dtype="str")
    channels = consented_channels(rows_before(consents, cutoff, time_zone, "given_at"))
    return customers.map(channels).fillna("").astype("str")


def _recent(lines: pd.DataFrame, cutoff: date, window_days: int) -> pd.DataFrame:
    return lines[trailing(day_numbers(lines["ordered_on"]), cutoff, window_days)]


def _n_days(days: pd.DataFrame, customers: pd.Index, cutoff: date, window_days: int, skip_days: int = 0) -> pd.Series:
    inside = days[trailing(day_numbers(days["ordered_on"]), cutoff, window_days, skip_days)]
    # every category is counted: pandas cannot reindex an empty one, and a young shop has no earlier quarter
    return inside.groupby("customer_id", observed=False).size().reindex(customers).fillna(0).astype("int64")


def _risk_band(scores: pd.DataFrame, customers: pd.Index) -> pd.Series:
    band = scores.set_index("customer_id")["risk_band"].reindex(customers.astype("str"))
    return pd.Series(band.to_numpy(dtype=object), index=customers).fillna(UNSCORED).astype("str")


def _said(facts: pd.DataFrame, cutoff: date, store: Store, words: Words) -> pd.DataFrame:
    """The texts that evidence sentences need."""
    favourite = facts["favourite_category"].astype("object").fillna("").astype("str")
    fixed = {
        "cutoff": pd.Timestamp(cutoff),
        "data_through": pd.Timestamp(cutoff - timedelta(days=1)),
        "since": pd.Timestamp(cutoff - timedelta(days=HALF_YEAR_DAYS)),
    }
    said = {name: day_text(pd.Series([day])).iloc[0] for name, day in fixed.items()}
    return pd.DataFrame(
        {
            "first_on": day_text(facts["first_purchase_on"]),
            "last_on": day_text(facts["last_purchase_on"]),
            "usual_gap_words": _gap_words(facts["usual_gap_days"]),
            "favourite_words": words.column(favourite),
            "currency": store.currency,
            **said,
        },
        index=facts.index,
    )


def _gap_words(gap_days: pd.Series) -> pd.Series:
    """A gap as a person says it: '1 day', '6.5 days'; '' where there is none."""
    words = gap_days.map(lambda days: "1 day" if days == 1 else f"{days:g} days", na_action="ignore")
    return words.astype("object").fillna("").astype("str")
