"""What the shop sent to a customer, and what came of it, before the cutoff."""

from __future__ import annotations

import pandas as pd

ANSWERS = ("opened", "clicked", "redeemed")


def last_touch(contacts: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """One row per contacted customer: `last_contact_on`, `last_offer` (campaign), `last_outcome`.

    Both tables must hold only what was known before the cutoff. Of campaigns sent at once the greatest id counts.
    """
    last = contacts.sort_values(["customer_id", "sent_at", "campaign_id"]).drop_duplicates("customer_id", keep="last")
    redeemed = responses.loc[responses["kind"] == "redeemed", ["customer_id", "campaign_id"]].drop_duplicates()
    found = last.merge(redeemed.assign(last_outcome="redeemed"), on=["customer_id", "campaign_id"], how="left")
    found["last_outcome"] = found["last_outcome"].fillna("no response").astype("str")
    named = found.rename(columns={"sent_on": "last_contact_on", "campaign_id": "last_offer"})
    return named.set_index("customer_id")[["last_contact_on", "last_offer", "last_outcome"]]


def consented_channels(consents: pd.DataFrame) -> pd.Series:
    """Channels joined by ',', by customer, of consents that were given before a cutoff.

    A withdrawal counts at once, whenever it came: who has said no since is not asked again.
    """
    standing = consents
    if "withdrawn_at" in consents.columns:
        standing = consents[consents["withdrawn_at"].isna()]
    listed = standing[["customer_id", "channel"]].drop_duplicates().sort_values(["customer_id", "channel"])
    return listed.groupby("customer_id")["channel"].agg(",".join)


def answered_channel(contacts: pd.DataFrame, responses: pd.DataFrame) -> pd.Series:
    """The channel whose messages a customer answered most (opened, clicked or redeemed), by customer.

    Ties go to the channel answered last, then to the first by name. Empty where contacts carry no channel; both
    tables must hold only what was known before the cutoff.
    """
    if "channel" not in contacts.columns:
        return pd.Series(dtype="str")
    keys = ["customer_id", "campaign_id"]
    answers = responses[responses["kind"].isin(ANSWERS)].groupby(keys)["responded_at"].max().reset_index()
    sent = contacts.dropna(subset="channel").drop_duplicates([*keys, "sent_at", "channel"])
    found = sent.merge(answers, on=keys).groupby(["customer_id", "channel"])["responded_at"].agg(["size", "max"])
    ranked = found.reset_index().sort_values(
        ["customer_id", "size", "max", "channel"], ascending=[True, False, False, True]
    )
    best: pd.Series = ranked.drop_duplicates("customer_id").set_index("customer_id")["channel"]
    return best
