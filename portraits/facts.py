"""A customer's facts: every number, text and flag that a label may rest on (contracts/portrait_facts.py lists them)."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from contracts.event_tables import INTERACTIONS
from contracts.portrait_facts import FACTS, UNKNOWN
from contracts.windows import day_numbers, days_until, rows_before, trailing
from contracts.words import day_text
from portraits.goods import category_spend, loved_category, new_goods, price_levels
from portraits.headroom import headroom
from portraits.history import due_interval, is_steady, next_due, state
from portraits.interactions import interactions, open_complaints
from portraits.known import Known, aligned
from portraits.look import HALF_YEAR_DAYS, Look, Terms
from portraits.naming import named_products
from portraits.payers import payers
from portraits.shop import Shop
from portraits.spend import full_price_days, promotion_sensitivity, value_tier
from portraits.tastes import favourite_category

QUARTER_DAYS = 91


def customer_facts(look: Look, ties: pd.Series, shop: Shop) -> pd.DataFrame:
    """One row per customer: every fact that rests on purchases, and their state (indexed by `customer_id`).

    `ties` holds the day of the last declared tie that is no purchase, by customer. `look` is at some customers; `shop`
    tells of all.
    """
    days, terms, cutoff, limits = look.days, look.terms, look.terms.cutoff, look.terms.limits
    facts = look.own.copy()
    silence = days_until(last_tie_on(facts, ties), cutoff)
    facts["state"] = state(facts, silence, terms.active_days, limits, shop.usual_gap_days)
    facts["value_tier"] = value_tier(facts["spend"], limits, shop.value_edges)
    facts["promotion_sensitivity"] = promotion_sensitivity(facts["discount_share"], limits)
    facts["is_steady"] = is_steady(facts, limits)
    facts["next_due_on"] = next_due(facts)
    facts = facts.join(due_interval(days, facts)).join(_trends(days, look.recent, facts.index, cutoff))
    facts = facts.join(payers(look.lines)).join(aligned(new_goods(look.lines, look.late), facts.index))
    named = named_products(look.told, terms.is_recent(look.told), cutoff, terms.words, shop.goods)
    facts = _with_shop(facts, shop).join(_tastes(look.named, facts, terms, shop))
    return facts.join(aligned(named, facts.index))


def _tastes(named: pd.DataFrame, facts: pd.DataFrame, terms: Terms, shop: Shop) -> pd.DataFrame:
    """What rests on goods that may be named."""
    spent = category_spend(named)
    found = pd.DataFrame({"headroom": headroom(spent, facts, shop.peers)}, index=facts.index)
    loved = loved_category(spent, facts["spend"], terms.words)
    tastes = [favourite_category(named), price_levels(named, shop.usual_prices), loved]
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


def _with_shop(facts: pd.DataFrame, shop: Shop) -> pd.DataFrame:
    """Beside the own numbers, those of the middle customer among who bought in the half-year."""
    return facts.assign(
        shop_spend=shop.spend,
        shop_spend_per_visit=shop.spend_per_visit,
        shop_lines_per_visit=shop.lines_per_visit,
        shop_n_channels=shop.n_channels,
    )


def met_before(known: Known, cutoff: date, time_zone: str) -> pd.DataFrame:
    """What is known, before the cutoff, of customers meeting the shop beside buying."""
    events = known.interactions if known.interactions is not None else INTERACTIONS.empty()
    return rows_before(events, cutoff, time_zone, "happened_at")


def side_facts(look: Look, customers: pd.Index, shop: Shop) -> pd.DataFrame:
    """One row per customer: every fact that rests on what they did beside buying."""
    known, cutoff, time_zone = look.known, look.terms.cutoff, look.terms.store.time_zone
    events = met_before(known, cutoff, time_zone)
    responses = rows_before(known.responses, cutoff, time_zone, "responded_at")
    full = aligned(full_price_days(look.recent), customers).fillna(0).astype("int64") * int(
        "discount" not in known.absent
    )
    met = interactions(events, responses, full, cutoff, HALF_YEAR_DAYS, watched=shop.is_watched)
    return met.join(open_complaints(events, customers))


def said_facts(facts: pd.DataFrame, terms: Terms) -> pd.DataFrame:
    """The texts that sentences need."""
    cutoff = terms.cutoff
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
            "favourite_words": terms.words.column(favourite),
            "currency": terms.store.currency,
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
