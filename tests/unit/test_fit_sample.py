"""Who fits and judges in a shop of many customers: a sample by id alone, told of wherever a figure hangs on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import windows
from contracts.executor import crew_of
from contracts.fit_sample import EVERYONE, FitSample, numbers, read_fit_sample, sample_of
from contracts.lots import lot
from contracts.params import Params
from events.lines import bucket_of
from events.store import Shelf, open_store
from features.customer_days import day_book
from features.mbgnbd import draw_numbers
from features.snapshots import Laid, lay_out
from features.stored_snapshots import lay_out_store, n_customers
from models.evaluation.card import card
from models.evaluation.figures import Judged, figures, resampled
from models.monitoring.sampling import Drawn, Watched, read_sample
from models.record.comparison import CHALLENGER, CHAMPION, compare
from tests import stores

MOST = 60
FLAGS = ["in_test_fit", "in_release_fit", "is_test"]
IDS = [f"m{number}" for number in range(40_000)]


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Shelf]:
    """One simulated shop in one bucket and in seven."""
    plan = {"n_customers": 200, "n_weeks": 70, "n_products": 30, "n_stores": 2, "seed": 7}
    return {
        n: open_store(stores.simulated_store(tmp_path_factory.mktemp(f"shop{n}"), n_buckets=n, **plan)) for n in (1, 7)
    }


@pytest.fixture
def limited(params: Params) -> Callable[[int], Params]:
    """The parameters with another limit, and few labels enough for a model."""

    def of(most: int) -> Params:
        update = {"max_fit_customers": most, "min_labels": 10, "min_outcomes": 5}
        return params.model_copy(update={"snapshot": params.snapshot.model_copy(update=update)})

    return of


def by_hand(shelf: Shelf, laid: Laid, most: int) -> pd.DataFrame:
    """The second route: rows of a layout of everyone, of which the sample's own are kept, by a hash written anew."""
    bought = shelf.whole().purchases["customer_id"].nunique()
    limit = int(round(most / bought, 6) * 2**64)
    drawn = {
        name: int.from_bytes(hashlib.blake2b(name.encode(), key=b"regulars:fit-sample", digest_size=8).digest()) < limit
        for name in laid.rows["customer_id"].unique()
    }
    inside = laid.rows["customer_id"].map(drawn)
    rows = laid.rows.assign(**{flag: laid.rows[flag] & inside for flag in FLAGS})
    return rows[inside | rows["is_scored"] | rows["is_previous"]].reset_index(drop=True)


def test_below_the_limit_nothing_is_drawn_and_nothing_told(shelves, limited) -> None:
    whole = lay_out_store(shelves[7], limited(10_000))
    at_the_limit = lay_out_store(shelves[7], limited(n_customers(shelves[7])))
    pd.testing.assert_frame_equal(whole.rows, at_the_limit.rows)
    assert whole.sample == at_the_limit.sample == EVERYONE
    assert "fit_sample" not in whole.as_json(date(2023, 1, 1))
    assert FitSample().said == ""
    assert whole.rows["is_test"].any()


def test_above_it_the_rows_are_those_of_the_drawn_and_this_week_and_the_last_are_whole(shelves, limited) -> None:
    whole, laid = (lay_out_store(shelves[7], limited(most)) for most in (10_000, MOST))
    expected = by_hand(shelves[7], whole, MOST)
    pd.testing.assert_frame_equal(laid.rows, expected)
    assert 0 < len(laid.rows) < len(whole.rows)
    for flag in ("is_scored", "is_previous"):
        assert laid.rows[flag].sum() == whole.rows[flag].sum() > 0
    assert laid.plan == whole.plan
    told = laid.as_json(date(2023, 1, 1))["fit_sample"]
    assert told == {"share": round(MOST / n_customers(shelves[7]), 6), "customers": n_customers(shelves[7])}
    assert read_fit_sample(laid.as_json(date(2023, 1, 1))) == laid.sample


def test_the_rows_hang_on_no_bucket_no_worker_and_no_order(shelves, limited) -> None:
    params = limited(MOST)
    one, seven = (lay_out_store(shelves[n], params) for n in (1, 7))
    with crew_of(params.execution.model_copy(update={"workers": 2}), {}) as crew:
        shared = lay_out_store(shelves[7], params, crew=crew)
    pd.testing.assert_frame_equal(one.rows, seven.rows)
    pd.testing.assert_frame_equal(one.rows, shared.rows)
    first, end = (date.fromisoformat(shelves[1].facts[name]) for name in ("first_sale_on", "data_end_on"))
    events = shelves[7].whole()
    in_memory = lay_out(day_book(events.purchases, events.time_zone), first, end, params.task, params.snapshot)
    pd.testing.assert_frame_equal(one.rows, in_memory.rows)
    assert in_memory.sample == one.sample


def test_who_may_not_be_profiled_is_not_counted(shelves, limited) -> None:
    shelf, some = shelves[7], frozenset(shelves[7].whole().purchases["customer_id"].unique()[:20])
    fewer = Shelf(shelf.root, shelf.facts, shelf.side, shelf.refused | some, shelf.absent)
    assert n_customers(fewer) == n_customers(shelf) - 20
    assert not set(lay_out_store(fewer, limited(MOST)).rows["customer_id"]) & some


@given(st.integers(1, 39_999), st.integers(1, 39_999))
def test_whoever_is_drawn_stays_drawn_when_more_are(few: int, many: int) -> None:
    small, large = (sample_of(len(IDS), most).has(IDS) for most in sorted((few, many)))
    assert not (small & ~large).any()


@pytest.mark.parametrize("share", [0.02, 0.25, 0.5])
def test_the_share_is_what_is_asked_in_every_bucket(share: float) -> None:
    drawn = FitSample(share).has(IDS)
    bucket = np.array([bucket_of(name, 16) for name in IDS])
    for inside in (np.ones(len(IDS), dtype=bool), *(bucket == number for number in range(16))):
        n = int(inside.sum())
        assert abs(drawn[inside].sum() - share * n) < 4.5 * np.sqrt(n * share * (1 - share))


def test_no_other_draw_by_hash_goes_with_it() -> None:
    """Neither buckets, nor lots of weeks and years, nor whom MBG/NBD is fitted to: ranks are uncorrelated."""
    own = numbers(IDS).astype(np.float64)
    others = {
        "bucket": np.array([bucket_of(name, 143) for name in IDS], dtype=np.float64),
        "lot": np.array([lot(name, date(2024, 1, 1), 20171204) for name in IDS], dtype=np.float64),
        "year": np.array([lot(name, date(2024, 1, 1), 20171204, ":universal") for name in IDS], dtype=np.float64),
        "mbgnbd": draw_numbers(np.array(IDS, dtype=object)),
    }
    for name, values in others.items():
        assert abs(np.corrcoef(own, values)[0, 1]) < 4.5 / np.sqrt(len(IDS)), name


def test_neighbouring_ids_are_drawn_apart() -> None:
    drawn = FitSample(0.5).has(IDS)
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 4.5 / np.sqrt(len(IDS))


def judged(p: np.ndarray, lapsed: np.ndarray, copies: int, sample: FitSample) -> Judged:
    """Two cutoffs of the same customers, each of them so many times."""
    n = len(p) * copies
    keys = pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(n)] * 2,
            "cutoff_on": pd.to_datetime(np.repeat(["2018-01-01", "2018-01-08"], n)),
        }
    )
    said = np.tile(np.tile(p, copies), 2)
    sides = {CHAMPION: said, CHALLENGER: np.sqrt(said)}
    codes = np.tile(np.arange(n), 2)
    happened = np.tile(np.tile(lapsed, copies), 2)
    return Judged(keys, happened, codes, windows.day_numbers(keys["cutoff_on"]), sides, sample=sample)


def test_lists_and_profits_are_told_of_the_whole_shop(params: Params, rng: np.random.Generator) -> None:
    """A shop in which everyone stands four times, against one of the four: capacity is scaled, money is not lost."""
    p = rng.permutation(np.linspace(0.01, 0.9, 100))
    lapsed = rng.random(100) < p
    asked = params.evaluate.model_copy(update={"capacity": 40, "n_bootstrap": 100})
    whole, part = judged(p, lapsed, 4, EVERYONE), judged(p, lapsed, 1, FitSample(0.25, 400))
    found, told = (figures(rows, resampled(rows, 100, 1), CHAMPION, asked, 1) for rows in (whole, part))
    for name in ("precision_at_capacity", "profit_at_capacity", "optimal_list_length", "profit_at_optimal_length"):
        assert told[name] == pytest.approx(found[name], rel=1e-9), name
    for name in ("expected_maximum_profit", "log_loss", "auc_mean", "bias"):
        assert told[name] == pytest.approx(found[name], rel=1e-9), name
    width = {end: told[f"profit_at_optimal_length_{end}"] - told["profit_at_optimal_length"] for end in ("low", "high")}
    usual = {
        end: found[f"profit_at_optimal_length_{end}"] - found["profit_at_optimal_length"] for end in ("low", "high")
    }
    assert width["high"] == pytest.approx(2 * usual["high"], rel=1e-9)  # a fourth of the customers: twice the interval
    assert width["low"] == pytest.approx(2 * usual["low"], rel=1e-9)
    other, own = compare(whole, asked, 1), compare(part, asked, 1)
    assert own["lists"]["capacity"] == 10
    assert own["profit_gain"]["value"] == pytest.approx(other["profit_gain"]["value"], abs=1e-9)
    assert own["lists"]["overlap"] == pytest.approx(other["lists"]["overlap"])


def test_the_card_tells_of_the_sample() -> None:
    intervals = ("auc", "log_loss", "average_precision", "lift_at_10", "calibration_error_if_perfect")
    names = ["auc_mean", "log_loss", "average_precision", "lift_at_10", "bias", "calibration_error"]
    test = dict.fromkeys([*names, *(f"{stem}_{end}" for stem in intervals for end in ("low", "high"))], 0.5)
    metrics = {"test": {**test, "n_rows": 9, "n_customers": 5, "lapse_rate": 0.3}, "test_cutoffs": ["2018-01-01"]}
    gate = {"released": "regulars", "grade": "model", "rule": "beats", "best_baseline": "rfm_logit"}
    seen = {"labels_known_on": "2017-12-01"}
    assert "sample" not in card(metrics, gate, {}, seen)
    told = card({**metrics, "fit_sample": {"share": 0.05, "customers": 2_000_000}}, gate, {}, seen)
    assert "a sample of 5.0% of 2,000,000 customers, drawn by their ids alone" in told


class Reads:
    """A model of one column."""

    features = ("a",)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return frame["a"].to_numpy(dtype=np.float64)


def test_drift_is_looked_for_among_the_same_customers(tmp_path: Path) -> None:
    sample, days = FitSample(0.5, 200), [date(2018, 1, 1), date(2018, 1, 22), date(2018, 1, 29)]
    names = np.array([f"c{number}" for number in range(200)], dtype=object)
    drawn, parts = sample.has(names), []
    for day in days:
        kept = names[drawn] if day == days[0] else names
        rows = pd.DataFrame({"customer_id": kept.astype(str), "cutoff_on": pd.Timestamp(day)})
        rows.assign(a=np.float32(0.5)).to_parquet(tmp_path / f"{day}.parquet", index=False)
        flags = dict(zip(("in_release_fit", "is_previous", "is_scored"), (day == one for one in days), strict=True))
        parts.append(rows.assign(is_eligible=True, **flags))
    watched, listed = Watched({}, Reads()), pd.concat(parts, ignore_index=True)
    seen = read_sample(tmp_path, listed, watched, days[2], days=days[:1], params=Drawn(1_000, 1, sample))
    assert seen.n_customers == len(seen.present) == len(seen.previous) == int(drawn.sum()) < 200
