"""What became of a wave, by hand: half-open windows from its Monday, redemptions of its own offer, margins."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pytest

from contracts.event_tables import INTERACTIONS, RESPONSES
from contracts.wave_tables import WAVE_OUTCOMES, WAVES
from events.store import Events
from features.wave_outcomes import Seen, matured, outcomes
from pipeline.collecting import names_offers, owed_offers, with_interactions
from tests.offer_shops import CATALOGUE

MONDAY = pd.Timestamp("2018-01-01")
ZONE = "Europe/Berlin"


def wave(**changes: object) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "wave": "2018-W01",
            "cutoff_on": MONDAY,
            "customer_id": ["a", "b", "c", "d"],
            "purpose": ["plan", "plan", "plan", "exploration"],
            "arm": ["treated", "control", "treated", "control"],
            "offer": ["five_back", "five_back", "thank_you", "none"],
            "channel": ["email", "email", "letter", ""],
            "propensity": [0.8, 0.2, 0.8, 0.5],
            "group": "g",
            "risk_band": "high",
            "tier": "regular",
            "interaction": "unknown",
            "p_lapse": 0.4,
            "value_at_stake": 50.0,
            "reach": 0.5,
            "offer_cost": 1.0,
            "contact_cost": [0.1, 0.1, 0.5, 0.0],
            "price_benefit": 0.5,
            "effect": 0.05,
            "model_version": "m",
            "horizon_days": 28,
            "options": ["", "", "", "five_back; none"],
            "send_on": MONDAY + pd.Timedelta(days=1),
            "valid_until": MONDAY + pd.Timedelta(days=20),
        }
    )
    return WAVES(rows.assign(**changes))


def seen() -> Seen:
    def lines(rows: list[tuple[str, int, float, float]]) -> pd.DataFrame:
        days = [MONDAY + pd.Timedelta(days=day) for _, day, _, _ in rows]
        at = pd.Series(days).dt.tz_localize(ZONE).dt.tz_convert("UTC") + pd.Timedelta(hours=12)
        return pd.DataFrame(
            {
                "customer_id": [who for who, *_ in rows],
                "ordered_on": days,
                "ordered_at": at,
                "amount": [amount for *_, amount, _ in rows],
                "discount": [off for *_, off in rows],
            }
        )

    purchases = lines(
        [
            ("a", -28, 40.0, 0.0),  # the first day of the time before
            ("a", -29, 99.0, 0.0),  # a day too early
            ("a", 0, 30.0, 0.0),  # the Monday itself counts
            ("a", 27, 10.0, 5.0),  # the last day of the window, reduced
            ("b", 28, 70.0, 0.0),  # a day too late: lapsed
            ("c", -1, 20.0, 2.0),
        ]
    )
    contacts = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "campaign_id": ["w1", "w1", "w1"],
            "sent_on": MONDAY + pd.Timedelta(days=2),
            "sent_at": (MONDAY + pd.Timedelta(days=2)).tz_localize("UTC"),
            "offer": ["five_back", "five_back", "thank_you"],
        }
    )
    responses = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "campaign_id": ["w1", "w1", "other"],
            "kind": "redeemed",
            "responded_on": MONDAY + pd.Timedelta(days=3),
            "responded_at": (MONDAY + pd.Timedelta(days=3)).tz_localize("UTC"),
        }
    )
    return Seen(purchases, contacts, responses, ZONE)


def test_windows_begin_at_the_monday_and_are_half_open():
    found = outcomes(wave(), seen(), 0.25, {"five_back": 5.0, "thank_you": 0.5}).set_index("customer_id")
    assert found["lapsed"].to_dict() == {"a": False, "b": True, "c": True, "d": True}
    assert found["amount"].to_dict() == {"a": 40.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert found["margin_before"].to_dict() == {"a": 10.0, "b": 0.0, "c": 5.0, "d": 0.0}
    assert found.loc["a", "full_price_share"] == pytest.approx(0.75)
    assert pd.isna(found.loc["b", "full_price_share"])
    assert found.loc["c", "full_price_share_before"] == 0.0


def test_margins_pay_for_the_benefits_and_contacts_of_the_treated_alone():
    found = outcomes(wave(), seen(), 0.25, {"five_back": 5.0, "thank_you": 0.5}).set_index("customer_id")
    assert found["is_redeemed"].to_dict() == {"a": True, "b": False, "c": False, "d": False}
    assert found["benefit_cost"].to_dict() == {"a": 5.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert found["margin"].to_dict() == pytest.approx({"a": 0.25 * 40 - 5.0 - 0.1, "b": 0.0, "c": -0.5, "d": 0.0})


def test_a_contact_to_a_control_is_seen():
    found = outcomes(wave(), seen(), 0.25, {}).set_index("customer_id")
    assert found.loc["b", "arm"] == "control"
    assert found.loc["b", "is_contacted"]
    assert not found.loc["d", "is_contacted"]


@pytest.mark.parametrize(("day", "grace", "n"), [("2018-01-28", 0, 0), ("2018-01-29", 0, 4), ("2018-01-29", 1, 0)])
def test_a_wave_matures_when_its_window_and_grace_have_ended(day, grace, n):
    assert len(matured(wave(), date.fromisoformat(day), grace)) == n


def test_nothing_known_later_counts():
    late = seen()
    known = late.purchases.assign(known_at=late.purchases["ordered_at"] + pd.Timedelta(days=40))
    as_of = Seen(known, late.contacts, late.responses, ZONE).before(date(2018, 1, 29))
    found = outcomes(wave(), as_of, 0.25, {})
    assert found["lapsed"].all()


COSTS = {"five_back": 5.0, "thank_you": 0.5}


def test_a_coupon_is_charged_once():
    """a paid 40 after a coupon of 5: (40 + 5) / 4 − 5 − 0.1; c's coupon came without a redemption of its offer."""
    given = seen()
    bought = given.purchases.assign(coupon_discount=[3.0, 0.0, 0.0, 5.0, 0.0, 0.0])
    bought = pd.concat([bought, bought.iloc[[2]].assign(customer_id="c", coupon_discount=7.0)], ignore_index=True)
    found = outcomes(wave(), replace(given, purchases=bought), 0.25, COSTS).set_index("customer_id")
    assert found.loc["a", "margin"] == pytest.approx(11.25 - 5.0 - 0.1)
    assert found.loc["c", "margin"] == pytest.approx(7.5 - 0.5)
    assert found.loc["a", "margin_before"] == pytest.approx(10.0)


def test_a_benefit_costs_what_it_cost_then():
    then = wave(cost_if_redeemed=[4.0, 4.0, None, 0.0])
    found = outcomes(then, seen(), 0.25, {"five_back": 9.0}).set_index("customer_id")
    assert found.loc["a", "benefit_cost"] == 4.0
    unknown = outcomes(wave(cost_if_redeemed=None), seen(), 0.25, {"five_back": 9.0}).set_index("customer_id")
    assert unknown.loc["a", "benefit_cost"] == 9.0


def test_what_is_owed_to_everyone_is_no_contact_to_a_control():
    given = seen()
    contacts = given.contacts.assign(offer=["five_back", "put_right", "thank_you"])
    found = outcomes(wave(), replace(given, contacts=contacts), 0.25, {}, frozenset({"put_right"}))
    assert found.set_index("customer_id")["is_contacted"].to_dict() == {"a": True, "b": False, "c": True, "d": False}
    untold = replace(given, contacts=given.contacts.drop(columns="offer"))
    assert outcomes(wave(), untold, 0.25, {}, frozenset({"put_right"}))["is_contacted"].tolist()[:2] == [True, True]
    assert names_offers(given.contacts)
    assert names_offers(given.contacts.iloc[:0].drop(columns="offer"))
    assert not names_offers(untold.contacts)
    assert owed_offers(CATALOGUE) == {one.id for one in CATALOGUE.offers if one.mechanic == "service_recovery"} != set()


def responses(rows: list[tuple[str, str, str, int, str | None]]) -> pd.DataFrame:
    days = pd.Series([MONDAY + pd.Timedelta(days=day) for *_, day, _ in rows])
    return RESPONSES(
        pd.DataFrame(
            {
                "customer_id": [who for who, *_ in rows],
                "campaign_id": [campaign for _, campaign, *_ in rows],
                "coupon_id": "",
                "kind": [kind for _, _, kind, *_ in rows],
                "responded_at": days.dt.tz_localize("UTC") + pd.Timedelta(hours=9),
                "responded_on": days,
                "n": 1,
                "reason": [reason for *_, reason in rows],
            }
        )
    )


def test_the_last_reason_given_for_the_waves_own_message_counts():
    said = responses(
        [
            ("a", "w1", "complained", 4, "price"),
            ("a", "w1", "unsubscribed", 6, "no need"),  # the last one
            ("a", "w1", "opened", 8, None),
            ("a", "w1", "complained", 28, "moved"),  # a day too late
            ("a", "other", "complained", 10, "stock"),  # of another campaign
            ("b", "w1", "complained", 5, "service"),  # a control, by mistake written to
            ("c", "2018-W01", "complained", 3, "competitor"),  # by the wave's name
        ]
    )
    found = outcomes(wave(), replace(seen(), responses=said), 0.25, {}).set_index("customer_id")
    assert found["reason"].to_dict() == {"a": "no need", "b": "", "c": "competitor", "d": ""}


def test_ways_of_meeting_the_shop_are_compared_over_equal_windows():
    """Nobody is induced by the wave's own message; full-price days are sticky, before as after."""
    given = seen()
    answered = responses(
        [
            ("a", "w1", "opened", 3, None),  # the wave's own
            ("a", "w1", "clicked", 3, None),
            ("c", "other", "opened", 5, None),
            ("d", "other", "clicked", -28, None),  # the first day of the time before
            ("b", "other", "clicked", -29, None),  # a day too early
        ]
    )
    met = INTERACTIONS.empty().drop(columns=list(INTERACTIONS.optional))
    visit = {"customer_id": "b", "kind": "care_visit", "happened_on": MONDAY + pd.Timedelta(days=27)}
    at = pd.Timestamp("2018-01-28 09:00", tz="UTC")
    met = INTERACTIONS(pd.concat([met, pd.DataFrame([visit | {"happened_at": at}])], ignore_index=True))
    known = replace(given, responses=answered)
    events = cast("Events", SimpleNamespace(interactions=met))
    rows = outcomes(wave(), known, 0.25, {})
    found = WAVE_OUTCOMES(with_interactions(rows, events, known)).set_index("customer_id")
    assert found["interaction_before"].to_dict() == {"a": "sticky", "b": "unknown", "c": "unknown", "d": "induced"}
    assert found["interaction_after"].to_dict() == {"a": "sticky", "b": "forced", "c": "induced", "d": "unknown"}


def test_rows_that_are_only_typed_equal_checked_ones() -> None:
    rows = wave()
    other = rows.astype({"cutoff_on": "datetime64[s]", "offer": "string", "horizon_days": "float64"})
    pd.testing.assert_frame_equal(WAVES.typed(other[other.columns[::-1]]), WAVES(rows))
