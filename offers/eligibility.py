"""Who may get what, through which channel: the triples that the plan chooses from, each test by its name.

The same tests answer the plan (all must hold) and whoever asks why not (the first that fails).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.lots import is_universal
from contracts.words import Words
from offers.audience import ALL_TIERS, CLOSED_LISTS, Audience, falls, has_any_label
from offers.catalogue import NONE, PRODUCT_FIELDS, Catalogue, Offer
from offers.channel import Channel
from offers.contacts import good_days, is_rested, not_excluded, price_benefits_in_a_row, under_caps
from offers.setting import Setting

Mask = npt.NDArray[np.bool_]
Test = tuple[str, Mask]
UNSCORED = "unscored"
EVERYONE = Audience()
NO_CHANNEL = "no permitted channel"
UNIVERSAL = "left without marketing this year, at random, to measure all of it"
IN_A_WAVE = "in an experiment that still runs"
FROM_SCORES = (
    "customer_id", "p_lapse", "risk_band", "value_at_stake", "value_at_stake_low", "value_at_stake_high", "reasons",
)  # fmt: skip


def customers_of(portraits: pd.DataFrame, scores: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """One row per customer who is not gone, in order of id: portrait, score (may be missing), preferred channel.

    `risk_band` is 'unscored' and `p_lapse` missing without a score; `is_explained`: the score has reasons;
    `redeem_odds` is 1 where nothing is known, `p_savable` is p_lapse where scores do not say. Where rules stand in for
    a model there is a band and no `p_lapse`.
    """
    is_gone = portraits["state"] == "gone"
    living = portraits[~is_gone] if is_gone.any() else portraits  # all of them: no copy of every column
    judged = scores[[*FROM_SCORES, *(name for name in ("p_savable", "redeem_odds") if name in scores.columns)]]
    table = living.merge(judged, on="customer_id", how="left").sort_values("customer_id", ignore_index=True)
    table["risk_band"] = table["risk_band"].astype("object").fillna(UNSCORED).astype("str")
    table["is_explained"] = table["reasons"].astype("object").fillna("").astype("str") != ""
    table["p_savable"] = table["p_savable"] if "p_savable" in table.columns else table["p_lapse"]
    table["redeem_odds"] = table["redeem_odds"].fillna(1.0) if "redeem_odds" in table.columns else 1.0
    return table.assign(preferred_channel=preferred_channel(table, catalogue))


def speakable(customers: pd.DataFrame, words: Words) -> pd.DataFrame:
    """The customers with the facts that texts name emptied where there are no words for them."""
    return customers.assign(
        **{fact: customers[fact].where(customers[fact].isin(words.names), "") for fact in PRODUCT_FIELDS}
    )


def permits(channel: Channel, customers: pd.DataFrame) -> Mask:
    """Whom a channel may reach: no one who refuses marketing; consent where it is needed (unknown counts as no)."""
    reached = customers["state"].isin(channel.states).to_numpy(dtype=bool)
    if "no_marketing" in customers.columns:
        reached = reached & ~customers["no_marketing"].to_numpy(dtype=bool)
    if not channel.needs_consent:
        return reached
    agreed = ("," + customers["consented_channels"] + ",").str.contains(f",{channel.id},", regex=False)
    return np.asarray(reached & agreed.to_numpy(dtype=bool))


def preferred_channel(customers: pd.DataFrame, catalogue: Catalogue) -> pd.Series:
    """The permitted channel that a customer asked for, else answered, else the first in the shop's order; 'none'."""
    permitted = {channel.id: permits(channel, customers) for channel in catalogue.channels}
    asked = [(customers["asked_channel"] == name).to_numpy(dtype=bool) & may for name, may in permitted.items()]
    answered = [(customers["answered_channel"] == name).to_numpy(dtype=bool) & may for name, may in permitted.items()]
    names = list(permitted) * 3
    found = np.select([*asked, *answered, *permitted.values()], names, NONE)
    return pd.Series(found, index=customers.index, dtype="str")


def is_known_channel(customers: pd.DataFrame) -> Mask:
    """Whose preferred channel is their own: asked for, or answered."""
    own = customers["preferred_channel"]
    return ((own == customers["asked_channel"]) | (own == customers["answered_channel"])).to_numpy(dtype=bool)


def is_left_alone(customers: pd.DataFrame, left_alone: list[str]) -> Mask:
    """Whom the shop deliberately does not contact: groups that it names, and whoever is less loyal and otherwise alike.

    Alike is: the same state, value tier and risk band. Else a newer customer could be given what a loyal one is not.
    """
    alone = customers["group"].isin(left_alone)
    rank = customers["tier"].map({tier: k for k, tier in enumerate(ALL_TIERS)}).astype("float64")
    alike = [customers[name] for name in ("state", "value_tier", "risk_band")]
    highest = rank.where(alone).groupby(alike).transform("max")
    return (alone | (rank < highest)).to_numpy(dtype=bool)


def out_of_play(customers: pd.DataFrame, setting: Setting) -> Mask:
    """Whom experiments keep out of this week's plan: the universal control, and the controls of running waves."""
    ids = customers["customer_id"]
    universal = is_universal(ids, setting.cutoff, setting.seed, setting.limits.universal_share)
    return np.asarray(universal | ids.isin(setting.running.index).to_numpy(dtype=bool))


def common_tests(customers: pd.DataFrame, setting: Setting) -> list[Test]:
    """The tests that hang on the customer alone. What puts things right passes them all but the channel."""
    ids = customers["customer_id"]
    limits = setting.limits
    return [
        (NO_CHANNEL, (customers["preferred_channel"] != NONE).to_numpy(dtype=bool)),
        ("deliberately left alone", ~is_left_alone(customers, setting.left_alone)),
        (UNIVERSAL, ~is_universal(ids, setting.cutoff, setting.seed, limits.universal_share)),
        (IN_A_WAVE, ~ids.isin(setting.running.index).to_numpy(dtype=bool)),
        (
            f"contacted less than {limits.rest_days} days before {setting.send_on}",
            is_rested(customers, setting.sent, setting.send_on, limits.rest_days),
        ),
        ("contacted as often as the caps allow", under_caps(ids, setting.sent, setting.send_on, limits.caps)),
    ]


def _for_offer(tests: list[Test], offer: Offer) -> list[Test]:
    return [test for test in tests if not offer.is_never_withheld or test[0] == NO_CHANNEL]


def offer_tests(offer: Offer, customers: pd.DataFrame, setting: Setting) -> Iterator[Test]:
    """The tests that hang on customer and offer: complaint, audience, score, occasion, facts named, earlier offers."""
    complains = customers["has_open_complaint"].to_numpy(dtype=bool)
    if offer.is_never_withheld:
        yield "has no open complaint to put right", complains
    else:
        yield "an open complaint bars every offer but putting it right", ~complains
    yield from audience_tests(offer.audience, customers)
    if offer.needs_score:
        yield "no score", customers["p_lapse"].notna().to_numpy(dtype=bool)
        yield "the score has no reasons", customers["is_explained"].to_numpy(dtype=bool)
    if offer.occasion is not None:
        near = falls(offer.occasion, customers, setting.send_on)
        yield "its occasion is not near", near.to_numpy(dtype=bool)
    for fact in sorted(offer.fields & set(PRODUCT_FIELDS)):
        yield f"no {fact.replace('_', ' ')} to name", (customers[fact] != "").to_numpy(dtype=bool)
    yield from _history_tests(offer, customers, setting)


def audience_tests(audience: Audience, customers: pd.DataFrame) -> Iterator[Test]:
    """The tests that an audience asks for, of customers with the columns of `CLOSED_LISTS`, `group` and `labels`."""
    for column, field in CLOSED_LISTS.items():
        admitted = set(getattr(audience, field))
        if admitted == set(getattr(EVERYONE, field)):
            continue  # it narrows nothing
        words = column.replace("_", " ")
        yield f"not for this {words}", customers[column].isin(admitted).to_numpy(dtype=bool)
    if audience.groups is not None:
        yield "not for this group", customers["group"].isin(audience.groups).to_numpy(dtype=bool)
    if audience.labels is not None:
        has = has_any_label(customers["labels"], audience.labels)
        yield f"has none of the labels {', '.join(audience.labels)}", has.to_numpy(dtype=bool)
    if audience.without_labels is not None:
        has = has_any_label(customers["labels"], audience.without_labels)
        yield f"has one of the labels {', '.join(audience.without_labels)}", ~has.to_numpy(dtype=bool)


def _history_tests(offer: Offer, customers: pd.DataFrame, setting: Setting) -> Iterator[Test]:
    ids, limits = customers["customer_id"], setting.limits
    free = not_excluded(offer, ids, setting.sent, setting.send_on, good_days(setting.catalogue, limits))
    yield "excluded by an earlier offer", free
    if offer.gives_price:
        in_a_row = price_benefits_in_a_row(ids, setting.sent, setting.catalogue)
        most = limits.max_price_benefits_in_a_row
        yield f"{most} price benefits in a row so far: the next contact carries none", (in_a_row < most).to_numpy()


def channel_tests(channel: Channel, offer: Offer, customers: pd.DataFrame, setting: Setting) -> Iterator[Test]:
    """The tests that hang on customer and channel: consent, caps, and the channel that is the customer's own."""
    yield from _reach_tests(channel, customers, setting)
    yield "answers another channel", _is_not_elsewhere(channel, offer, customers)


def _reach_tests(channel: Channel, customers: pd.DataFrame, setting: Setting) -> Iterator[Test]:
    yield f"no consent to {channel.name}, or out of its reach", permits(channel, customers)
    free = under_caps(customers["customer_id"], setting.sent, setting.send_on, channel.caps, channel.id)
    yield f"contacted by {channel.name} as often as its cap allows", free


def _is_not_elsewhere(channel: Channel, offer: Offer, customers: pd.DataFrame) -> Mask:
    elsewhere = customers["preferred_channel"].isin(offer.channels).to_numpy(dtype=bool) & is_known_channel(customers)
    own = (customers["preferred_channel"] == channel.id).to_numpy(dtype=bool)
    return own | ~elsewhere


def fits(offer: Offer, customers: pd.DataFrame, setting: Setting) -> Mask:
    """Whom an offer may go to, whatever the channel."""
    return _all_hold(offer_tests(offer, customers, setting), len(customers))


def candidates(customers: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """One row per permitted (customer, offer, channel): `customer` (position in `customers`), `offer`, `channel`."""
    numbered, coded = _in_numbers(customers, setting)
    parts: list[tuple[npt.NDArray[np.int64], str, str]] = []
    common = common_tests(customers, setting)
    reached = {
        channel.id: _all_hold(_reach_tests(channel, customers, setting), len(customers))
        for channel in setting.catalogue.channels
    }
    preferred, is_own = numbered["preferred_channel"], is_known_channel(customers)
    for offer in setting.catalogue.offers:
        open_to = _all_hold(_for_offer(common, offer), len(customers))
        suited = open_to & fits(offer, numbered, coded)
        elsewhere = preferred.isin(offer.channels).to_numpy(dtype=bool) & is_own
        for channel in map(setting.catalogue.channel, offer.channels):
            own = (preferred == channel.id).to_numpy(dtype=bool)
            found = np.flatnonzero(suited & reached[channel.id] & (own | ~elsewhere))
            parts.append((found, offer.id, channel.id))
    return _table(parts)


def _in_numbers(customers: pd.DataFrame, setting: Setting) -> tuple[pd.DataFrame, Setting]:
    """Customers and ledger in numbers, which many offers' tests compare faster: closed lists as categories, ids as
    positions. What was sent to anyone else is left out.
    """
    closed = dict.fromkeys((*CLOSED_LISTS, "group", "preferred_channel"), "category")
    numbered = customers.assign(customer_id=np.arange(len(customers))).astype(closed)
    place = pd.Index(customers["customer_id"]).get_indexer(pd.Index(setting.sent["customer_id"]))
    sent = setting.sent.assign(customer_id=place, offer=setting.sent["offer"].astype("category"))[place >= 0]
    return numbered, replace(setting, sent=sent)


def _table(parts: list[tuple[npt.NDArray[np.int64], str, str]]) -> pd.DataFrame:
    """Positions, offer and channel of each part as rows, by customer."""
    position = np.concatenate([np.zeros(0, dtype=np.int64), *(found for found, _, _ in parts)])
    order = np.argsort(position, kind="stable")
    part = np.repeat(np.arange(len(parts)), [len(found) for found, _, _ in parts])[order]
    offers, channels = (pd.Index([one[k] for one in parts], dtype="str").take(part) for k in (1, 2))
    return pd.DataFrame({"customer": position[order], "offer": offers, "channel": channels})


def _all_hold(tests: Iterator[Test] | list[Test], n: int) -> Mask:
    held = np.full(n, True)
    for _, mask in tests:
        held &= mask
    return held


def obstacles(customers: pd.DataFrame, position: int, setting: Setting) -> pd.DataFrame:
    """For one of the week's customers: per offer and channel, the first test that fails; '' if all hold."""
    customer = customers.iloc[[position]].reset_index(drop=True)
    # who is left alone hangs on those who are alike, so these tests see everyone
    common = [(name, mask[[position]]) for name, mask in common_tests(customers, setting)]
    rows = []
    for offer in setting.catalogue.offers:
        own = [*_for_offer(common, offer), *offer_tests(offer, customer, setting)]
        for channel in map(setting.catalogue.channel, offer.channels):
            tests = [*own, *channel_tests(channel, offer, customer, setting)]
            failed = next((name for name, mask in tests if not mask[0]), "")
            rows.append({"offer": offer.id, "channel": channel.id, "obstacle": failed})
    return pd.DataFrame(rows)
