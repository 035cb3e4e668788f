"""What is said: the message to the customer, and the reason behind each decision for whoever asks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from contracts.words import Words, day_text
from offers.catalogue import NONE, PRODUCT_FIELDS, Catalogue

Row = Mapping[Hashable, Any]
NUMBERS = (
    "offer", "channel", "group", "tier", "state", "value_tier", "promotion_sensitivity", "purpose", "options",
    "risk_band", "p_lapse",
    "p_savable", "save", "harm", "effect", "effect_low", "effect_high", "value_at_stake", "needs_score", "gain",
    "benefit_cost", "contact_cost", "taught_cost", "permission_cost", "extra", "expected_profit", "expected_profit_low",
    "expected_profit_high", "next_due_on", "due_from_on", "due_until_on", "send_on", "why_none",
)  # fmt: skip
AT_A_LOSS = " Given though it is not expected to pay: so that no tier is worse off than a newer one."
BY_LOT = "Drawn at random, 1 of {n} ways to go on, so that offers are compared. "
ROWS_AT_ONCE = 8_192
ENTITLED = ("regular", "devoted")


def messages(rows: pd.DataFrame, catalogue: Catalogue, words: Words) -> list[str]:
    """A whole message per row (`offer`, `channel` and the customer's facts); `{name}` stays, for whoever sends it."""
    facts = pd.DataFrame({name: words.column(rows[name]) for name in PRODUCT_FIELDS})
    facts = facts.assign(valid_until=day_text(rows["valid_until"]), promise=rows["promise"])
    offers = {offer.id: offer for offer in catalogue.offers}
    stops = {channel.id: channel.stop_text for channel in catalogue.channels}
    said = []
    for offer, channel, known in zip(rows["offer"], rows["channel"], facts.to_dict("records"), strict=True):
        body = offers[offer].text.format_map(known)
        body = f"{body} {offers[offer].disclosure}".strip()
        said.append(catalogue.message.format(name="{name}", sender=catalogue.sender, text=body, stop=stops[channel]))
    return said


def why(rows: pd.DataFrame, currency: str, newcomer_price: str | None) -> pd.Series:
    """Rule path and numbers per row of the plan, whether it holds an offer or none."""
    told = rows[list(NUMBERS)]
    # some at a time: a row as a mapping takes far more memory than the row
    parts = [told.iloc[begin : begin + ROWS_AT_ONCE] for begin in range(0, max(len(told), 1), ROWS_AT_ONCE)]
    whole: pd.Series = pd.concat([_said(part, currency, newcomer_price) for part in parts])
    return whole


def _said(rows: pd.DataFrame, currency: str, newcomer_price: str | None) -> pd.Series:
    said = []
    for row in rows.to_dict("records"):
        text = _why_none(row) if row["offer"] == NONE else _why_offer(row, currency)
        if newcomer_price and row["tier"] in ENTITLED:
            text += entitlement(newcomer_price)
        said.append(text)
    return pd.Series(said, index=rows.index, dtype="str")


def entitlement(newcomer_price: str) -> str:
    """What every regular is told about the newcomers' price."""
    return f" Entitled as a regular to the newcomers' price: {newcomer_price}."


def _why_none(row: Row) -> str:
    risk = _risk(row)
    return f"group '{row['group']}' ({row['tier']}, {row['state']}, {risk}): none. {row['why_none']}"


def _risk(row: Row) -> str:
    if row["risk_band"] == "unscored":
        return "no score"
    is_by_rule = pd.isna(row["p_lapse"])
    return f"{row['risk_band']} risk, " + ("by own rhythm, no model" if is_by_rule else f"p_lapse {row['p_lapse']:.3f}")


def _why_offer(row: Row, currency: str) -> str:
    path = (
        f"group '{row['group']}' ({row['tier']}, {row['state']}, {row['value_tier']} value, "
        f"{row['promotion_sensitivity']}, "
        f"{row['risk_band']} risk): {row['offer']} by {row['channel']}. "
    )
    if row["needs_score"]:
        gain = (
            f"p_leave {row['p_savable']:.3f} × save {row['save']:.3f} − stay {1 - row['p_lapse']:.3f} × harm "
            f"{row['harm']:.3f} = effect {row['effect']:.4f} [{row['effect_low']:.4f}, "
            f"{row['effect_high']:.4f}]; × {row['value_at_stake']:.2f} {currency} at stake "
            f"= {row['gain']:.2f}"
        )
    else:
        gain = f"assumed gain {row['gain']:.2f}"
    costs = (
        f"; − benefit {row['benefit_cost']:.2f} − contact {row['contact_cost']:.2f} − taught {row['taught_cost']:.2f} "
        f"− permission {row['permission_cost']:.3f} + extra {row['extra']:.2f} "
        f"= {row['expected_profit']:.2f} {currency} [{row['expected_profit_low']:.2f}, "
        f"{row['expected_profit_high']:.2f}]."
    )
    if row["purpose"] == "exploration":
        n_options = len(str(row["options"]).split("; "))
        return path + BY_LOT.format(n=n_options) + gain + costs + _when(row)
    return path + gain + costs + _when(row) + (AT_A_LOSS if row["expected_profit"] <= 0 else "")


def _when(row: Row) -> str:
    """When the next purchase is due, how sure that is, and the day that follows from it."""
    due, begin, end = (row[name] for name in ("next_due_on", "due_from_on", "due_until_on"))
    if pd.isnull(due):
        return ""
    sure = "" if pd.isnull(begin) else f" (half of such gaps end {begin:%Y-%m-%d} to {end:%Y-%m-%d})"
    return f" Next purchase due {due:%Y-%m-%d}{sure}: sent {row['send_on']:%Y-%m-%d}."
