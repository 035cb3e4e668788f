"""Redemption propensity against rows whose law is known, and against joins made by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.tables import FEATURES
from models.redemption import ODDS, fit_redemption, sent_rows

FIRST = pd.Timestamp("2017-03-01")


def drawn(n: int = 6000, effect: float = 2.0, seed: int = 1) -> pd.DataFrame:
    """Messages over 300 days; logit of redeeming = −2.5 + effect × log(1 + coupons redeemed so far)."""
    rng = np.random.default_rng(seed)
    coupons = rng.integers(0, 4, n).astype(float)
    p = 1 / (1 + np.exp(2.5 - effect * np.log1p(coupons)))
    return pd.DataFrame(
        {
            "customer_id": [f"c{k}" for k in range(n)],
            "sent_on": FIRST + pd.to_timedelta(np.sort(rng.integers(0, 300, n)), unit="D"),
            "coupons_redeemed_life": coupons,
            "redeemed": rng.random(n) < p,
        }
    )


def test_the_law_is_found_and_odds_are_over_the_average_customer():
    rows = drawn()
    model = fit_redemption(rows)
    assert model.is_used
    # standard error of the slope on 6,000 rows: about 0.06
    assert model.weights[1] == pytest.approx(2.0, abs=0.25)
    mean = rows["redeemed"].mean()
    odds = model.odds(pd.DataFrame({"coupons_redeemed_life": [0.0, 3.0, np.nan]}))
    assert odds[0] == pytest.approx(np.exp(-2.5) / (mean / (1 - mean)), rel=0.15)
    assert odds[1] == pytest.approx(np.exp(-2.5 + 2 * np.log(4)) / (mean / (1 - mean)), rel=0.15)
    assert odds[2] == odds[0]  # missing is none


def test_odds_have_bounds():
    assert fit_redemption(drawn()).odds(pd.DataFrame({"coupons_redeemed_life": [1e9]})) == ODDS[1]


def test_what_does_not_beat_a_constant_on_later_messages_is_not_used():
    """The law turns round before the later messages: what was learned early is worse than a constant."""
    rows = drawn()
    late = rows["sent_on"] >= rows["sent_on"].quantile(0.6)
    rows.loc[late, "coupons_redeemed_life"] = 3 - rows.loc[late, "coupons_redeemed_life"]
    model = fit_redemption(rows)
    assert not model.is_used
    assert model.told["why"] == "no better than a constant on later messages"
    assert (model.odds(rows) == 1.0).all()


@pytest.mark.parametrize("n", [0, 40])
def test_too_few_answers_give_no_model(n):
    model = fit_redemption(drawn(6000).head(n))
    assert not model.is_used
    assert "expected 30 redeemed" in model.told["why"]
    assert model.odds(pd.DataFrame({"customer_id": ["a", "b"]})).tolist() == [1.0, 1.0]


def at(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts)), dtype="datetime64[us]")


def test_messages_meet_the_features_before_them_and_the_answers_after(tmp_path: Path):
    for cutoff, coupons in ((date(2017, 3, 6), 1.0), (date(2017, 3, 20), 2.0)):
        table = pd.DataFrame(
            {"customer_id": ["a", "b"], "cutoff_on": pd.Timestamp(cutoff), "coupons_redeemed_life": coupons}
        )
        FEATURES(table).to_parquet(tmp_path / f"{cutoff}.parquet")
    contacts = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b", "c", "a"],
            "campaign_id": ["1", "2", "1", "3", "1", "4"],
            "sent_on": at("2017-03-19", "2017-03-20", "2017-03-05", "2017-06-01", "2017-03-20", "2017-11-20"),
        }
    )
    responses = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "a"], "campaign_id": ["1", "2", "1", "2"],
            "kind": ["redeemed", "redeemed", "opened", "redeemed"],
            "responded_on": at("2017-05-13", "2017-05-15", "2017-03-10", "2017-03-19"),  # the last before it was sent
        }
    )  # fmt: skip
    rows = sent_rows(tmp_path, contacts, responses, [date(2017, 3, 6), date(2017, 3, 20)], date(2018, 1, 1))
    # b's first message came before any features, its second long after; c has none; a's last is not 56 days old
    assert rows[["customer_id", "campaign_id"]].to_numpy().tolist() == [["a", "1"], ["a", "2"]]
    assert rows["coupons_redeemed_life"].tolist() == [1.0, 2.0]
    assert rows["redeemed"].tolist() == [True, False]  # 55 and 56 days after


def test_no_messages_are_no_rows(tmp_path: Path):
    contacts = pd.DataFrame({"customer_id": ["a"], "campaign_id": ["1"], "sent_on": at("2017-03-19")}).iloc[:0]
    responses = pd.DataFrame(
        {"customer_id": ["a"], "campaign_id": ["1"], "kind": ["x"], "responded_on": at("2017-03-19")}
    )
    assert not len(sent_rows(tmp_path, contacts, responses.iloc[:0], [], date(2018, 1, 1)))
