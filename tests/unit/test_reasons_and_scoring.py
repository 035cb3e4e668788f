from __future__ import annotations

import numpy as np
import pandas as pd

from contracts.params import Params
from features.catalogue import BY_NAME
from features.vocabulary import FAMILIES
from models.reasons import LOWER_RISK, NO_SINGLE_SIGN, TOPICS, reasons, topic_contributions
from models.scoring import Champion, changes, risk_bands, score
from models.value.at_stake import Z95, Level, ValueModel
from models.value.shapes import Trailing


def one_customer(**numbers: float) -> pd.DataFrame:
    usual = dict.fromkeys(BY_NAME, 1.0)
    usual |= {"days_since_last_purchase": 24, "gap_median_days": 5, "amount_28d": 0, "amount_life": 730}
    usual |= {"tenure_days": 365, "purchase_days_28d": 1, "purchase_days_56d": 7, "purchase_day_rate_life": 0.2}
    keys = {"customer_id": ["ann"], "cutoff_on": pd.to_datetime(["2018-01-01"])}
    return pd.DataFrame({**keys, **{name: [value] for name, value in (usual | numbers).items()}})


def test_every_family_is_told_by_one_topic() -> None:
    told = [family for topic in TOPICS for family in topic.families]
    assert sorted(told) == sorted(FAMILIES)
    assert all(name in BY_NAME for topic in TOPICS for name in topic.reads)


def test_reasons_say_the_customers_own_numbers_strongest_first() -> None:
    features = ("days_since_last_purchase", "amount_28d", "weekly_purchase_days_slope_13w", "distinct_products_91d")
    pushes = np.array([[0.5, 0.9, 0.2, -0.4, -2.0]])
    text = reasons(one_customer(), pushes, features, 3, "EUR")[0]
    assert text.split("; ") == [
        "0 EUR in the last 4 weeks, 56 EUR in 4 weeks over all time",
        "no purchase for 24 days, usually every 5 days",
        "1 purchase day in the last 4 weeks after 6 in the 4 before",
    ]


def test_what_lowers_the_risk_is_never_told_as_a_reason_for_it() -> None:
    features = ("days_since_last_purchase", "amount_28d")
    pushed = reasons(one_customer(), np.array([[0.5, -0.9, 0.0]]), features, 3, "EUR")[0]
    assert pushed == "no purchase for 24 days, usually every 5 days"
    assert reasons(one_customer(), np.array([[-0.5, -0.9, 0.0]]), features, 3, "EUR")[0] == LOWER_RISK


def test_a_risk_that_is_raised_by_what_is_not_told_is_not_called_low() -> None:
    """A trial, and families without a sentence, push the risk too."""
    for features in (("trial_x",), ("forced_contacts_182d",), ("price_rank_91d",), ("distinct_channels_182d",)):
        assert reasons(one_customer(), np.array([[1.0, 0.0]]), features, 3, "EUR")[0] == NO_SINGLE_SIGN
    both = ("days_since_last_purchase", "price_rank_91d")
    assert reasons(one_customer(), np.array([[-1.0, 2.0, 0.0]]), both, 3, "EUR")[0] == NO_SINGLE_SIGN
    assert reasons(one_customer(), np.array([[-1.0, 0.5, 0.0]]), both, 3, "EUR")[0] == LOWER_RISK


def test_returns_and_complaints_are_told_with_their_number() -> None:
    numbers = one_customer(return_lines_91d=3, complaints_182d=1)
    features = ("return_lines_91d", "complaints_182d")
    text = reasons(numbers, np.array([[0.5, 0.4, 0.0]]), features, 3, "EUR")[0]
    assert text == "3 items returned in the last 13 weeks; 1 complaint made in the last 26 weeks"
    without = numbers.drop(columns=list(features))
    assert reasons(without, np.array([[0.5, 0.4, 0.0]]), features, 3, "EUR")[0] == NO_SINGLE_SIGN


def test_an_unknown_number_is_no_reason() -> None:
    unknown = one_customer(**dict.fromkeys(BY_NAME, np.nan))
    names = tuple(BY_NAME)
    text = reasons(unknown, np.ones((1, len(names) + 1)), names, 9, "EUR")[0]
    assert "nan" not in text


def test_a_reason_never_argues_for_staying() -> None:
    lively = one_customer(days_since_last_purchase=2, purchase_days_28d=9, purchase_days_56d=12, amount_28d=300)
    features = ("days_since_last_purchase", "weekly_purchase_days_slope_13w", "amount_28d")
    assert reasons(lively, np.array([[0.5, 0.4, 0.3, 0.0]]), features, 3, "EUR")[0] == NO_SINGLE_SIGN


def test_an_empty_month_is_told_once() -> None:
    gone = one_customer(days_since_last_purchase=40, purchase_days_28d=0, purchase_days_56d=6)
    features = ("weekly_purchase_days_slope_13w", "amount_28d", "days_since_last_purchase", "purchase_days_91d")
    text = reasons(gone, np.array([[0.9, 0.8, 0.7, 0.6, 0.0]]), features, 3, "EUR")[0]
    assert text.split("; ") == [
        "0 purchase days in the last 4 weeks after 6 in the 4 before",
        "no purchase for 40 days, usually every 5 days",
    ]
    silent = one_customer(days_since_last_purchase=70, purchase_days_28d=0, purchase_days_56d=0)
    assert "after 0" not in reasons(silent, np.array([[0.9, 0.0]]), ("weekly_purchase_days_slope_13w",), 3, "EUR")[0]


def test_a_customer_without_gaps_gets_no_usual_gap() -> None:
    text = reasons(one_customer(gap_median_days=np.nan), np.array([[1.0, 0.0]]), ("tenure_days",), 1, "EUR")[0]
    assert text == "no purchase for 24 days"


def test_contributions_are_summed_by_topic() -> None:
    totals = topic_contributions(np.array([[1.0, 2.0, 4.0, 9.0]]), ("gap_sd_to_gap_mean", "tenure_days", "amount_28d"))
    assert totals[0][[topic.name for topic in TOPICS].index("silence")] == 3.0
    assert totals[0].sum() == 7.0


def test_bands_and_changes_at_their_edges() -> None:
    assert risk_bands(np.array([0.1499, 0.15, 0.4]), [0.15, 0.4]).tolist() == ["low", "medium", "high"]
    before = np.array([np.nan, 0.20, 0.20, 0.20])
    assert changes(np.array([0.2, 0.26, 0.14, 0.25]), before, 0.055).tolist() == ["new", "up", "down", "same"]


class Silence:
    """A model that rises with silence alone."""

    features = ("days_since_last_purchase",)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return np.clip(frame["days_since_last_purchase"].to_numpy(dtype=float) / 100, 0, 1)

    def contributions(self, frame: pd.DataFrame) -> np.ndarray:
        return np.column_stack([self.predict(frame), np.zeros(len(frame))])

    def to_files(self) -> dict[str, str]:
        return {}


def test_scores_by_hand(params: Params) -> None:
    now = pd.concat([one_customer(amount_91d=400.0), one_customer(amount_91d=100.0)], ignore_index=True)
    now["customer_id"] = ["ann", "bob"]
    before = one_customer(days_since_last_purchase=17.0)
    value = ValueModel(Trailing(), Level(1.0, 0.5, lapsed_variance=(0.1 / Z95) ** 2), 1000)
    chosen = params.score.model_copy(update={"n_explained": 1})
    champion = Champion(Silence(), "0123456789abcdef", "model")
    scored = score(now, before, champion, value, store=params.store, params=chosen).set_index("customer_id")
    assert scored.loc["ann", "p_lapse"] == 0.24
    assert scored.loc["ann", "change"] == "up"
    assert scored.loc["bob", "change"] == "new"
    assert scored.loc["ann", ["value_at_stake_low", "value_at_stake", "value_at_stake_high"]].tolist() == [40, 50, 60]
    assert scored.loc["ann", ["margin_if_kept", "margin_if_lapsed"]].tolist() == [100, 50]
    assert scored.loc["ann", "expected_loss"] == 12.0
    assert scored.loc["ann", "reasons"] == "no purchase for 24 days, usually every 5 days"
    assert scored.loc["bob", "reasons"] == ""  # explained are those with the highest expected loss
    assert set(scored["model_version"]) == {"0123456789ab"}
