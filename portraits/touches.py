"""What the shop sent to a customer, and what came of it, before the cutoff."""

from __future__ import annotations

import numpy as np
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
    codes, ids = pd.factorize(standing["customer_id"], sort=True)
    channels = sorted(standing["channel"].unique())
    agreed = np.zeros((len(ids), len(channels)), dtype=bool)
    agreed[codes, pd.Index(channels, dtype="str").get_indexer(pd.Index(standing["channel"], dtype="str"))] = True
    # few sets of channels occur: each is said once
    sets, which = np.unique(agreed, axis=0, return_inverse=True)
    said = [",".join(name for name, holds in zip(channels, row, strict=True) if holds) for row in sets]
    texts = pd.array(said, dtype="str").take(which.ravel())
    return pd.Series(texts, index=pd.Index(ids, name="customer_id"), name="channel")


def answered_channel(contacts: pd.DataFrame, responses: pd.DataFrame) -> pd.Series:
    """The channel whose messages a customer answered most (opened, clicked or redeemed), by customer.

    Ties go to the channel answered last, then to the first by name. Empty where contacts carry no channel; both
    tables must hold only what was known before the cutoff.
    """
    if "channel" not in contacts.columns:
        return pd.Series(dtype="str")
    answers = responses[responses["kind"].isin(ANSWERS)]
    # only who answered matters, and few do
    sent = contacts[contacts["customer_id"].isin(answers["customer_id"])].dropna(subset="channel")
    # ids as numbers: pandas groups and joins them much faster than texts
    customer, ids = pd.factorize(pd.concat([answers["customer_id"], sent["customer_id"]]), sort=True)
    campaign, campaigns = pd.factorize(pd.concat([answers["campaign_id"], sent["campaign_id"]]))
    message = customer * len(campaigns) + campaign
    last = answers["responded_at"].groupby(message[: len(answers)]).max()
    channel, channels = pd.factorize(sent["channel"], sort=True)
    found = pd.DataFrame(
        {"customer": customer[len(answers) :], "channel": channel, "message": message[len(answers) :]}
    ).assign(sent_at=sent["sent_at"].to_numpy())
    found = found.drop_duplicates()
    found = found.assign(at=last.reindex(found["message"]).to_numpy()).dropna(subset="at")
    ranked = found.groupby(["customer", "channel"])["at"].agg(["size", "max"]).reset_index()
    ranked = ranked.sort_values(["customer", "size", "max", "channel"], ascending=[True, False, False, True])
    best = ranked.drop_duplicates("customer")
    index = pd.Index(ids.take(best["customer"].to_numpy()), name="customer_id")
    return pd.Series(channels.take(best["channel"].to_numpy()), index=index, name="channel")
