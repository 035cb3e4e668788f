"""A customer's facts: every number, text and flag that a label may rest on (contracts/portrait_facts.py lists them)."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from contracts.event_tables import INTERACTIONS
from contracts.params import Portray, Store
from contracts.portrait_facts import FACTS, UNKNOWN
from contracts.windows import day_numbers, days_until, rows_before, trailing
from contracts.words import Words, day_text
from portraits.goods import category_spend, loved_category, new_goods, price_levels
from portraits.habits import habits, visits
from portraits.headroom import headroom
from portraits.history import due_interval, earned_tier, is_steady, next_due, purchase_days, rhythm, state
from portraits.interactions import interactions, open_complaints
from portraits.known import Known, aligned
from portraits.naming import named_products
from portraits.payers import payers
from portraits.spend import full_price_days, promotion_sensitivity, spend, value_tier
from portraits.tastes import favourite_category, nameable, spoken

HALF_YEAR_DAYS = 182
QUARTER_DAYS = 91


def customer_facts(
    lines: pd.DataFrame, ties: pd.Series, cutoff: date, *, active_days: int, limits: Portray, words: Words
) -> pd.DataFrame:
    """One row per customer: every fact that rests on purchases, and their state (indexed by `customer_id`).

    `ties` holds the day of the last declared tie that is no purchase, by customer.
    """
    days = purchase_days(lines)
    is_recent = trailing(day_numbers(lines["ordered_on"]), cutoff, HALF_YEAR_DAYS)
    recent = lines[is_recent]
    facts = rhythm(days, cutoff).join(spend(lines, recent)).join(habits(visits(recent)))
    facts["tier"] = earned_tier(days, limits)
    facts["state"] = state(facts, days_until(last_tie_on(facts, ties), cutoff), active_days, limits)
    facts["value_tier"] = value_tier(facts["spend"], limits)
    facts["promotion_sensitivity"] = promotion_sensitivity(facts["discount_share"], limits)
    facts["is_steady"] = is_steady(facts, limits)
    facts["next_due_on"] = next_due(facts)
    facts = facts.join(due_interval(days, facts)).join(_trends(days, recent, facts.index, cutoff))
    facts = facts.join(payers(lines)).join(aligned(new_goods(lines, is_recent), facts.index))
    told = spoken(nameable(lines, limits), words)
    named = named_products(told, trailing(day_numbers(told["ordered_on"]), cutoff, HALF_YEAR_DAYS), cutoff, words)
    facts = _with_shop(facts).join(_tastes(recent, facts, limits, words))
    return facts.join(aligned(named, facts.index))


def _tastes(recent: pd.DataFrame, facts: pd.DataFrame, limits: Portray, words: Words) -> pd.DataFrame:
    """What rests on goods that may be named."""
    named = nameable(recent, limits)
    spent = category_spend(named)
    found = pd.DataFrame({"headroom": headroom(spent, facts)}, index=facts.index)
    tastes = [favourite_category(named), price_levels(named), loved_category(spent, facts["spend"], words)]
    return found.join([aligned(table, facts.index) for table in tastes])


def _trends(days: pd.DataFrame, recent: pd.DataFrame, customers: pd.Index, cutoff: date) -> pd.DataFrame:
    """Purchase days of the half-year, of the last quarter and of the one before; spend of the quarters."""
    late, before = (_in_quarter(recent, cutoff, skip) for skip in (0, QUARTER_DAYS))
    return pd.DataFrame(
        {
            "days_half_year": _n_days(days, customers, cutoff, HALF_YEAR_DAYS),
            "days_quarter": _n_days(days, customers, cutoff, QUARTER_DAYS),
            "days_quarter_before": _n_days(days, customers, cutoff, QUARTER_DAYS, QUARTER_DAYS),
            "spend_quarter": aligned(late, customers).fillna(0.0),
            "spend_quarter_before": aligned(before, customers).fillna(0.0),
        }
    )


def _in_quarter(recent: pd.DataFrame, cutoff: date, skip_days: int) -> pd.Series:
    within = trailing(day_numbers(recent["ordered_on"]), cutoff, QUARTER_DAYS, skip_days)
    inside = recent.loc[within, ["customer_id", "amount"]]
    return inside.groupby("customer_id", observed=True)["amount"].sum()


def _n_days(days: pd.DataFrame, customers: pd.Index, cutoff: date, window_days: int, skip_days: int = 0) -> pd.Series:
    inside = days[trailing(day_numbers(days["ordered_on"]), cutoff, window_days, skip_days)]
    return aligned(inside.groupby("customer_id", observed=True).size(), customers).fillna(0).astype("int64")


def last_tie_on(facts: pd.DataFrame, ties: pd.Series) -> pd.Series:
    """The day of each customer's last purchase, care visit or referral, whichever came last."""
    other = aligned(ties, facts.index).astype("datetime64[us]")
    bought: pd.Series = facts["last_purchase_on"]
    return other.where(other > bought, bought)


def _with_shop(facts: pd.DataFrame) -> pd.DataFrame:
    """Beside the own numbers, those of the middle customer among who bought in the half-year."""
    spent = facts["spend"].where(facts["spend"] > 0)
    per_visit = spent / facts["n_visits"]
    return facts.assign(
        spend_per_visit=per_visit,
        shop_spend=spent.median(),
        shop_spend_per_visit=per_visit.median(),
        shop_lines_per_visit=facts["lines_per_visit"].median(),
    )


def side_facts(known: Known, lines: pd.DataFrame, customers: pd.Index, cutoff: date, time_zone: str) -> pd.DataFrame:
    """One row per customer: every fact that rests on what they did beside buying."""
    events = known.interactions if known.interactions is not None else INTERACTIONS.empty()
    events = rows_before(events, cutoff, time_zone, "happened_at")
    responses = rows_before(known.responses, cutoff, time_zone, "responded_at")
    recent = lines[trailing(day_numbers(lines["ordered_on"]), cutoff, HALF_YEAR_DAYS)]
    full = aligned(full_price_days(recent), customers).fillna(0).astype("int64") * int("discount" not in known.absent)
    met = interactions(events, responses, full, cutoff, HALF_YEAR_DAYS)
    return met.join(open_complaints(events, customers))


def said_facts(facts: pd.DataFrame, cutoff: date, store: Store, words: Words) -> pd.DataFrame:
    """The texts that sentences need."""
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


def without_absent(facts: pd.DataFrame, absent: frozenset[str]) -> pd.DataFrame:
    """No label rests on what the shop does not record: such facts are missing for everyone."""
    gone = [fact for fact in FACTS.values() if absent.intersection(fact.needs)]
    blank = {fact.name: _nothing(fact.kind, fact.values) for fact in gone}
    return facts.assign(**{name: pd.Series(value, index=facts.index) for name, value in blank.items()})


def _nothing(kind: str, values: tuple[str, ...]) -> object:
    if kind == "number":
        return float("nan")
    if kind == "flag":
        return pd.NA
    return UNKNOWN if UNKNOWN in values else ""
