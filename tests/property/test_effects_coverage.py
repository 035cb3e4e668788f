"""Intervals hold the truth as often as they say, whatever the wave; looking every week does not break the sequence."""

import math

import pytest

from benchmarks.effects.coverage import main, measured

N_WAVES, N_YEARS = 200, 30


def monte_carlo(share, n):
    return 3 * math.sqrt(share * (1 - share) / n)


def test_intervals_cover():
    found = {row["preset"]: row for row in measured(N_WAVES, 0, seed=11)}
    assert set(found) == {"retention", "margin"}
    assert abs(found["retention"]["value"] - 0.95) <= monte_carlo(0.95, N_WAVES)
    assert found["margin"]["value"] >= 0.95 - monte_carlo(0.95, N_WAVES)


def test_weekly_looks_at_no_effect_seldom_err():
    found = {row["preset"]: row["value"] for row in measured(2, N_YEARS, seed=12)[2:]}
    for name in ("retention", "margin"):
        assert found[name] <= 0.05 + monte_carlo(0.05, N_YEARS)
        assert found[f"{name}, peeking"] >= found[name]


@pytest.mark.prove
def test_two_thousand_waves_and_a_thousand_years():
    rows = {(row["metric"], row["preset"]): row["value"] for row in main(["--years", "1000", "--workers", "2"])}
    assert 0.935 <= rows["coverage_95", "retention"] <= 0.975
    for name in ("retention", "margin"):
        assert rows["anytime_error", name] <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)
