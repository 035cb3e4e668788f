"""The guard's rules that each row of a plan must keep by itself, and the control group."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from contracts.lots import lot
from contracts.params import Plan
from contracts.wave_tables import FOLLOW_UP
from contracts.windows import days_until
from contracts.words import day_text
from offers.catalogue import NEVER_WITHHELD, NONE, PRODUCT_FIELDS, Catalogue
from offers.guard.findings import Finding, broken, by_rows, kept
from offers.setting import Setting

CENT = 1e-6
LOYAL = ("regular", "devoted")
UNSCORED = "unscored"
LISTS = {
    "tier": "tiers",
    "state": "states",
    "value_tier": "value_tiers",
    "promotion_sensitivity": "promotion_sensitivity",
    "risk_band": "risk_bands",
    "payer": "payers",
    "interaction": "interactions",
    "group": "groups",
}


def row_findings(rows: pd.DataFrame, setting: Setting) -> list[Finding]:
    """Findings over the plan's rows, each with the customer's portrait and score beside it."""
    catalogue, limits, cutoff = setting.catalogue, setting.limits, setting.cutoff
    known = _known_offers(rows, catalogue)
    offered = rows[(rows["offer"] != NONE) & ~known.broken]
    if known.broken:
        return [known]
    return [
        known,
        *_worth(rows, offered, catalogue),
        _audience(offered, setting),
        _labels(offered, catalogue),
        _complaint(offered),
        _facts(offered, catalogue),
        *_channel(offered, catalogue),
        *_end(offered, setting, cutoff),
        *_explained(rows, offered, catalogue),
        _newcomer_price(rows, limits),
        *_control(rows, offered, limits),
        *_experiments(rows, offered, setting),
    ]


def _known_offers(rows: pd.DataFrame, catalogue: Catalogue) -> Finding:
    pairs = {f"{offer.id}>{channel}" for offer in catalogue.offers for channel in offer.channels} | {f"{NONE}>"}
    wrong = ~(rows["offer"] + ">" + rows["channel"]).isin(pairs)
    mechanics = {offer.id: offer.mechanic for offer in catalogue.offers} | {NONE: NONE}
    wrong |= rows["mechanic"] != rows["offer"].map(mechanics)
    return by_rows("offers of the catalogue", "an offer or channel that the catalogue does not have", rows, wrong)


def _worth(rows: pd.DataFrame, offered: pd.DataFrame, catalogue: Catalogue) -> list[Finding]:
    """Rule 1 in the plan: benefits are those of the catalogue and never negative; costs are whole."""
    parts = {offer.id: [offer, *offer.with_] for offer in catalogue.offers}
    price = {name: sum(part.redeem * part.price_worth for part in given) for name, given in parts.items()}
    other = {name: sum(part.redeem * part.other_worth for part in given) for name, given in parts.items()}
    whole = {name: price[name] + other[name] for name in parts}
    contact = {channel.id: channel.cost for channel in catalogue.channels}
    cost = [
        contact[channel] + sum(part.cost * _taken_up(part.redeem, odds) for part in parts[name])
        for name, channel, odds in zip(offered["offer"], offered["channel"], offered["redeem_odds"], strict=True)
    ]
    off = ((offered["price_benefit"] - _amount(offered["offer"], price)).abs() > CENT) | (
        (offered["benefit"] - _amount(offered["offer"], whole)).abs() > CENT
    )
    off |= (offered["offer_cost"] - pd.Series(cost, index=offered.index, dtype="float64")).abs() > CENT
    taken = (rows[["price_benefit", "benefit", "offer_cost"]] < 0).any(axis=1)
    nothing = (rows["offer"] == NONE) & (rows[["price_benefit", "benefit", "offer_cost", "expected_profit"]] != 0).any(
        axis=1
    )
    takes = "a plan row takes something away, or carries amounts without an offer"
    return [
        by_rows("only gives", takes, rows, taken | nothing),
        by_rows("true amounts", "benefit or cost is not the catalogue's", offered, off),
    ]


def _taken_up(redeem: float, odds: float) -> float:
    """The declared probability with its odds multiplied."""
    return 1.0 if redeem >= 1 else 1 / (1 + (1 - redeem) / (redeem * odds)) if redeem * odds > 0 else 0.0


def _amount(names: pd.Series, amounts: dict[str, float]) -> pd.Series:
    return pd.Series([amounts[name] for name in names], index=names.index, dtype="float64")


def _audience(offered: pd.DataFrame, setting: Setting) -> Finding:
    """Everyone with an offer belongs to its audience and to no group that is left alone."""
    alone = [group.name for group in setting.rules.groups if group.is_left_alone]
    wrong = offered["group"].isin(alone) & ~offered["mechanic"].isin(NEVER_WITHHELD)
    for offer in setting.catalogue.offers:
        here = offered["offer"] == offer.id
        for column, field in LISTS.items():
            allowed = getattr(offer.audience, field)
            if allowed is not None:
                known = offered[column].astype("object").fillna(UNSCORED)
                wrong |= here & ~known.isin(allowed)
    return by_rows("audience", "an offer went to someone outside its audience", offered, wrong)


def _labels(offered: pd.DataFrame, catalogue: Catalogue) -> Finding:
    """Where an audience names labels, the customer has one of them, and none of those that it excludes."""
    held = [frozenset(str(text).split("; ")) for text in offered["labels"]]
    wrong = []
    for name, labels in zip(offered["offer"], held, strict=True):
        audience = catalogue.offer(name).audience
        lacks = audience.labels is not None and not labels & set(audience.labels)
        has = audience.without_labels is not None and bool(labels & set(audience.without_labels))
        wrong.append(lacks or has)
    flags = pd.Series(wrong, index=offered.index, dtype=bool)
    return by_rows("labels", "an offer went to someone whose labels its audience does not admit", offered, flags)


def _complaint(offered: pd.DataFrame) -> Finding:
    """An open complaint bars every offer but service recovery, which is for nobody else."""
    wrong = offered["has_open_complaint"] != offered["mechanic"].isin(NEVER_WITHHELD)
    return by_rows("open complaint", "an offer beside an open complaint, or a recovery without one", offered, wrong)


def _facts(offered: pd.DataFrame, catalogue: Catalogue) -> Finding:
    """No message names a favourite, a product or something due that the portrait does not know."""
    wrong = pd.Series(False, index=offered.index)
    for fact in PRODUCT_FIELDS:
        naming = [offer.id for offer in catalogue.offers if fact in offer.fields]
        wrong |= offered["offer"].isin(naming) & (offered[fact] == "")
    return by_rows("true facts", "a message that names what the customer's portrait does not hold", offered, wrong)


def _channel(offered: pd.DataFrame, catalogue: Catalogue) -> list[Finding]:
    wrong = pd.Series(False, index=offered.index)
    for channel in catalogue.channels:
        here = offered["channel"] == channel.id
        wrong |= here & ~offered["state"].isin(channel.states)
        if channel.needs_consent:
            agreed = [channel.id in str(given).split(",") for given in offered["consented_channels"]]
            wrong |= here & ~np.array(agreed, dtype=bool)
    refused = pd.Series(False, index=offered.index)
    if "no_marketing" in offered.columns:
        refused = offered["no_marketing"].fillna(False).astype(bool)
    return [
        by_rows("consent", "a channel that the customer did not permit or that cannot reach them", offered, wrong),
        by_rows("no marketing", "an offer to someone who wants no marketing", offered, refused),
    ]


def _end(offered: pd.DataFrame, setting: Setting, cutoff: date) -> list[Finding]:
    """Rule 4: the days stand in order; the end of a price benefit is in the message, announced again, followed up."""
    late = days_until(offered["send_on"], cutoff) > 0
    disordered = late | ~(offered["send_on"] <= offered["act_by"]) | ~(offered["act_by"] <= offered["valid_until"])
    offers = setting.catalogue.offers
    priced = offered[offered["offer"].isin([o.id for o in offers if any(p.price_worth > 0 for p in (o, *o.with_))])]
    ends = day_text(priced["valid_until"])
    unsaid = [not end or end not in text for end, text in zip(ends, priced["offer_text"], strict=True)]
    notice = (priced["valid_until"] - priced["notice_on"]).dt.days == setting.limits.notice_days
    after = (priced["follow_up_on"] - priced["valid_until"]).dt.days == setting.limits.follow_up_days
    return [
        by_rows("days in order", "expected cutoff <= send_on <= act_by <= valid_until", offered, disordered),
        by_rows(
            "no cliff",
            "a price benefit whose end is not announced in the message, again before it, and followed up",
            priced,
            pd.Series(unsaid, index=priced.index, dtype=bool) | ~notice | ~after,
        ),
    ]


def _explained(rows: pd.DataFrame, offered: pd.DataFrame, catalogue: Catalogue) -> list[Finding]:
    """Rule 5: each row has its why, each none its why_none, each risk-based offer a score with reasons."""
    silent = (rows["why"] == "") | ((rows["offer"] == NONE) == (rows["why_none"] == ""))
    by_risk = offered["offer"].isin([offer.id for offer in catalogue.offers if offer.needs_score])
    unexplained = by_risk & (offered["p_lapse"].isna() | (offered["reasons"].astype("object").fillna("") == ""))
    stops = offered["channel"].map({channel.id: channel.stop_text for channel in catalogue.channels})
    mute = [
        stop not in text or catalogue.sender not in text or "{name}" not in text
        for stop, text in zip(stops, offered["offer_text"], strict=True)
    ]
    return [
        by_rows("explained", "a row without its why", rows, silent),
        by_rows("explained", "a risk-based offer to someone without a score and reasons", offered, unexplained),
        by_rows(
            "whole message",
            "a message without greeting, sender or how to stop",
            offered,
            pd.Series(mute, index=offered.index, dtype=bool),
        ),
        _length(offered, catalogue),
    ]


def _length(offered: pd.DataFrame, catalogue: Catalogue) -> Finding:
    most = offered["channel"].map({channel.id: channel.length for channel in catalogue.channels}).astype("float64")
    wrong = offered["offer_text"].str.len() > most
    return by_rows("message length", "a message longer than its channel carries", offered, wrong)


def _newcomer_price(rows: pd.DataFrame, limits: Plan) -> Finding:
    """Rule 3c: every regular can claim the newcomers' price, whatever their arm, and the row says so."""
    if not limits.newcomer_price:
        return kept("newcomers' price")
    untold = rows["tier"].isin(LOYAL) & ~rows["why"].str.contains(limits.newcomer_price, regex=False)
    return by_rows("newcomers' price", "a regular who is not told of the newcomers' price", rows, untold)


def _control(rows: pd.DataFrame, offered: pd.DataFrame, limits: Plan) -> list[Finding]:
    """Arms agree with offers; what puts things right is never withheld; each stratum has its share, to the customer."""
    drew_none = (rows["purpose"] == "exploration") & (rows["arm"] == "control")
    odd = rows["arm"].isin([NONE, "universal", "awaited"]) != (rows["offer"] == NONE)
    withheld = (offered["arm"] == "control") & offered["mechanic"].isin(NEVER_WITHHELD)
    found = [
        by_rows("control group", "arm and offer do not agree", rows, odd & ~drew_none),
        by_rows("control group", "a service that is never withheld is held back", offered, withheld),
    ]
    band = offered["risk_band"].astype("object").fillna(UNSCORED).astype("str")
    in_lots = ~offered["mechanic"].isin(NEVER_WITHHELD) & (offered["purpose"] == "plan")
    drawn = offered[in_lots].assign(band=band)
    for (group, name), part in drawn.groupby(["group", "band"]):
        n_held, expected = int((part["arm"] == "control").sum()), limits.control_share * len(part)
        if abs(n_held - expected) > 1 + CENT:
            detail = f"{n_held} of {len(part)} held back in '{group}', {name} risk; expected about {expected:.1f}"
            found.append(broken("control group", detail, part["customer_id"]))
    return found


def kept_out(rows: pd.DataFrame, setting: Setting) -> pd.Series:
    """Whom experiments keep out of the plan: the year's control, and the controls of running waves."""
    limits, year = setting.limits, date(setting.cutoff.year, 1, 1)
    most = limits.universal_share * 2**64
    universal = [lot(name, year, setting.seed, ":universal") < most for name in rows["customer_id"]]
    return pd.Series(universal, index=rows.index, dtype=bool) | rows["customer_id"].isin(_busy(setting))


def _busy(setting: Setting) -> set[str]:
    age_days = days_until(setting.waves["cutoff_on"], setting.cutoff)
    is_open = (age_days > 0) & (setting.waves["horizon_days"] - age_days > 0) & (setting.waves["arm"] == "control")
    return set(setting.waves.loc[is_open, "customer_id"])


def _treated(setting: Setting) -> set[str]:
    waves, age_days = setting.waves, days_until(setting.waves["cutoff_on"], setting.cutoff)
    is_open = (age_days > 0) & (waves["horizon_days"] - age_days > 0) & (waves["arm"] == "treated")
    return set(waves.loc[is_open & (waves["offer"] != NONE) & (waves["purpose"] != FOLLOW_UP), "customer_id"])


def _experiments(rows: pd.DataFrame, offered: pd.DataFrame, setting: Setting) -> list[Finding]:
    """No control, of the year or of a running wave, gets an offer; what was drawn has its true probability."""
    marketed = offered[~offered["mechanic"].isin(NEVER_WITHHELD)]
    busy = marketed["customer_id"].isin(_busy(setting))
    is_of_plan = marketed["purpose"] != "exploration"
    return [
        by_rows(
            "universal control",
            "an offer to someone who gets no marketing this year",
            marketed,
            kept_out(marketed, setting) & ~busy,
        ),
        by_rows("running waves", "an offer to someone whom a running wave holds back", marketed, busy),
        by_rows(
            "follow-ups",
            "a draw for someone whom a running wave treats, or none for someone else",
            marketed,
            (marketed["purpose"] == FOLLOW_UP) != (marketed["customer_id"].isin(_treated(setting)) & is_of_plan),
        ),
        _reserve(marketed, setting.limits),
        by_rows(
            "true propensities",
            "a draw whose probability is not the true one",
            rows,
            _wrong_chance(rows, setting.limits),
        ),
    ]


def _reserve(marketed: pd.DataFrame, limits: Plan) -> Finding:
    """What lots drew stays within its share of budget and contacts."""
    drawn = marketed[marketed["purpose"] == "exploration"]
    cost, most_cost = float(drawn["offer_cost"].sum()), limits.exploration_share * limits.budget
    most = limits.exploration_share * limits.capacity
    if cost > most_cost + CENT or len(drawn) > most + CENT:
        detail = f"{len(drawn)} offers for {cost:.2f} drawn by lot; expected at most {most:g} for {most_cost:.2f}"
        return broken("exploration's reserve", detail)
    return kept("exploration's reserve")


def _wrong_chance(rows: pd.DataFrame, limits: Plan) -> pd.Series:
    """Of the plan: the share of its arm; of exploration: one of as many options as are logged, the drawn among them."""
    options = [str(text).split("; ") for text in rows["options"]]
    n_options = pd.Series([len(listed) for listed in options], index=rows.index)
    is_drawn, is_plan = rows["purpose"] == "exploration", rows["purpose"] == "plan"
    by_arm = np.where(rows["arm"] == "control", limits.control_share, 1 - limits.control_share)
    true = pd.Series(by_arm, index=rows.index).mask(rows["mechanic"].isin(NEVER_WITHHELD), 1.0)
    is_followed = rows["purpose"] == FOLLOW_UP
    true = true.where(is_plan).mask(is_drawn, 1 / n_options).mask(is_followed, 1.0)
    not_listed = pd.Series(
        [offer not in listed for offer, listed in zip(rows["offer"], options, strict=True)],
        index=rows.index,
        dtype=bool,
    )
    off = (rows["propensity"] - true).abs() > CENT
    return off | (rows["propensity"].notna() != (is_drawn | is_plan | is_followed)) | (is_drawn & not_listed)
