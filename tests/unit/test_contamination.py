"""Labels under contact: who is flagged and weighted, what each way learns from; nothing changes without waves."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from benchmarks.effects import bgnbd
from benchmarks.effects.contamination import table
from contracts import windows
from features.customer_days import day_book
from features.mbgnbd import p_no_purchase
from features.snapshots import snapshots, with_contact
from models.contamination import Contact, contact_input, contact_of, fitted_places, judged_places, repeats
from models.recipe.fitting import uncontaminated
from models.rows import Rows, labelled_rows
from tests import stores
from tests.drawn_rows import drawn_rows

CUTOFF = pd.Timestamp("2017-03-06")
NAN = np.nan
TOUCHED = Contact(np.array([NAN, 7.0, 0.0, -14.0, NAN]), np.array([1.0, 0.0, 0.0, 0.0, 4.0]))


def wave(who: str, after_days: int, arm: str = "treated", offer: str = "gift", propensity: float = 0.8) -> dict:
    begun = CUTOFF + pd.Timedelta(days=after_days)
    key = {"customer_id": who, "cutoff_on": begun, "horizon_days": 28}
    return key | {"arm": arm, "offer": offer, "propensity": propensity}


def labelled(*names: str) -> pd.DataFrame:
    rows = pd.DataFrame({"customer_id": list(names), "cutoff_on": CUTOFF, "horizon_days": 28})
    return rows.assign(lapsed=pd.array([True] * len(names), dtype="boolean"))


@pytest.mark.parametrize(
    ("after_days", "is_met"), [(-28, False), (-27, True), (0, True), (27, True), (28, False), (-35, False)]
)
def test_a_treated_wave_counts_if_it_shares_a_day_with_the_window(after_days: int, is_met: bool) -> None:
    found = with_contact(labelled("ann"), pd.DataFrame([wave("ann", after_days)])).iloc[0]
    assert (found["untreated_weight"] == 0) == is_met
    assert (found["treated_after_days"] == after_days) == is_met


def test_controls_stand_for_as_many_as_were_drawn_with_them() -> None:
    """ann: control with probability .2 of one wave and .5 of another; bob: explored, nothing drawn; cat: not drawn."""
    waves = [
        wave("ann", -21, "control", propensity=0.2),
        wave("ann", 14, "control", propensity=0.5),
        wave("bob", 7, "treated", "none", 0.25),
        wave("dan", 60, "control", propensity=0.1),
        wave("eve", -14, "control", propensity=0.2),
        wave("eve", 14),
        wave("eve", 21),
    ]
    found = with_contact(labelled("ann", "bob", "cat", "dan", "eve"), pd.DataFrame(waves))
    assert found["untreated_weight"].tolist() == [10.0, 4.0, 1.0, 1.0, 0.0]
    assert found["treated_after_days"].tolist()[4] == 14.0
    assert found["treated_after_days"].isna().tolist() == [True] * 4 + [False]


def test_a_row_without_a_label_is_not_touched_by_what_its_week_sends() -> None:
    open_ = labelled("ann").assign(lapsed=pd.array([pd.NA], dtype="boolean"))
    found = with_contact(open_, pd.DataFrame([wave("ann", 0)])).iloc[0]
    assert found["untreated_weight"] == 1.0
    assert np.isnan(found["treated_after_days"])


def test_waves_move_no_other_column_of_the_snapshots(params) -> None:
    days = [("ann", f"2017-0{month}-15 10:00", 1, 9.0, 0.0) for month in (1, 2, 3)]
    lines = stores.purchases([*days, ("ann", "2017-01-20 10:00", 1, 9.0, 0.0)])
    plan = windows.Calendar(
        (date(2017, 2, 20),), (date(2017, 2, 20),), (date(2017, 3, 6),), date(2017, 4, 24), date(2017, 5, 1)
    )
    task = params.task.model_copy(update={"min_purchase_days": 1})
    book, end = day_book(lines, stores.ZONE), date(2017, 5, 3)
    without, with_it = (snapshots(book, plan, end, task, given) for given in (None, pd.DataFrame([wave("ann", 0)])))
    added = ["treated_after_days", "untreated_weight"]
    pd.testing.assert_frame_equal(without.drop(columns=added), with_it.drop(columns=added))
    assert (without["untreated_weight"] == 1).all()
    assert without["treated_after_days"].isna().all()
    assert with_it.loc[with_it["is_test"], "untreated_weight"].tolist() == [0.0]


def many(contact: Contact, n: int = 40) -> tuple[Contact, np.ndarray]:
    """The five rows above, so often that each way keeps enough of both outcomes."""
    lapsed = np.repeat([True, False], 5 * n // 2)
    return Contact(np.tile(contact.after_days, n), np.tile(contact.weight, n)), lapsed


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ("ignore", [0, 1, 2, 3, 4]),
        ("mask", [0, 4]),
        ("weight", [0, 4, 4, 4, 4]),
        ("input", [0, 1, 2, 3, 4]),
        ("begun", [0, 1, 4]),
    ],
)
def test_each_way_learns_from_its_own_rows(how, kept: list[int]) -> None:
    contact, lapsed = many(TOUCHED)
    places = fitted_places(contact, lapsed, how)
    assert places[places < 5].tolist() == kept
    assert len(places) == 40 * len(kept)
    assert judged_places(TOUCHED, how).tolist() == {"mask": [0, 4], "weight": [0, 4], "input": [0, 4]}.get(how, kept)


def test_all_rows_are_learned_from_where_too_few_would_be_left() -> None:
    lapsed = np.array([True, False, True, False, True])
    assert fitted_places(TOUCHED, lapsed, "mask").tolist() == [0, 1, 2, 3, 4]
    everybody = Contact(np.zeros(3), np.zeros(3))
    assert judged_places(everybody, "begun").tolist() == [0, 1, 2]


def test_a_control_stands_for_twenty_at_most_and_contact_is_a_column_of_its_own() -> None:
    assert repeats(Contact(np.full(4, NAN), np.array([1.0, 3.4, 19.6, 400.0]))).tolist() == [1, 3, 20, 20]
    assert contact_input(TOUCHED, 5).tolist() == [0, 1, 1, 1, 0]
    assert contact_input(None, 2).tolist() == [0, 0]


def test_weights_give_the_mean_of_all_who_were_drawn() -> None:
    """Of 1,000 drawn, 100 are controls by lot, each for ten: the weighted share of the untreated is that of all."""
    rng = np.random.default_rng(3)
    is_drawn = rng.random(20_000) < 0.5
    lapsed = rng.random(20_000) < np.where(is_drawn, 0.6, 0.1)
    is_control = is_drawn & (rng.random(20_000) < 0.1)
    is_treated = is_drawn & ~is_control
    contact = Contact(np.where(is_treated, 7.0, NAN), np.select([is_treated, is_control], [0.0, 10.0], 1.0))
    by_weight, by_mask = (lapsed[fitted_places(contact, lapsed, how)].mean() for how in ("weight", "mask"))
    assert abs(by_weight - lapsed.mean()) < 0.015
    assert by_mask < lapsed.mean() - 0.15


def test_fits_and_test_rows_leave_out_what_had_begun(rng, params) -> None:
    drawn = drawn_rows(rng)
    n = len(drawn.lapsed)
    listed = drawn.frame[["customer_id", "cutoff_on"]].assign(
        is_eligible=True,
        in_test_fit=True,
        is_test=True,
        lapsed=drawn.lapsed,
        treated_after_days=np.where(np.arange(n) % 2, -7.0, NAN),
        untreated_weight=np.where(np.arange(n) % 2, 0.0, 1.0),
    )
    fit, test = (labelled_rows(drawn.frame, listed, flag) for flag in ("in_test_fit", "is_test"))
    kept = drawn.frame.iloc[::2].reset_index(drop=True)
    pd.testing.assert_frame_equal(test.frame, kept)
    assert len(fit.lapsed) == n
    pd.testing.assert_frame_equal(uncontaminated(fit, params.train).frame, kept)
    half = fit.at(fit.cutoffs[:3])
    assert half.contact is not None
    assert len(half.contact.weight) == len(half.lapsed)
    whole = labelled_rows(drawn.frame, listed, "is_test", "ignore")
    assert len(whole.lapsed) == n


def test_without_experiments_rows_are_what_they_were(rng, params) -> None:
    drawn = drawn_rows(rng)
    assert uncontaminated(drawn, params.train) is drawn
    assert contact_of(pd.DataFrame({"untreated_weight": [1.0, 1.0]})) is None
    assert isinstance(drawn, Rows)


def test_the_drawn_process_follows_its_closed_form() -> None:
    """Share that lapsed against the mean closed form, over 6,000 customers: within three standard errors."""
    alone = bgnbd.lived(5, 6000, bgnbd.Law(drawn=0.0))
    rows = bgnbd.rows_at(alone.days, 60)
    truth = bgnbd.truth_of(rows)
    error = np.sqrt((truth * (1 - truth)).sum()) / len(rows)
    assert abs(rows["lapsed"].mean() - truth.mean()) < 3 * error
    one = p_no_purchase(bgnbd.TRUE, np.array([4.0]), np.array([60.0]), np.array([70.0]), 28)
    assert 0 < one[0] < 1


def test_contact_brings_back_the_share_that_it_is_said_to() -> None:
    """With certain saving of all silent, fewer lapse than alone; with none, exactly as many."""
    alone, idle, sure = (
        bgnbd.lived(2, 400, law) for law in (bgnbd.Law(drawn=0.0), bgnbd.Law(save=0.0), bgnbd.Law(1.0, 1.0, 1.0))
    )
    rates = [bgnbd.rows_at(one.days, 90)["lapsed"].mean() for one in (alone, idle, sure)]
    assert rates[0] == rates[1] > rates[2] + 0.1


def test_the_comparison_is_paired_over_seeds() -> None:
    """Two seeds, ways 'ignore' and 'begun': mean differences and Student's t (12.706 with one degree) by hand."""
    measures = dict.fromkeys(("bias", "bias_at_high_risk", "rank_correlation"), 0.0)
    found = table(
        {"policy": way, "preset": "toy", "seed": seed, "n": 10, "excess_log_loss": value, **measures}
        for way, seed, value in (("ignore", 1, 0.3), ("ignore", 2, 0.5), ("begun", 1, 0.2), ("begun", 2, 0.3))
    )
    paired = next(row for row in found if row["metric"] == "excess_log_loss_less_ignore")
    assert paired["value"] == pytest.approx(-0.15)
    assert paired["high"] - paired["value"] == pytest.approx(12.7062 * 0.05, rel=1e-4)
