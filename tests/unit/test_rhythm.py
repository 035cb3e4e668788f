"""The proposed horizon and window, on gaps written by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from events.proposals.rhythm import rhythm_of


def days(**gaps: list[int]) -> pd.DataFrame:
    """Purchase days of each customer from the gaps between them."""
    rows = []
    for who, lengths in gaps.items():
        at = pd.Timestamp("2017-01-02")
        rows.append((who, at))
        for length in lengths:
            at += pd.Timedelta(days=length)
            rows.append((who, at))
    return pd.DataFrame(rows, columns=["customer_id", "ordered_on"])


@pytest.mark.parametrize(
    ("gaps", "horizon", "active"),
    [
        ({"ann": [3] * 9, "bob": [7] * 9}, 28, 90),  # all gaps within 28 days, the shortest horizon there is
        ({"ann": [30] * 8, "bob": [60] * 8}, 90, 180),  # 56 days hold half of the gaps; 90 hold all
        ({"ann": [30] * 8, "bob": [60]}, 56, 180),  # 56 days hold 8 of 9 gaps; bob has no rhythm yet
        ({"ann": [2000] * 3}, 730, 1460),  # beyond every usual horizon: the longest
        ({"ann": []}, 28, 90),
    ],
)
def test_the_horizon_follows_from_the_gaps(gaps: dict[str, list[int]], horizon: int, active: int) -> None:
    found = rhythm_of(days(**gaps))
    assert (found.proposed_horizon_days, found.proposed_active_days) == (horizon, active)


def test_the_mislabelled_are_those_whose_usual_gap_is_longer() -> None:
    weekly = {f"weekly{k}": [7] * 12 for k in range(7)}
    quarterly = {f"quarterly{k}": [91] * 4 for k in range(3)}
    found = rhythm_of(days(**weekly, **quarterly))
    # 84 of 96 gaps are 7 days: 28 days hold 87.5 %; three of ten customers usually stay away longer
    assert found.proposed_horizon_days == 28
    assert (found.n_mislabelled, found.n_with_rhythm) == (3, 10)
    assert found.proposes_own_rhythm
    assert "3 of 10 customers" in found.why


def test_two_visits_on_one_day_are_one() -> None:
    twice = pd.concat([days(ann=[7, 7]), days(ann=[7, 7])])
    assert rhythm_of(twice).n_gaps_of.tolist() == [0, 0, 0, 0, 0, 0, 0, 2]


def test_a_shop_without_purchases_has_no_gaps_and_the_shortest_horizon() -> None:
    found = rhythm_of(days(ann=[7])[:0])
    assert (found.n_gaps, found.n_with_rhythm, found.n_mislabelled) == (0, 0, 0)
    assert found.proposed_horizon_days == rhythm_of(days(ann=[])).proposed_horizon_days
    assert not found.proposes_own_rhythm
