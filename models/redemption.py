"""How readily each customer takes an offer up: learned from past campaigns, and no estimate of what an offer changes.

Whoever redeems might have bought anyway, so that redemption decides what an offer costs, never what it is worth. One
row is one message to one customer: their features at the last cutoff before it was sent, and whether an answer of kind
'redeemed' came within `WINDOW_DAYS`. A logistic regression on a handful of features; it is used only where it beats a
constant on later messages than those it was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from contracts import windows
from contracts.files import read_table
from models.evaluation.metrics import plain_metrics

Doubles = npt.NDArray[np.float64]
WINDOW_DAYS = 56
OLDEST_DAYS = 35  # features older than this say too little about a message
FEWEST_REDEEMED = 30
HELD_BACK_SHARE = 0.3
ODDS = (0.05, 20.0)
FEATURES = (
    "coupons_redeemed_life", "coupons_redeemed_91d", "campaigns_received_life", "coupon_line_share_91d",
    "discount_share_91d", "answers_per_campaign_91d", "purchase_days_91d", "days_since_last_purchase",
)  # fmt: skip
"""Whichever of these the shop's features hold; all are at least 0 and enter by their logarithm."""


@dataclass(frozen=True)
class Redemption:
    """A fitted model, or why there is none. `told` is its record: rows, dates, and the forward test's figures."""

    features: tuple[str, ...]
    weights: Doubles
    reference_logit: float
    told: dict[str, Any]

    @property
    def is_used(self) -> bool:
        """Whether it beat a constant on later messages."""
        return bool(self.features)

    def odds(self, rows: pd.DataFrame) -> Doubles:
        """Each row's odds of taking an offer up over the average contacted customer's; 1 for all without a model."""
        if not self.is_used:
            return np.ones(len(rows))
        logit = _design(rows, self.features) @ self.weights
        return np.clip(np.exp(logit - self.reference_logit), *ODDS)


def sent_rows(
    features: str | Path, contacts: pd.DataFrame, responses: pd.DataFrame, cutoffs: Sequence[date], known_until: date
) -> pd.DataFrame:
    """One row a message whose answer is known: `sent_on`, `redeemed`, and the customer's features before it.

    `contacts` and `responses` must hold only what was known before `known_until`; messages to customers without
    features at one of the `cutoffs` in the last weeks before are left out.
    """
    sent = contacts[["customer_id", "campaign_id", "sent_on"]].sort_values("sent_on", kind="stable")
    sent = sent.drop_duplicates(["customer_id", "campaign_id"])
    sent = sent[windows.days_until(sent["sent_on"], known_until) >= WINDOW_DAYS]
    taken = responses.loc[responses["kind"] == "redeemed", ["customer_id", "campaign_id", "responded_on"]]
    both = sent.merge(taken, on=["customer_id", "campaign_id"])
    days = (both["responded_on"] - both["sent_on"]).dt.days
    answered = both.loc[(days >= 0) & (days < WINDOW_DAYS), ["customer_id", "campaign_id"]].drop_duplicates()
    told = sent.merge(answered.assign(redeemed=True), on=["customer_id", "campaign_id"], how="left")
    told["redeemed"] = told["redeemed"].astype("boolean").fillna(False).astype(bool)
    return _with_features(told, features, cutoffs)


def _with_features(sent: pd.DataFrame, folder: str | Path, cutoffs: Sequence[date]) -> pd.DataFrame:
    """Each message with its customer's features at the latest cutoff at or before the day it was sent."""
    if not cutoffs or not len(sent):
        return sent.iloc[:0]
    known = pd.concat([_read(Path(folder) / f"{cutoff}.parquet") for cutoff in sorted(cutoffs)])
    known["cutoff_on"] = known["cutoff_on"].astype("datetime64[us]")
    return pd.merge_asof(
        sent.assign(sent_on=sent["sent_on"].astype("datetime64[us]")).sort_values(["sent_on", "customer_id"]),
        known.sort_values(["cutoff_on", "customer_id"]),
        left_on="sent_on",
        right_on="cutoff_on",
        by="customer_id",
        tolerance=pd.Timedelta(days=OLDEST_DAYS),
    ).dropna(subset="cutoff_on").reset_index(drop=True)  # fmt: skip


KEYS = ("customer_id", "cutoff_on")


def _read(path: Path) -> pd.DataFrame:
    return read_table(path, columns=[name for name in pq.read_schema(path).names if name in (*KEYS, *FEATURES)])


def fit_redemption(rows: pd.DataFrame) -> Redemption:
    """Fit on the earlier messages, judge on the later ones; where a constant is beaten, fit on all.

    The later messages begin at least `WINDOW_DAYS` after the last fitted one, as they did for whoever sent them.
    """
    names = tuple(name for name in FEATURES if name in rows.columns)
    told: dict[str, Any] = {"n_messages": len(rows), "n_redeemed": int(rows["redeemed"].sum()), "is_used": False}
    early, late = _split(rows)
    if not names or min(_rarer(early), _rarer(late)) < FEWEST_REDEEMED:
        return _none(told | {"why": f"expected {FEWEST_REDEEMED} redeemed and as many not, both early and late"})
    weights = _fitted(early, names)
    told |= _judged(early, late, _design(late, names) @ weights)
    if told["log_loss"] >= told["log_loss_constant"]:
        return _none(told | {"why": "no better than a constant on later messages"})
    weights = _fitted(rows, names)
    reference = float(np.log(rows["redeemed"].mean() / (1 - rows["redeemed"].mean())))
    return Redemption(names, weights, reference, told | {"is_used": True, "why": ""})


def _none(told: dict[str, Any]) -> Redemption:
    return Redemption((), np.zeros(0), 0.0, told)


def _split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    if not len(rows):
        return rows, rows
    sent = windows.day_numbers(rows["sent_on"])
    begin = np.quantile(sent, 1 - HELD_BACK_SHARE, method="nearest")
    return rows[sent < begin - WINDOW_DAYS], rows[sent >= begin]


def _rarer(rows: pd.DataFrame) -> int:
    n_redeemed = int(rows["redeemed"].sum())
    return min(n_redeemed, len(rows) - n_redeemed)


def _design(rows: pd.DataFrame, names: Sequence[str]) -> Doubles:
    """An intercept and the logarithms of one plus each feature, 0 where it is missing."""
    columns = [np.log1p(rows[name].astype("float64").clip(lower=0).fillna(0.0).to_numpy()) for name in names]
    return np.column_stack([np.ones(len(rows)), *columns])


def _fitted(rows: pd.DataFrame, names: Sequence[str]) -> Doubles:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    table, redeemed = _design(rows, names), rows["redeemed"].to_numpy(dtype=bool)
    scale = np.maximum(table[:, 1:].std(axis=0), 1e-9)
    with threadpool_limits(1):  # the same last digit on any number of cores
        model = LogisticRegression(C=1.0, max_iter=1000).fit(table[:, 1:] / scale, redeemed)
    return np.concatenate([model.intercept_, model.coef_[0] / scale]).astype(np.float64)


def _judged(early: pd.DataFrame, late: pd.DataFrame, logit: Doubles) -> dict[str, Any]:
    """The forward test: AUC and log loss on the later messages, and the log loss of the early messages' mean."""
    redeemed = late["redeemed"].to_numpy(dtype=bool)
    judged = plain_metrics(1 / (1 + np.exp(-logit)), redeemed)
    constant = plain_metrics(np.full(len(late), early["redeemed"].mean()), redeemed)
    return {
        "judged_from": str(late["sent_on"].min().date()),
        "judged_until": str(late["sent_on"].max().date()),
        "n_judged": len(late),
        "auc": judged["auc"],
        "log_loss": judged["log_loss"],
        "log_loss_constant": constant["log_loss"],
    }
