"""The guard's rules about what was sent before and when something may be sent: derived again from the ledger."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from contracts.params.acting import Cap
from offers.catalogue import NEVER_WITHHELD, Offer
from offers.channel import WEEKDAYS
from offers.guard.findings import Finding, by_rows
from offers.setting import Setting

Sent = dict[str, list[tuple[pd.Timestamp, str, str]]]


def contact_findings(rows: pd.DataFrame, setting: Setting) -> list[Finding]:
    """Findings on rest, rolling caps, exclusions, rows of price benefits, occasions and quiet days."""
    known = [offer.id for offer in setting.catalogue.offers]
    offered = rows[rows["offer"].isin(known) & rows["send_on"].notna()]
    sent = _by_customer(setting.sent, set(offered["customer_id"]))
    first = pd.Timestamp(setting.send_on)
    rest = offered["send_on"] - offered["last_contact_on"]
    owed = offered["mechanic"].isin(NEVER_WITHHELD)
    too_soon = (rest.dt.days < setting.limits.rest_days) & ~owed
    judged = [_broken_rules(row, sent.get(str(row["customer_id"]), []), setting, first) for row in _records(offered)]
    found = [by_rows("rest days", f"contacted again within {setting.limits.rest_days} days", offered, too_soon)]
    for rule, detail in RULES.items():
        wrong = pd.Series([rule in broken for broken in judged], index=offered.index, dtype=bool)
        found.append(by_rows(rule, detail, offered, wrong))
    return found


RULES = {
    "rolling caps": "contacted more often than a rolling cap allows",
    "exclusions": "an offer that an earlier one excludes, or that came again too soon",
    "no endless discounts": "one more price benefit after as many in a row as are allowed",
    "occasions": "an offer on an occasion that is not near",
    "quiet days": "a message on a day on which its channel sends nothing",
}


def _records(offered: pd.DataFrame) -> list[dict[str, object]]:
    names = ["customer_id", "offer", "channel", "send_on", "first_purchase_on", "joined_on"]
    return [{str(key): value for key, value in row.items()} for row in offered[names].to_dict("records")]


def _by_customer(sent: pd.DataFrame, wanted: set[str]) -> Sent:
    found: Sent = {}
    for name, day, offer, channel in zip(
        sent["customer_id"], sent["sent_on"], sent["offer"], sent["channel"], strict=True
    ):
        if name in wanted:
            found.setdefault(name, []).append((day, offer, channel))
    return found


def _broken_rules(
    row: dict[str, object], history: list[tuple[pd.Timestamp, str, str]], setting: Setting, first: pd.Timestamp
) -> set[str]:
    offer = setting.catalogue.offer(str(row["offer"]))
    channel = setting.catalogue.channel(str(row["channel"]))
    send_on = pd.Timestamp(str(row["send_on"]))
    ages = [((first - day).days, name, by) for day, name, by in history]
    in_all = offer.mechanic not in NEVER_WITHHELD and _over([age for age, _, _ in ages], setting.limits.caps)
    capped = in_all or _over([age for age, _, by in ages if by == channel.id], channel.caps)
    return {
        rule
        for rule, wrong in (
            ("rolling caps", capped),
            ("exclusions", _is_excluded(offer, ages, setting)),
            ("no endless discounts", _is_endless(offer, history, setting)),
            ("occasions", offer.occasion is not None and not _is_near(offer, row, first)),
            ("quiet days", WEEKDAYS[send_on.weekday()] in channel.quiet_days),
        )
        if wrong
    }


def _over(ages: list[int], caps: tuple[Cap, ...]) -> bool:
    """Whether one contact more passes a cap."""
    return any(sum(age < cap.days for age in ages) + 1 > cap.contacts for cap in caps)


def _is_excluded(offer: Offer, ages: list[tuple[int, str, str]], setting: Setting) -> bool:
    last = {name: min(age for age, other, _ in ages if other == name) for _, name, _ in ages}
    good = {
        one.id: setting.limits.act_within_days + max(part.valid_days for part in (one, *one.with_))
        for one in setting.catalogue.offers
    }
    again = last.get(offer.id, offer.again_after_days) < offer.again_after_days
    beside = any(name in last and last[name] <= good[name] for name in offer.never_with)
    early = any(last.get(name, -1) < days for name, days in offer.days_after.items())
    return again or beside or early


def _is_endless(offer: Offer, history: list[tuple[pd.Timestamp, str, str]], setting: Setting) -> bool:
    priced = {one.id for one in setting.catalogue.offers if any(part.price_worth > 0 for part in (one, *one.with_))}
    in_a_row = 0
    for _, name, _ in sorted(history, reverse=True):
        if name not in priced:
            break
        in_a_row += 1
    return offer.id in priced and in_a_row >= setting.limits.max_price_benefits_in_a_row


def _is_near(offer: Offer, row: dict[str, object], first: pd.Timestamp) -> bool:
    occasion = offer.occasion
    if occasion is None:
        return True
    window = [(first + timedelta(days=k)).date() for k in range(occasion.within_days + 1)]
    if occasion.kind == "calendar":
        return any(day.strftime("%m-%d") in occasion.days for day in window)
    begun = pd.Timestamp(str(row["first_purchase_on" if occasion.kind == "first_purchase" else "joined_on"]))
    return not pd.isnull(begun) and any((begun + pd.DateOffset(years=k)).date() in window for k in range(1, 100))
