"""The guard's rules that each row of a plan must keep by itself, and the control group."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from contracts.params import Plan
from contracts.windows import days_until
from contracts.words import day_text
from offers.catalogue import NEVER_WITHHELD, NONE, Catalogue
from offers.findings import Finding, broken, by_rows, kept

CENT = 1e-6
LOYAL = ("regular", "devoted")
UNSCORED = "unscored"
FACTS = ("favourite_category", "matched_product", "due_product")


def row_findings(rows: pd.DataFrame, catalogue: Catalogue, limits: Plan, cutoff: date) -> list[Finding]:
    """Findings over the plan's rows, each with the customer's portrait and score beside it."""
    known = _known_offers(rows, catalogue)
    offered = rows[(rows["offer"] != NONE) & ~known.broken]
    if known.broken:
        return [known]
    return [
        known,
        *_worth(rows, offered, catalogue),
        _audience(offered, catalogue),
        _facts(offered, catalogue),
        _channel(offered, catalogue),
        _rest(offered, limits),
        *_end(offered, catalogue, cutoff),
        *_explained(rows, offered, catalogue),
        _newcomer_price(rows, limits),
        *_control(rows, offered, limits),
    ]


def _known_offers(rows: pd.DataFrame, catalogue: Catalogue) -> Finding:
    pairs = {f"{offer.id}>{channel}" for offer in catalogue.offers for channel in offer.channels} | {f"{NONE}>"}
    wrong = ~(rows["offer"] + ">" + rows["channel"]).isin(pairs)
    return by_rows("offers of the catalogue", "an offer or channel that the catalogue does not have", rows, wrong)


def _worth(rows: pd.DataFrame, offered: pd.DataFrame, catalogue: Catalogue) -> list[Finding]:
    """Rule 1 in the plan: benefits are those of the catalogue and never negative; costs are whole."""
    offers, channels = catalogue.offers, catalogue.channels
    price = _amount(offered["offer"], {o.id: o.redeem * o.price_worth for o in offers})
    whole = _amount(offered["offer"], {o.id: o.redeem * (o.price_worth + o.other_worth) for o in offers})
    cost = _amount(offered["offer"], {o.id: o.redeem * o.cost for o in offers})
    cost = cost + _amount(offered["channel"], {channel.id: channel.cost for channel in channels})
    off = ((offered["price_benefit"] - price).abs() > CENT) | ((offered["benefit"] - whole).abs() > CENT)
    taken = (rows[["price_benefit", "benefit", "offer_cost"]] < 0).any(axis=1)
    nothing = (rows["offer"] == NONE) & (rows[["price_benefit", "benefit", "offer_cost", "expected_profit"]] != 0).any(
        axis=1
    )
    return [
        by_rows(
            "only gives", "a plan row takes something away, or carries amounts without an offer", rows, taken | nothing
        ),
        by_rows(
            "true amounts",
            "benefit or cost is not the catalogue's",
            offered,
            off | ((offered["offer_cost"] - cost).abs() > CENT),
        ),
    ]


def _amount(names: pd.Series, amounts: dict[str, float]) -> pd.Series:
    return pd.Series([amounts[name] for name in names], index=names.index, dtype="float64")


def _audience(offered: pd.DataFrame, catalogue: Catalogue) -> Finding:
    """Everyone with an offer belongs to its audience and to no group that is left alone."""
    wrong = offered["group"].isin(catalogue.left_alone)
    for offer in catalogue.offers:
        here = offered["offer"] == offer.id
        for column in ("tier", "state", "value_tier", "promotion_sensitivity", "risk_band", "group"):
            allowed = getattr(
                offer.audience,
                {"group": "groups"}.get(column, column if column == "promotion_sensitivity" else f"{column}s"),
            )
            if allowed is not None:
                known = offered[column].astype("object").fillna(UNSCORED)
                wrong |= here & ~known.isin(allowed)
    return by_rows("audience", "an offer went to someone outside its audience", offered, wrong)


def _facts(offered: pd.DataFrame, catalogue: Catalogue) -> Finding:
    """No message names a favourite, a product or something due that the portrait does not know."""
    wrong = pd.Series(False, index=offered.index)
    for fact in FACTS:
        naming = [offer.id for offer in catalogue.offers if fact in offer.fields]
        wrong |= offered["offer"].isin(naming) & (offered[fact] == "")
    return by_rows("true facts", "a message that names what the customer's portrait does not hold", offered, wrong)


def _channel(offered: pd.DataFrame, catalogue: Catalogue) -> Finding:
    wrong = pd.Series(False, index=offered.index)
    for channel in catalogue.channels:
        here = offered["channel"] == channel.id
        wrong |= here & ~offered["state"].isin(channel.states)
        if channel.needs_consent:
            agreed = [channel.id in str(given).split(",") for given in offered["consented_channels"]]
            wrong |= here & ~np.array(agreed, dtype=bool)
    return by_rows("consent", "a channel that the customer did not permit or that cannot reach them", offered, wrong)


def _rest(offered: pd.DataFrame, limits: Plan) -> Finding:
    since = (offered["send_on"] - offered["last_contact_on"]).dt.days
    return by_rows("rest days", f"contacted again within {limits.rest_days} days", offered, since < limits.rest_days)


def _end(offered: pd.DataFrame, catalogue: Catalogue, cutoff: date) -> list[Finding]:
    """Rule 4: the days stand in order, and the end of a price benefit is in the message."""
    late = days_until(offered["send_on"], cutoff) > 0
    disordered = late | ~(offered["send_on"] <= offered["act_by"]) | ~(offered["act_by"] <= offered["valid_until"])
    priced = offered[offered["offer"].isin([o.id for o in catalogue.offers if o.price_worth > 0])]
    ends = day_text(priced["valid_until"])
    silent = [not end or end not in text for end, text in zip(ends, priced["offer_text"], strict=True)]
    return [
        by_rows("days in order", "expected cutoff <= send_on <= act_by <= valid_until", offered, disordered),
        by_rows(
            "no cliff",
            "a price benefit whose end is not announced",
            priced,
            pd.Series(silent, index=priced.index, dtype=bool),
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
    ]


def _newcomer_price(rows: pd.DataFrame, limits: Plan) -> Finding:
    """Rule 3c: every regular can claim the newcomers' price, whatever their arm, and the row says so."""
    if not limits.newcomer_price:
        return kept("newcomers' price")
    untold = rows["tier"].isin(LOYAL) & ~rows["why"].str.contains(limits.newcomer_price, regex=False)
    return by_rows("newcomers' price", "a regular who is not told of the newcomers' price", rows, untold)


def _control(rows: pd.DataFrame, offered: pd.DataFrame, limits: Plan) -> list[Finding]:
    """Arms agree with offers; what puts things right is never withheld; each stratum has its share, to the customer."""
    odd = (rows["arm"] == NONE) != (rows["offer"] == NONE)
    withheld = (offered["arm"] == "control") & offered["mechanic"].isin(NEVER_WITHHELD)
    found = [
        by_rows("control group", "arm and offer do not agree", rows, odd),
        by_rows("control group", "a service that is never withheld is held back", offered, withheld),
    ]
    band = offered["risk_band"].astype("object").fillna(UNSCORED).astype("str")
    drawn = offered[~offered["mechanic"].isin(NEVER_WITHHELD)].assign(band=band)
    for (group, name), part in drawn.groupby(["group", "band"]):
        n_held, expected = int((part["arm"] == "control").sum()), limits.control_share * len(part)
        if abs(n_held - expected) > 1 + CENT:
            detail = f"{n_held} of {len(part)} held back in '{group}', {name} risk; expected about {expected:.1f}"
            found.append(broken("control group", detail, part["customer_id"]))
    return found
