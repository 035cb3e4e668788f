"""The simulated store does what its world declares; expected values come from closed forms, scipy, the event store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from contracts import windows
from contracts.errors import ParameterError
from contracts.event_tables import SIDE_TABLES
from contracts.params import Format, Params, Rules, Simulate, Store
from events.building import Recipe, build_store
from events.cleaning import Shop
from events.lines import Door
from events.open_source import open_source
from events.raw.headers import DAMAGE, SOURCE_LINE
from events.raw.parsing import COLUMNS as EVENT_COLUMNS
from events.raw.parsing import canonical
from events.sources import LinePart, Source
from events.store import read_lines
from simulation.source import content_digest, simulated
from simulation.store import COLUMNS, Chunk, canonical_chunks, side_tables, simulate
from simulation.world import World, world_of
from simulation.writing import FORMAT_COLUMNS, write_files

ZONE = "Europe/Berlin"
KIND: dict[str, Any] = {
    "starter_share": 1.0,
    "one_time_share": 0.0,
    "mean_gap_days": 9.0,
    "rate_shape": 1e8,
    "drop_out_scale_days": 1e9,
    "closing_at_share": None,
    "pauses_per_year": 0.0,
    "yearly_amplitude": 0.0,
    "weekday_weights": (1.0,) * 7,
    "closed_days": (),
    "christmas_factor": 1.0,
    "shock_sd": 0.0,
    "sensitivity_shares": (1.0, 0.0, 0.0, 0.0, 0.0),
    "cancelled_share": 0.0,
    "returned_share": 0.0,
    "two_ids_share": 0.0,
    "anonymous_share": 0.0,
    "unrecognised_share": 0.0,
    "late_share": 0.0,
}
"""A kind world: everybody steady, nobody leaves, every day like any other."""


def chunk_of(world: World) -> Chunk:
    parts = list(simulate(world))
    names = Chunk.__dataclass_fields__
    return Chunk(**{name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in names})


def bought(chunk: Chunk) -> pd.DataFrame:
    """Bought lines with their person, local day and truth."""
    lines = chunk.lines[chunk.lines["quantity"] > 0]
    second = chunk.truth.dropna(subset="second_id").set_index("second_id")["customer_id"].astype("str")
    person = lines["customer_id"].map(second).astype("str").fillna(lines["customer_id"])
    lines = lines.assign(person=person, on=windows.local_dates(lines["ordered_at"], ZONE))
    return lines.merge(chunk.truth.add_prefix("true_"), left_on="person", right_on="true_customer_id", how="left")


def orders_of(chunk: Chunk) -> pd.DataFrame:
    return bought(chunk).drop_duplicates("order_id").reset_index(drop=True)


@pytest.fixture(scope="module")
def unkind() -> Chunk:
    return chunk_of(World(n_customers=1200, seed=5))


def digest_of(frames: list[pd.DataFrame]) -> str:
    whole = pd.concat(frames, ignore_index=True)
    return hashlib.sha256(whole.to_csv(index=False).encode()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_however_many_customers_are_made_at_once() -> None:
    world = World(n_customers=600, n_weeks=20, seed=3)
    once = digest_of(list(canonical_chunks(world)))
    assert once == digest_of(list(canonical_chunks(world, blocks_at_once=1)))
    assert once == digest_of([chunk.lines for chunk in simulate(world, blocks_at_once=2)])
    assert once != digest_of(list(canonical_chunks(World(n_customers=600, n_weeks=20, seed=4))))


def test_lines_have_the_columns_and_types_of_every_source() -> None:
    assert COLUMNS == EVENT_COLUMNS
    raw = pd.DataFrame({SOURCE_LINE: [1], DAMAGE: [""], "c": ["1"], "t": ["2022-01-03 10:00"], "a": ["2.50"]})
    how = Format(
        columns={"customer_id": "c", "ordered_at": "t", "amount": "a"},
        date_order="ymd",
        decimal=".",
        thousands="",
        amounts_in="units",
        cancelled_order_prefix="",
    )
    lines = next(canonical_chunks(World(n_customers=20, n_weeks=10)))
    assert list(lines.columns) == list(EVENT_COLUMNS)
    pd.testing.assert_series_equal(lines.dtypes, canonical(raw, how, ZONE).dtypes)
    assert lines["source_line"].tolist() == list(range(1, len(lines) + 1))


def test_further_tables_satisfy_their_contracts_and_know_every_id(unkind: Chunk) -> None:
    sides = side_tables(World(n_customers=1200, seed=5))
    assert set(sides) == {"products", "promotions", "customers", "consents"}
    for name, frame in sides.items():
        SIDE_TABLES[name](frame)
    pd.testing.assert_frame_equal(sides["customers"], unkind.customers)
    pd.testing.assert_frame_equal(sides["consents"], unkind.consents)
    for name, table in (("customer_id", "customers"), ("product_id", "products"), ("promotion_id", "promotions")):
        assert set(unkind.lines[name].dropna()) <= set(sides[table][name])
    joined = unkind.customers.set_index("customer_id")["same_as"].dropna()
    assert len(joined) == int((unkind.truth["second_id"].notna() & ~unkind.truth["is_anonymous"]).sum()) > 0


def test_nobody_buys_before_joining_or_after_leaving_or_in_a_break(unkind: Chunk) -> None:
    lines = bought(unkind)
    seen = lines[lines["person"].notna()]
    assert (seen["on"] >= seen["true_joined_on"]).all()
    assert not (seen["on"] >= seen["true_left_on"]).any()
    breaks = seen[["person", "on"]].drop_duplicates().merge(unkind.pauses, left_on="person", right_on="customer_id")
    assert len(breaks) > 1000
    assert not ((breaks["on"] >= breaks["starts_on"]) & (breaks["on"] < breaks["ends_on"])).any()


def test_the_first_purchase_is_on_the_day_of_joining() -> None:
    chunk = chunk_of(World(n_customers=400, starter_share=0.2, anonymous_share=0.0, unrecognised_share=0.0))
    first = orders_of(chunk).groupby("person")["on"].min()
    truth = chunk.truth.set_index("customer_id")["joined_on"]
    new = truth[truth >= pd.Timestamp(2022, 1, 3)]
    pd.testing.assert_series_equal(first.reindex(new.index), new, check_names=False)


def test_gaps_of_steady_customers_are_gamma_with_the_declared_mean() -> None:
    chunk = chunk_of(World(n_customers=256, **(KIND | {"gap_shape_low": 4.0, "gap_shape_spread": 0.0})))
    orders = orders_of(chunk).sort_values(["person", "ordered_at"])
    gaps = (orders["on"] - orders.groupby("person")["on"].shift()).dt.days
    nth = orders.groupby("person").cumcount()
    gaps = gaps[(nth >= 1) & (nth <= 40)]  # 40 gaps of 9 days end long before the 728th: none is cut off
    assert len(gaps) == 40 * 256
    assert gaps.mean() == pytest.approx(9.0, rel=0.02)
    assert gaps.var() == pytest.approx(81 / 4 + 1 / 6, rel=0.08)  # a difference of whole days adds 1/6
    noise = np.random.default_rng(1).triangular(-1, 0, 1, len(gaps))
    assert stats.kstest(gaps + noise, stats.gamma(4, scale=9 / 4).cdf).statistic < 0.03


def test_starters_are_met_in_the_middle_of_a_gap() -> None:
    chunk = chunk_of(World(n_customers=1024, **(KIND | {"gap_shape_low": 4.0, "gap_shape_spread": 0.0})))
    first = (orders_of(chunk).groupby("person")["on"].min() - pd.Timestamp(2022, 1, 3)).dt.days + 0.5
    # mean forward recurrence time of a renewal process: (variance + mean²) / (2 mean)
    assert first.mean() == pytest.approx((81 / 4 + 81) / 18, rel=0.08)


def test_leaving_follows_the_declared_hazards() -> None:
    chunk = chunk_of(World(n_customers=2048, **(KIND | {"starter_share": 0.0, "drop_out_scale_days": 500.0})))
    stayed_days = (pd.Timestamp(2022, 1, 3) + pd.Timedelta(days=728) - chunk.truth["joined_on"]).dt.days - 1
    p = stats.lomax.cdf(stayed_days, 1.5, scale=500.0)  # exponential lives with gamma hazards are Pareto (Lomax)
    n_left = int(chunk.truth["left_on"].notna().sum())
    assert abs(n_left - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())


def test_december_stands_out_as_declared() -> None:
    kind = KIND | {"christmas_factor": 2.0, "closed_days": ((1, 1), (12, 25), (12, 26)), "mean_gap_days": 4.0}
    orders = orders_of(chunk_of(World(n_customers=512, **kind)))
    in_year = orders[(orders["on"] >= "2022-01-03") & (orders["on"] < "2023-01-03")]
    december = (in_year["on"].dt.month == 12).sum() / 31
    # 362 open days, 24 of them twice as busy; December: 24 such, 5 plain, 2 closed
    assert december / (len(in_year) / 365) == pytest.approx((53 / 31) / (386 / 365), rel=0.04)


def test_weekdays_and_the_year_move_as_declared() -> None:
    weights = (0.5, 1.0, 1.0, 1.0, 1.0, 2.5, 0.0)
    kind = KIND | {"yearly_amplitude": 0.4, "yearly_peak_day": 182, "weekday_weights": weights, "mean_gap_days": 4.0}
    orders = orders_of(chunk_of(World(n_customers=512, **kind)))
    by_weekday = orders["on"].dt.day_of_week.value_counts(normalize=True).reindex(range(7), fill_value=0)
    assert by_weekday.to_numpy() == pytest.approx(np.array(weights) / 7, abs=0.01)
    high = orders["on"].dt.day_of_year.between(137, 227).sum()
    low = ((orders["on"].dt.day_of_year <= 45) | (orders["on"].dt.day_of_year >= 320)).sum()
    # mean of the cosine over a quarter of its turn on either side of the peak is 2 √2 / π
    swing = 0.4 * 2 * np.sqrt(2) / np.pi
    assert high / low == pytest.approx((1 + swing) / (1 - swing), rel=0.08)


def test_closed_days_see_no_sale_and_no_return(unkind: Chunk) -> None:
    on = windows.local_dates(unkind.lines["ordered_at"], ZONE)
    assert not on.dt.strftime("%m-%d").isin(["01-01", "12-25", "12-26"]).any()
    hours = windows.local_hours(unkind.lines["ordered_at"], ZONE)
    assert hours.between(8, 22).all()


def test_a_closed_store_sells_no_more_and_takes_some_customers_along(unkind: Chunk) -> None:
    lines = bought(unkind)
    closing = pd.Timestamp(2022, 1, 3) + pd.Timedelta(days=int(0.6 * 728))
    assert lines.loc[lines["store_id"] == "S1", "on"].max() < closing
    gone = unkind.truth[unkind.truth["left_reason"] == "store_closed"]
    assert (gone["left_on"] == closing).all()
    assert (gone["main_store_id"] == "S1").all()
    there = unkind.truth[
        (unkind.truth["main_store_id"] == "S1")
        & (unkind.truth["joined_on"] < closing)
        & ~(unkind.truth["left_on"] < closing)
        & (unkind.truth["left_reason"] != "one_time")
    ]
    assert len(gone) / len(there) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize(("level", "waiting"), [(0, 0.0), (4, 0.6)])
def test_the_share_on_promotion_is_the_declared_one(level: int, waiting: float) -> None:
    shares = tuple(float(number == level) for number in range(5))
    kind = KIND | {"promoted_category_share": 1.0, "sensitivity_shares": shares, "mean_gap_days": 4.0}
    world = World(n_customers=256, **kind)
    lines = bought(chunk_of(world))
    calendar = side_tables(world)["promotions"]
    n_days = ((calendar["ends_on"] - calendar["starts_on"]).dt.days + 1).sum()
    on_promotion = n_days / 728
    assert 0.15 < on_promotion < 0.3
    observed = lines["promotion_id"].notna().mean()
    assert observed == pytest.approx(on_promotion + waiting * (1 - on_promotion), rel=0.04)
    off = lines[lines["promotion_id"].isna() & (lines["coupon_discount"] == 0)]
    assert (off["discount"] == 0).all()
    assert (lines.loc[lines["promotion_id"].notna(), "discount"] > 0).all()
    spans = lines.dropna(subset="promotion_id").merge(calendar, on="promotion_id")
    assert ((spans["on"] >= spans["starts_on"]) & (spans["on"] <= spans["ends_on"])).all()


def test_goods_that_are_used_up_come_back_in_their_rhythm() -> None:
    kind = KIND | {"mean_gap_days": 2.0, "rhythm_share": 1.0, "rhythm_days": (28.0,), "favourite_share": 0.0}
    chunk = chunk_of(World(n_customers=256, n_products=2000, **kind))
    lines = bought(chunk)
    counts = lines.groupby(["person", "product_id"]).size().groupby("person").max()
    days = chunk.truth.set_index("customer_id").filter(like="rhythm_")
    expected = 728 / days.min(axis=1)
    # the product bought most is the one that is used up fastest; a few come by chance, some needs meet in one order
    assert (counts / expected.reindex(counts.index)).median() == pytest.approx(1.0, abs=0.12)


def test_undoings_match_earlier_purchases_in_the_declared_shares(unkind: Chunk) -> None:
    lines, undone = unkind.lines, unkind.undone
    plus = lines[lines["quantity"] > 0].set_index(["order_id", "product_id"])
    assert plus.index.is_unique
    minus = lines[lines["quantity"] < 0].set_index(["order_id", "product_id"])
    assert len(minus) == len(undone)
    source = plus.loc[pd.MultiIndex.from_frame(undone[["undoes_order_id", "product_id"]])].reset_index()
    act = minus.loc[pd.MultiIndex.from_frame(undone[["order_id", "product_id"]])].reset_index()
    assert (act["ordered_at"] > source["ordered_at"]).all()
    assert (act["customer_id"].fillna("") == source["customer_id"].fillna("")).all()
    whole = (undone["kind"] != "partly_returned").to_numpy()
    assert (-act["quantity"][whole] == source["quantity"][whole]).all()
    assert (-act["amount"][whole] == source["amount"][whole]).all()
    assert (-act["quantity"][~whole] < source["quantity"][~whole]).all()
    assert act["is_cancellation"].eq(undone["kind"] == "cancelled").all()
    n_orders = plus.reset_index()["order_id"].nunique()
    cancelled = undone.loc[undone["kind"] == "cancelled", "undoes_order_id"].nunique()
    assert cancelled / n_orders == pytest.approx(0.015, rel=0.15)
    assert (undone["kind"] != "cancelled").sum() / len(plus) == pytest.approx(0.02, rel=0.15)
    assert undone["is_same_day"].mean() == pytest.approx(0.3, abs=0.06)


def test_shares_of_people_and_paper_are_the_declared_ones() -> None:
    chunk = chunk_of(World(n_customers=3000, n_weeks=40, seed=8))
    truth, lines = chunk.truth, orders_of(chunk)
    new = truth[truth["joined_on"] >= pd.Timestamp(2022, 1, 3)]
    assert len(new) / len(truth) == pytest.approx(0.6, abs=0.03)
    assert (new["left_reason"] == "one_time").mean() == pytest.approx(0.25, abs=0.03)
    once = lines[lines["true_left_reason"] == "one_time"].groupby("person").size()
    assert (once == 1).all()
    assert lines["customer_id"].isna().mean() == pytest.approx(1 - 0.95 * 0.97, abs=0.015)
    assert lines["known_at"].notna().mean() == pytest.approx(0.02, rel=0.2)
    assert (lines["payer"] == "gift").mean() == pytest.approx(0.03, rel=0.2)
    assert (lines["payer"] == "employer").mean() == pytest.approx(0.02, rel=0.5)
    assert truth["second_id"].notna().mean() == pytest.approx(0.03, abs=0.01)
    assert set(lines["channel"]) == {"store", "online", "phone"}
    assert lines["store_id"].notna().eq(lines["channel"] == "store").all()


def built(source: Source, folder: Path) -> dict[str, Any]:
    rules = Rules(max_reject_share=0.5, non_goods=[], extract_on=date(2030, 1, 1), retention_days=None)
    second = source.side["customers"].dropna(subset="same_as")
    door = Door(ZONE, source.columns, 3, True, same_as=dict(zip(second["customer_id"], second["same_as"], strict=True)))
    return build_store(source, folder, Recipe(Shop(rules, "EUR", ZONE, date(2030, 1, 1)), door, "r"))


def source_of(simulate_params: Simulate) -> Source:
    store = Store(time_zone=ZONE, currency="EUR", margin_rate=0.3)
    made = simulated(simulate_params, store)
    return Source(made.name, (LinePart(made.name, made.digest, made.chunks),), made.columns, made.side)


def test_the_event_store_finds_what_the_truth_says(tmp_path: Path) -> None:
    plan = Simulate(n_customers=700, n_weeks=60, seed=21)
    source = source_of(plan)
    chunk = chunk_of(World(n_customers=700, n_weeks=60, seed=21))
    facts = built(source, tmp_path / "events")
    known = chunk.undone[chunk.undone["is_recognised"]]
    whole = known[known["kind"] != "partly_returned"]
    n_same_day = int(whole["is_same_day"].sum())
    n_unknown = int(chunk.lines["customer_id"].isna().sum())
    assert n_same_day > 50
    assert facts["lines_in"] == len(chunk.lines)
    assert facts["rejected_by_rule"] == {"no_customer": n_unknown, "undone_same_day": 2 * n_same_day}
    assert facts["lines_repaired"] == 0
    returns = read_lines(tmp_path / "events", "returns")
    assert returns["kind"].value_counts().to_dict() == {
        "cancellation": len(whole) - n_same_day,
        "return": len(known) - len(whole),
    }
    purchases = read_lines(tmp_path / "events", "purchases")
    found = returns[returns["kind"] == "cancellation"].merge(
        purchases[["source_line", "order_id"]], left_on="undoes_line", right_on="source_line", suffixes=("", "_of")
    )
    columns = ["order_id", "product_id", "undoes_order_id"]
    pairs = set(found.rename(columns={"order_id_of": "undoes_order_id"})[columns].itertuples(index=False, name=None))
    assert pairs == set(whole.loc[~whole["is_same_day"], columns].itertuples(index=False, name=None))
    assert facts["customers"] <= int((~chunk.truth["is_anonymous"]).sum())


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_written_files_come_back_as_the_same_store(tmp_path: Path, params: Params, form: Any) -> None:
    world, told = World(n_customers=300, n_weeks=20, seed=2), []
    write_files(world, tmp_path / "shop", lambda done, of: told.append((done, of)), form)
    assert told[-1] == (300, 300)
    how = params.ingest.format.model_copy(update={"columns": FORMAT_COLUMNS, "cancelled_order_prefix": "C-"})
    ingest = params.ingest.model_copy(
        update={
            "source": "files",
            "path": str(tmp_path / "shop"),
            "include": ["purchases/*"],
            "tables": {name: f"{name}.csv" for name in ("products", "customers", "consents", "promotions")},
            "format": how,
        }
    )
    store = params.store.model_copy(update={"time_zone": ZONE, "currency": "EUR"})
    read = open_source(params.model_copy(update={"ingest": ingest, "store": store}))
    facts = built(read, tmp_path / "read")
    direct = built(source_of(Simulate(n_customers=300, n_weeks=20, seed=2)), tmp_path / "direct")
    same = ("lines_in", "lines_accepted", "lines_rejected", "rejected_by_rule", "customers", "orders", "last_sale_on")
    assert {name: facts[name] for name in same} == {name: direct[name] for name in same}
    assert facts["absent"] == direct["absent"]
    for name, frame in side_tables(world).items():
        key = list(SIDE_TABLES[name].key)
        given = frame.sort_values(key, ignore_index=True)
        pd.testing.assert_frame_equal(read.side[name].sort_values(key, ignore_index=True), given, check_dtype=False)
    content = ["customer_id", "order_id", "ordered_at", "product_id", "quantity", "amount", "discount", "known_at"]
    both = [
        read_lines(tmp_path / name, "purchases")[content].sort_values(content, ignore_index=True)
        for name in ("read", "direct")
    ]
    pd.testing.assert_frame_equal(*both)


def test_written_files_are_the_same_bytes_and_overwrite_nothing(tmp_path: Path) -> None:
    world = World(n_customers=100, n_weeks=6)
    for name in ("one", "two"):
        write_files(world, tmp_path / name, form="csv")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("one*/**/*") if path.is_file())
    assert len(files) == 2 + 4 + 3
    assert sum(name.startswith("one-truth/") for name in files) == 3  # beside the shop, never among its files
    for name in files:
        assert (tmp_path / name).read_bytes() == (tmp_path / name.replace("one", "two", 1)).read_bytes(), name
    with pytest.raises(ParameterError, match="new or empty folder"):
        write_files(world, tmp_path / "one")
    (tmp_path / "empty").mkdir()
    write_files(world, tmp_path / "empty")
    assert (tmp_path / "empty" / "purchases" / "2022-01.parquet").exists()


def test_leaving_can_be_learned_but_not_read_off(unkind: Chunk) -> None:
    """Days since the last purchase tell leavers from the others better than chance, and far from surely."""
    orders = orders_of(unkind)
    end = pd.Timestamp(2022, 1, 3) + pd.Timedelta(weeks=104)
    seen = orders[(orders["on"] >= end - pd.Timedelta(days=90)) & orders["person"].notna()]
    last = seen.groupby("person")["on"].max()
    counts = orders.groupby("person").size().reindex(last.index)
    last = last[counts >= 3]
    left = unkind.truth.set_index("customer_id")["left_on"].notna().reindex(last.index)
    assert left.sum() > 30
    assert 0.6 < roc_auc_score(left, (end - last).dt.days) < 0.95


def test_one_customers_world_of_one_week_stands() -> None:
    tiny = World(n_customers=1, n_weeks=1, n_products=1, n_categories=1, n_stores=1)
    assert len(chunk_of(tiny).truth) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_customers": 0}, "n_customers: expected at least 1"),
        ({"returned_share": 1.2}, "returned_share: expected a share"),
        ({"level_shares": (0.5, 0.4, 0.2)}, "level_shares: expected shares that sum to 1"),
        ({"n_categories": 30, "n_products": 20}, "n_categories: expected at most n_products"),
        ({"time_zone": "Europe/Berlim"}, "did you mean 'Europe/Berlin'"),
        ({"mean_gap_days": 0.0}, "mean_gap_days: expected a number above 0"),
        ({"weekday_weights": (1.0,) * 6}, "weekday_weights: expected 7 numbers, got 6"),
    ],
)
def test_an_impossible_world_is_refused_in_one_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        World(**change)


def test_a_projects_parameters_make_the_world(params: Params) -> None:
    plan = Simulate(n_customers=50, n_weeks=8, first_on=date(2021, 3, 1), n_products=10, n_stores=2, seed=9)
    world = world_of(plan, params.store)
    assert (world.first_day, world.n_days, world.n_categories) == (date(2021, 3, 1), 56, 10)
    assert (world.time_zone, world.currency) == (params.store.time_zone, params.store.currency)
    changed: Callable[..., World] = lambda **more: world_of(plan.model_copy(update=more), params.store)  # noqa: E731
    assert content_digest(world) == content_digest(changed())
    assert len({content_digest(changed(seed=seed)) for seed in range(3)}) == 3
