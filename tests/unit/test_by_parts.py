"""What stages make part by part, against the same in one piece: portraits, circumstances, merged tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from contracts import merging
from contracts.counted import added_up, counted_medians, counted_together
from contracts.errors import ContractError
from contracts.executor import ALONE
from contracts.files import write_table
from contracts.params import Store, load_params
from contracts.portrait_rules import PortraitRules, load_portrait_rules
from contracts.tables import SCORES
from contracts.words import Words
from events.building import build_store
from events.store import Shelf, open_store
from features.before_lapses import before_lapses
from features.programme import UniversalDraw, programme_rows
from features.wave_outcomes import Seen
from models.learners.quantile_logit import normal_scores, shown_scores, training_quantiles
from offers.effects.before import compare
from pipeline.portraying import Stored, write_portraits
from pipeline.reading_waves import StoredProgramme, before_lapses_stored
from portraits import matching
from portraits.headroom import headroom, peers_of
from portraits.look import Terms
from portraits.report import recognised_share
from portraits.survey import whole_shop
from tests import stores

ROOT = Path(__file__).parents[2]
CUTOFF = date(2023, 1, 2)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """A simulated shop's store in five buckets."""
    folder = tmp_path_factory.mktemp("shop")
    return open_store(stores.simulated_store(folder, 5, n_customers=150, n_weeks=60, n_products=40, n_stores=2, seed=3))


def terms(shelf: Shelf) -> Terms:
    params = load_params(ROOT / "params.yaml")
    names = {str(name): f"words for {name}" for name in shelf.side["products"]["category"].dropna().unique()}
    return Terms(
        CUTOFF, Store(time_zone="Europe/Amsterdam", currency="EUR", margin_rate=0.3), 90, params.portray, Words(names)
    )


def rules() -> PortraitRules:
    return load_portrait_rules(ROOT / "portraits.yaml", load_params(ROOT / "params.yaml").plan.forbidden_attributes)


def test_portraits_do_not_hang_on_the_parts(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is fitted on rows by lot; one part, two, and one for each bucket give the same bytes."""
    monkeypatch.setattr(matching, "FEWEST_OUTCOMES", 20)
    monkeypatch.setattr(matching, "MOST_ROWS", 150)
    monkeypatch.setattr(matching, "FEWEST_TOGETHER", 2)
    n_lines = sum(bucket["lines"] for bucket in shelf.facts["buckets"])
    found, n_parts = [], []
    for most_lines in (1, n_lines // 2, n_lines):
        stored, path = Stored.of(shelf, terms(shelf), most_lines), tmp_path / f"{most_lines}.parquet"
        n_rows, sales = write_portraits(str(path), stored, SCORES.empty(), rules(), ALONE)
        found.append((path.read_bytes(), n_rows, recognised_share(sales)))
        n_parts.append(len(stored.parts))
    assert n_parts[0] == 5
    assert 1 < n_parts[1] < 5
    assert n_parts[2] == 1
    assert found[0] == found[1] == found[2]
    table = pd.read_parquet(tmp_path / f"{n_lines}.parquet")
    assert table["customer_id"].is_monotonic_increasing
    assert (table["headroom"] > 0).any()
    assert (table["matched_product"] != "").any()
    assert (table["goes_with_product"] != "").any()


def test_a_part_without_a_purchase_before_the_cutoff_adds_nothing(shelf: Shelf, tmp_path: Path) -> None:
    """On the shop's second day not every part has a customer; before its first, nobody has a portrait."""
    second = replace(terms(shelf), cutoff=shelf.whole().first_sale_on + timedelta(days=1))
    bought = shelf.whole().purchases
    first_customers = bought.loc[bought["ordered_on"] < pd.Timestamp(second.cutoff), "customer_id"].dropna().unique()
    split = tmp_path / "split.parquet"
    n_rows, sales = write_portraits(str(split), Stored.of(shelf, second, 1), SCORES.empty(), rules(), ALONE)
    assert n_rows == len(first_customers)
    assert pd.read_parquet(split)["customer_id"].tolist() == sorted(first_customers)
    assert 0 < len(sales) <= shelf.n_buckets
    none = replace(second, cutoff=shelf.whole().first_sale_on)
    with pytest.raises(ContractError, match="expected a purchase before 2022-01-03, found none"):
        write_portraits(str(split), Stored.of(shelf, none, 1), SCORES.empty(), rules(), ALONE)
    assert len(pd.read_parquet(split)) == n_rows, "the file of before stays"


def test_circumstances_do_not_hang_on_the_parts(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = shelf.whole().purchases["customer_id"].unique()
    rng = np.random.default_rng(5)
    listed = pd.concat(
        [pd.DataFrame({"customer_id": ids, "cutoff_on": pd.Timestamp(day)}) for day in ("2022-09-05", "2022-11-07")]
    ).assign(is_eligible=rng.random(2 * len(ids)) < 0.8, lapsed=rng.random(2 * len(ids)) < 0.3)
    whole = before_lapses(shelf.whole(), listed)
    monkeypatch.setattr("pipeline.reading_waves.MOST_LINES", 1)
    parts = before_lapses_stored(shelf, tmp_path, listed, ALONE)

    def plain(found: object) -> pd.DataFrame:
        rows = found.rows.astype({"cutoff_on": "str"})
        facts = found.facts.merge(rows, left_on="row", right_index=True).drop(columns="row")
        return facts.astype("str").sort_values(list(facts), ignore_index=True)

    assert len(whole.rows) == len(parts.rows) > 100
    pd.testing.assert_frame_equal(plain(whole), plain(parts))


def test_the_programme_does_not_hang_on_the_parts(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two waves among many snapshots in no order of customers: the same rows in the same order, to the last bit."""
    whole, rng = shelf.whole(), np.random.default_rng(8)
    ids = whole.purchases["customer_id"].unique()
    days = pd.date_range("2022-06-06", periods=24, freq="7D").astype("datetime64[us]")
    listed = pd.DataFrame({"customer_id": np.tile(ids, len(days)), "cutoff_on": np.repeat(days, len(ids))})
    n = len(listed)
    snapshots = listed.assign(
        is_eligible=rng.random(n) < 0.8, horizon_days=28, lapsed=pd.array(rng.random(n) < 0.3, dtype="boolean")
    ).sample(frac=1.0, random_state=1, ignore_index=True)
    drawn = listed[listed["cutoff_on"].isin([days[4], days[9]])].assign(amount=10.0, margin=2.0)[::3]
    seen = Seen(whole.purchases, whole.contacts, whole.responses, whole.time_zone).before(CUTOFF)
    expected = programme_rows(snapshots, seen, drawn, 0.3, UniversalDraw(7, 0.3))
    monkeypatch.setattr("pipeline.reading_waves.MOST_LINES", 1)
    found = StoredProgramme(shelf, snapshots, CUTOFF)(drawn, 0.3, UniversalDraw(7, 0.3))
    assert found["cutoff_on"].nunique() > 2
    assert (found["margin"] > 0).any()
    pd.testing.assert_frame_equal(found, expected)
    assert StoredProgramme(shelf, snapshots, CUTOFF)(drawn[:0], 0.3, UniversalDraw(7, 0.3)).empty
    one = snapshots[snapshots["customer_id"] == ids[0]].reset_index(drop=True)
    found = StoredProgramme(shelf, one, CUTOFF)(drawn, 0.3, UniversalDraw(7, 0.3))
    pd.testing.assert_frame_equal(found, programme_rows(one, seen, drawn, 0.3, UniversalDraw(7, 0.3)))
    nobody = StoredProgramme(shelf, snapshots.assign(is_eligible=False), CUTOFF)(drawn, 0.3, UniversalDraw(7, 0.3))
    assert nobody.empty
    assert list(nobody.columns) == list(found.columns)


def plainly(lapsed: np.ndarray, has: np.ndarray, stratum: np.ndarray, customer: np.ndarray) -> tuple[float, float]:
    """Difference and its standard error, every row by itself."""
    n1, n0 = np.bincount(stratum, has), np.bincount(stratum, ~has)
    share = n1 * n0 / (n1 + n0)
    share = share / share.sum()
    p1, p0 = np.bincount(stratum, has * lapsed) / n1, np.bincount(stratum, ~has * lapsed) / n0
    part = np.where(
        has, (share / n1)[stratum] * (lapsed - p1[stratum]), -(share / n0)[stratum] * (lapsed - p0[stratum])
    )
    n = len(np.unique(customer))
    return float(share @ (p1 - p0)), float(np.sqrt(np.square(np.bincount(customer, part)).sum() * n / (n - 1)))


def test_a_comparison_of_counts_equals_one_row_by_row(rng: np.random.Generator) -> None:
    n = 3_000
    stratum, customer = rng.integers(0, 6, n), rng.permutation(np.r_[np.arange(400), rng.integers(0, 400, n - 400)])
    has, lapsed = rng.random(n) < 0.2, (rng.random(n) < 0.3).astype(float)
    found = compare(lapsed, has, stratum, customer)
    difference, error = plainly(lapsed, has, stratum, customer)
    assert found.difference == pytest.approx(difference, rel=1e-10)
    assert (found.high - found.difference) / 1.959963984540054 == pytest.approx(error, rel=1e-10)


def test_parts_are_merged_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    monkeypatch.setattr(merging, "ROWS_AT_ONCE", 64)
    monkeypatch.setattr(merging, "PART_ROWS", 16)
    names = np.array([f"{n:04d}" for n in rng.permutation(500)])
    whole = pd.DataFrame({"customer_id": names, "n": rng.random(500)})
    parts = [whole.iloc[cut] for cut in np.array_split(np.arange(500), [7, 7, 300])]
    assert merging.write_merged(tmp_path / "merged.parquet", parts, lambda table: table, "customer_id") == 500
    told = pq.ParquetFile(tmp_path / "merged.parquet").metadata
    assert told.num_row_groups == 8
    expected = whole.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "merged.parquet"), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["merged.parquet"]


def test_a_small_merged_table_has_the_bytes_of_one_written_whole(tmp_path: Path) -> None:
    whole = pd.DataFrame({"customer_id": ["b", "a", "c"], "n": [1.0, 2.0, 3.0]})
    merging.write_merged(tmp_path / "merged", [whole[:1], whole[1:]], lambda table: table, "customer_id")
    write_table(tmp_path / "whole", whole.sort_values("customer_id", ignore_index=True), lambda table: table)
    assert (tmp_path / "merged").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_key_in_two_parts_is_refused(tmp_path: Path) -> None:
    part = pd.DataFrame({"customer_id": ["a", "b"]})
    with pytest.raises(ContractError, match="expected each customer_id once"):
        merging.write_merged(tmp_path / "merged", [part, part[1:]], lambda table: table, "customer_id")
    assert not list(tmp_path.iterdir())


def test_medians_of_counted_numbers_are_those_of_all(rng: np.random.Generator) -> None:
    values = pd.DataFrame({"category": rng.choice(["tea", "milk", "rye"], 501), "price": rng.integers(1, 9, 501) / 4})
    counts = values.groupby(["category", "price"]).size().rename("n").reset_index()
    found = counted_medians(pd.concat([counts, counts]), ["category"], "price")
    pd.testing.assert_series_equal(found, values.groupby("category")["price"].median(), check_names=False)


def test_parts_are_added_up_in_order_and_rarely_copied() -> None:
    class Counted(tuple[int, ...]):
        copied = 0

        def __add__(self, other: tuple[int, ...]) -> Counted:  # type: ignore[override]
            Counted.copied += len(self) + len(other)
            return Counted((*self, *other))

    assert added_up(Counted((n,)) for n in range(100)) == tuple(range(100))
    assert Counted.copied <= 100 * 7  # each as often as halving a hundred takes
    assert added_up(Counted(one) for one in ()) is None


def test_equal_counted_rows_become_one() -> None:
    one, other = (pd.DataFrame({"good": [1, 2], "price": [2.0, 2.5], "n": n}) for n in ([1, 2], [3, 4]))
    found = counted_together([one, other[1:], other])
    assert found.to_dict("list") == {"good": [1, 2], "price": [2.0, 2.5], "n": [4, 10]}


def test_a_shop_without_a_purchase_before_the_cutoff_says_so(shelf: Shelf) -> None:
    stored = Stored.of(shelf, replace(terms(shelf), cutoff=date(2001, 1, 1)), 1)
    with pytest.raises(ContractError, match="expected a purchase before 2001-01-01"):
        whole_shop(stored, len(stored.parts), stored.terms)


def test_headroom_by_hand_and_by_peers() -> None:
    """Of three alike, a spends 10 and b 4 on tea: c could spend their mean, 7; b what a does beyond the own 4, half."""
    facts = pd.DataFrame({"tier": "regular", "value_tier": "top", "spend": [10.0, 4.0, 1.0]}, index=["a", "b", "c"])
    spent = pd.DataFrame({"customer_id": ["a", "b"], "category": "tea", "amount": [10.0, 4.0]})
    assert headroom(spent, facts).tolist() == [0.0, 1.0, 7.0]
    one = facts.loc[["b"]]
    assert headroom(spent[1:], one, peers_of(spent, facts)).tolist() == [1.0]


def test_a_fit_is_shown_what_is_not_nothing(rng: np.random.Generator) -> None:
    values = np.column_stack([rng.random(50), np.ones(50), np.where(rng.random(50) < 0.2, np.nan, rng.random(50))])
    quantiles = training_quantiles(values)
    whole, (shown, which) = normal_scores(values, quantiles), shown_scores(values, quantiles)
    np.testing.assert_array_equal(which, whole.any(axis=0))
    np.testing.assert_array_equal(shown, whole[:, which])


def test_parts_without_a_customer_before_the_cutoff_have_no_portraits(tmp_path: Path) -> None:
    """Two customers in five buckets, one of them new after the cutoff."""
    rows = [
        {"customer_id": who, "order_id": f"{who}-{day}", "ordered_at": f"{day} 10:00", "amount": 5.0, "quantity": 1.0}
        for who, day in (("ann", "2022-12-05"), ("ann", "2022-12-26"), ("bob", "2023-01-05"))
    ]
    late = stores.NO_RULES.model_copy(update={"extract_on": date(2030, 1, 1)})
    build_store(stores.source([("a.csv", stores.canonical(rows))]), tmp_path / "events", stores.made(5, late))
    shelf, path = open_store(tmp_path / "events"), tmp_path / "portraits.parquet"
    stored = Stored.of(shelf, terms(shelf), 1)
    assert len(stored.parts) > 1
    n_rows, sales = write_portraits(str(path), stored, SCORES.empty(), rules(), ALONE)
    assert (n_rows, len(sales)) == (1, 1)
    assert pd.read_parquet(path)["customer_id"].tolist() == ["ann"]
