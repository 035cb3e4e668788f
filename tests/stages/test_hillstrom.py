"""A real randomised campaign: published averages, and what a learned policy is worth. Skipped where the data is not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.effects.hillstrom import (
    ARMS,
    LEARNED,
    PUBLISHED,
    Campaign,
    averages,
    campaign,
    judged,
    over_splits,
    own_parameters,
    source,
)
from contracts.errors import SourceError


@pytest.fixture(scope="module")
def hillstrom() -> Campaign:
    """The 64,000 customers, read where they stand."""
    try:
        return campaign(source())
    except SourceError as reason:
        pytest.skip(str(reason))


def test_averages_are_the_published_ones(hillstrom: Campaign) -> None:
    assert len(hillstrom) == 64_000
    found = {row["policy"]: row for row in averages(hillstrom) if row["metric"] == "spend as drawn"}
    assert {arm: round(row["value"], 2) for arm, row in found.items()} == PUBLISHED
    assert all(row["low"] < row["value"] < row["high"] for row in found.values())
    assert found["none"]["high"] < found["men's e-mail"]["low"]


def test_a_learned_policy_is_not_worse_than_doing_nothing(hillstrom: Campaign) -> None:
    runs = [judged(hillstrom, seed) for seed in (0, 1)]
    for outcome, own in LEARNED.items():
        gains = [run[f"{outcome} per head, {own} less rival", "none"] for run in runs]
        assert min(gains) > 0
        values = [run[f"{outcome} per head", own] - run[f"{outcome} per head", "none"] for run in runs]
        np.testing.assert_allclose(values, gains, rtol=1e-9)


def test_the_product_s_own_parameters_give_the_plain_difference(hillstrom: Campaign) -> None:
    """At mean p0, the effect that is believed lies within two standard errors of the difference in visits."""
    held = {(row["metric"], row["policy"]): row for row in own_parameters(hillstrom)}
    trial = hillstrom.trials["visit"]
    visits = [trial.outcome[trial.drawn == number].mean() for number in range(len(ARMS))]
    se = np.sqrt(2 * 0.15 * 0.85 / (len(trial) / 3))
    for number, arm in enumerate(ARMS[1:], start=1):
        effect = held["effect on visits, no visit as lapse", arm]
        assert abs(effect["value"] - (visits[number] - visits[0])) < 2 * se
        assert effect["low"] > 0


def test_the_interval_over_splits_knows_that_they_overlap() -> None:
    """Nadeau and Bengio (2003) by hand: 1, 2, 3 on equal halves: variance (1/3 + 1) · 1, t of 2 degrees 4.3027."""
    found = over_splits([1.0, 2.0, 3.0], 100, 100)
    assert found.value == pytest.approx(2.0)
    assert found.high - found.value == pytest.approx(4.302653 * np.sqrt(4 / 3), rel=1e-6)
    assert np.isnan(over_splits([1.0], 100, 100).low)
