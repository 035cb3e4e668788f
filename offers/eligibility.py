"""Who may get what, through which channel: the triples that the plan chooses from, and why some customers have none."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.windows import days_until
from contracts.words import Words
from offers.catalogue import ALL_TIERS, NONE, Catalogue, Channel, Offer

Mask = npt.NDArray[np.bool_]
UNSCORED = "unscored"
NO_MODEL_YET = (
    "No model yet: offers chosen by the probability of lapse wait until there are enough outcomes to learn from."
)
FACTS = ("favourite_category", "matched_product", "due_product")  # text fields that a customer may lack


def customers_of(portraits: pd.DataFrame, scores: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """One row per customer who is not gone, in order of id: portrait, score (may be missing), preferred channel.

    `risk_band` is 'unscored' and `p_lapse` missing without a score; `is_explained`: the score has reasons. Where rules
    stand in for a model there is a band and no `p_lapse`.
    """
    living = portraits[portraits["state"] != "gone"]
    judged = scores[
        [
            "customer_id",
            "p_lapse",
            "risk_band",
            "value_at_stake",
            "value_at_stake_low",
            "value_at_stake_high",
            "reasons",
        ]
    ]
    table = living.merge(judged, on="customer_id", how="left").sort_values("customer_id", ignore_index=True)
    table["risk_band"] = table["risk_band"].astype("object").fillna(UNSCORED).astype("str")
    table["is_explained"] = table["reasons"].astype("object").fillna("").astype("str") != ""
    permitted = [permits(channel, table) for channel in catalogue.channels]
    names = [channel.id for channel in catalogue.channels]
    table["preferred_channel"] = pd.Series(np.select(permitted, names, NONE), index=table.index, dtype="str")
    return table


def speakable(customers: pd.DataFrame, words: Words) -> pd.DataFrame:
    """The customers with the facts that texts name emptied where there are no words for them."""
    return customers.assign(**{fact: customers[fact].where(customers[fact].isin(words.names), "") for fact in FACTS})


def permits(channel: Channel, customers: pd.DataFrame) -> Mask:
    """Whom a channel may reach: no one who refuses marketing; consent where it is needed (unknown counts as no)."""
    reached = customers["state"].isin(channel.states).to_numpy(dtype=bool)
    if "no_marketing" in customers.columns:
        reached = reached & ~customers["no_marketing"].to_numpy(dtype=bool)
    if not channel.needs_consent:
        return reached
    agreed = ("," + customers["consented_channels"] + ",").str.contains(f",{channel.id},", regex=False)
    return np.asarray(reached & agreed.to_numpy(dtype=bool))


def is_rested(customers: pd.DataFrame, send_on: date, rest_days: int) -> Mask:
    """Whether enough days lie between the last contact and the day to send; no contact yet is rest enough."""
    return np.asarray(~(days_until(customers["last_contact_on"], send_on) < rest_days), dtype=bool)


def fits(offer: Offer, customers: pd.DataFrame) -> Mask:
    """Whom an offer is for: its audience, a score with reasons where risk decides, and every fact its text names."""
    audience = offer.audience
    admitted = (
        customers["tier"].isin(audience.tiers)
        & customers["state"].isin(audience.states)
        & customers["value_tier"].isin(audience.value_tiers)
        & customers["promotion_sensitivity"].isin(audience.promotion_sensitivity)
        & customers["risk_band"].isin(audience.risk_bands)
    )
    if audience.groups is not None:
        admitted &= customers["group"].isin(audience.groups)
    if offer.needs_score:
        admitted &= customers["p_lapse"].notna() & customers["is_explained"]
    for fact in offer.fields & set(FACTS):
        admitted &= customers[fact] != ""
    return admitted.to_numpy(dtype=bool)


def is_left_alone(customers: pd.DataFrame, catalogue: Catalogue) -> Mask:
    """Whom the shop deliberately does not contact: groups that it names, and whoever is less loyal and otherwise alike.

    Alike is: the same state, value tier and risk band. Else a newer customer could be given what a loyal one is not.
    """
    alone = customers["group"].isin(catalogue.left_alone)
    rank = customers["tier"].map({tier: k for k, tier in enumerate(ALL_TIERS)}).astype("float64")
    alike = [customers[name] for name in ("state", "value_tier", "risk_band")]
    highest = rank.where(alone).groupby(alike).transform("max")
    return (alone | (rank < highest)).to_numpy(dtype=bool)


def candidates(customers: pd.DataFrame, catalogue: Catalogue, rested: Mask) -> pd.DataFrame:
    """One row per permitted (customer, offer, channel): `customer` (position in `customers`), `offer`, `channel`."""
    parts = [
        pd.DataFrame(
            {"customer": pd.Series(dtype="int64"), "offer": pd.Series(dtype="str"), "channel": pd.Series(dtype="str")}
        )
    ]
    open_to = rested & ~is_left_alone(customers, catalogue)
    permitted = {channel.id: permits(channel, customers) for channel in catalogue.channels}
    for offer in catalogue.offers:
        suited = open_to & fits(offer, customers)
        for channel in offer.channels:
            found = np.flatnonzero(suited & permitted[channel])
            if len(found):
                parts.append(pd.DataFrame({"customer": found, "offer": offer.id, "channel": channel}))
    table = pd.concat(parts[1:] or parts, ignore_index=True)
    return table.sort_values("customer", kind="stable", ignore_index=True)


def why_none(
    customers: pd.DataFrame,
    catalogue: Catalogue,
    *,
    rested: Mask,
    priced: pd.DataFrame,
    passed_over: pd.Series,
    send_on: date,
    rest_days: int,
) -> pd.Series:
    """One sentence for each customer, true if the plan gives them nothing: the first obstacle that they meet.

    `passed_over` says which limits stood in the way of those for whom an offer would have paid.
    """
    best = priced.groupby("customer")["expected_profit"].max().reindex(range(len(customers)))
    unexplained = customers["p_lapse"].notna() & ~customers["is_explained"]
    by_rule = customers["p_lapse"].isna() & (customers["risk_band"] != UNSCORED)
    known = [
        (
            pd.Series(is_left_alone(customers, catalogue)),
            "Customers like this one are deliberately left alone: nothing needs mending.",
        ),
        (customers["preferred_channel"] == NONE, "No channel that this customer permits can reach them."),
        (pd.Series(~rested), f"Contacted less than {rest_days} days before {send_on:%Y-%m-%d}; left to rest."),
        (
            best.isna() & unexplained,
            "Little is at stake, so the risk was not explained, and nothing is sent unexplained.",
        ),
        (best.isna() & by_rule, NO_MODEL_YET),
        (best.isna(), "No offer in the catalogue fits this customer."),
        (best <= 0, "No offer is expected to bring more than it costs."),
    ]
    named = np.select(
        [condition.to_numpy(dtype=bool) for condition, _ in known],
        [text for _, text in known],
        passed_over.to_numpy(dtype=object),
    )
    return pd.Series(named, index=customers.index, dtype="str")
