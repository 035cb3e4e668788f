"""What followed a wave's message: counted by hand, and shared out among messages by learning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.follow_ups import with_follow_ups
from offers.effects.rows import followed, within_reach_of

NAN = float("nan")


def drawn(
    customer: str, monday: str, arm: str = "treated", offer: str = "gift", **changes: object
) -> dict[str, object]:
    """One row of a wave with a horizon of 28 days."""
    row = {
        "customer_id": customer,
        "cutoff_on": pd.Timestamp(monday),
        "arm": arm,
        "offer": offer,
        "horizon_days": 28,
        "p_lapse": 0.5,
        "p_savable": 0.4,
        "reach": 0.5,
        "offer_cost": 1.0,
        "margin": 10.0,
        "group": "all",
        "risk_band": "high",
    }
    return row | changes


def test_messages_within_the_window_count_and_their_cost_is_taken_off() -> None:
    waves = pd.DataFrame(
        [
            drawn("a", "2018-01-01"),
            drawn("a", "2018-01-15", offer_cost=2.0, p_savable=0.2, reach=1.0),
            drawn("a", "2018-01-29", offer_cost=4.0),  # the day on which the first window has ended
            drawn("b", "2018-01-01", arm="control"),
            drawn("b", "2018-01-29"),
            drawn("c", "2018-01-01", arm="control", offer="none", reach=0.0),
            drawn("d", "2018-01-01", p_savable=NAN),
        ]
    )
    first = waves[waves["cutoff_on"] == "2018-01-01"]
    found = with_follow_ups(first, waves).set_index("customer_id")
    assert found["n_messages"].to_dict() == {"a": 2, "b": 0, "c": 0, "d": 1}
    assert found["follow_up_cost"].to_dict() == {"a": 2.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert found["margin"].to_dict() == {"a": 8.0, "b": 10.0, "c": 10.0, "d": 10.0}
    assert found["exposure"].to_dict() == pytest.approx(
        {"a": 0.4 * 0.5 + 0.2 * 1.0, "b": 0.0, "c": 0.0, "d": 0.5 * 0.5}
    )


def test_nobody_in_a_matured_wave_is_no_trouble() -> None:
    empty = pd.DataFrame([drawn("a", "2018-01-01")]).iloc[:0]
    assert len(with_follow_ups(empty, empty)) == 0


def test_the_first_stage_is_an_average_of_what_was_known_at_the_draw() -> None:
    rows = pd.DataFrame(
        [
            drawn("a", "2018-01-01", exposure=0.6, n_messages=3),
            drawn("b", "2018-01-01", exposure=0.2, n_messages=1),
            drawn("c", "2018-01-01", arm="control", exposure=0.0, n_messages=0),
            drawn("d", "2018-01-01", risk_band="low", exposure=0.2, n_messages=1),
        ]
    )
    more = followed(rows)
    # high: (0.6 + 0.2) / (0.2 + 0.2) and (3 + 1) / 2, whoever of them was sent more; low: nothing followed
    assert more.exposure.tolist() == pytest.approx([2, 2, 2, 1])
    assert more.messages.tolist() == pytest.approx([2, 2, 2, 1])
    assert within_reach_of(rows).tolist() == pytest.approx([0.2] * 4)
    without = followed(rows.drop(columns=["exposure", "n_messages"]))
    assert np.array_equal(without.exposure, np.ones(4))
