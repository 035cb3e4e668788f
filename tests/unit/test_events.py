"""Cleaning rules, duplicates and the store's manifest, on lines written by hand; the packaged data as published."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ContractError, SourceError, StateError
from contracts.params import Params
from events.as_of import absent_at
from events.audit import write_audit
from events.building import build_store
from events.cleaning import RULES, Cleaned, Shop
from events.complete_journey import PACKAGE, complete_journey, sampled_customers
from events.lines import keyed_hash
from events.manifest import files_of, read_manifest
from events.people import same_as_map
from events.recipe import recipe
from events.store import _same_store, open_store, read_lines, read_side, read_store
from events.tombstones import Tombstones, read_tombstones
from tests import stores

GOOD = {
    "customer_id": "ann",
    "order_id": "1",
    "ordered_at": "2017-03-01 10:00",
    "product_id": "tea",
    "quantity": 1.0,
    "amount": 5.0,
}
BROKEN = {
    "damaged_line": {"problem": "damaged_line"},
    "no_instant": {"problem": "no_instant", "ordered_at": None},
    "impossible_date": {"ordered_at": "1970-01-01 00:00"},
    "after_extract": {"ordered_at": "2020-01-01 00:00"},
    "no_customer": {"customer_id": None},
    "bad_amount": {"problem": "bad_amount", "amount": None},
    "bad_quantity": {"problem": "bad_quantity", "quantity": None},
    "not_goods": {"product_id": "POST"},
    "odd_cancellation": {"is_cancellation": True},
    "not_paid": {"amount": 0.0},
    "negative_quantity": {"quantity": -1.0},
    "excluded_account": {"customer_id": "till"},
}


def test_every_rule_rejects_its_line_and_no_other(tmp_path: Path) -> None:
    rows = [GOOD, *({**GOOD, "order_id": rule, **change} for rule, change in BROKEN.items())]
    made = stores.made()
    made = replace(made, shop=replace(made.shop, excluded=frozenset({"till"})))
    facts = build_store(stores.source([("a.csv", stores.canonical(rows))]), tmp_path / "events", made)
    assert facts["rejected_by_rule"] == dict.fromkeys(sorted(BROKEN), 1)
    rejects = read_lines(tmp_path / "events", "rejects")
    assert dict(zip(rejects["source_line"], rejects["rule"], strict=True)) == dict(enumerate(BROKEN, start=2))
    assert read_lines(tmp_path / "events", "purchases")["source_line"].tolist() == [1]


def test_rules_are_data_that_people_can_read() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert {rule.action for rule in RULES} == {"reject", "repair", "warn"}
    assert all(rule.sentence and rule.remedy for rule in RULES)


def test_a_line_counts_as_often_as_in_the_file_that_has_it_most_often(tmp_path: Path) -> None:
    """Two equal teas in one file are real; the same two and one more in an overlapping file make three."""
    other = {**GOOD, "product_id": "milk"}
    first, second = stores.canonical([GOOD, GOOD, other]), stores.canonical([GOOD, GOOD, GOOD])
    facts = build_store(stores.source([("a.csv", first), ("b.csv", second)]), tmp_path / "events", stores.made())
    assert facts["rejected_by_rule"] == {"duplicate": 2}
    bought = read_lines(tmp_path / "events", "purchases")
    assert bought["product_id"].value_counts().to_dict() == {"tea": 3, "milk": 1}


def test_the_same_file_under_two_names_is_read_once(tmp_path: Path) -> None:
    lines = stores.canonical([GOOD, GOOD])
    facts = build_store(stores.source([("a.csv", lines), ("copy.csv", lines)]), tmp_path / "events", stores.made())
    assert facts["lines_in"] == 2
    assert [part.get("same_as") for part in facts["parts"]] == [None, "a.csv"]
    twice = stores.source([("a.csv", lines), ("copy.csv", lines)])
    assert build_store(twice, tmp_path / "events", stores.made()) == facts
    renamed = build_store(stores.source([("copy.csv", lines)]), tmp_path / "events", stores.made())
    assert (renamed["lines_in"], renamed["lines_accepted"]) == (2, 2)


def test_a_lost_line_stops_the_ingest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that no line is lost counts both ends by themselves: a line that vanishes between them is told."""
    from events import building

    clean = building.clean

    def loses_one(lines: pd.DataFrame, shop: Shop) -> Cleaned:
        return clean(lines.iloc[1:], shop)

    monkeypatch.setattr(building, "clean", loses_one)
    with pytest.raises(ContractError, match="came in"):
        build_store(stores.source([("a", stores.canonical([GOOD] * 3))]), tmp_path / "events", stores.made(n_buckets=1))
    assert not (tmp_path / "events" / "manifest.json").exists()


@pytest.mark.parametrize("damage", [b"", b"PAR1 nothing of the kind", None])
def test_a_damaged_store_is_built_anew(tmp_path: Path, damage: bytes | None) -> None:
    folder = tmp_path / "events"
    source = stores.source([("a", stores.canonical([GOOD] * 3))])
    facts = build_store(source, folder, stores.made())
    (path,) = [path for path in folder.glob("purchases/*.parquet") if len(pd.read_parquet(path))]
    path.write_bytes(damage) if damage is not None else path.unlink()
    (folder / "manifest.json").write_text("[]") if damage == b"" else None
    assert build_store(source, folder, stores.made()) == facts
    assert len(read_lines(folder, "purchases")) == 3


def test_a_line_without_an_order_gets_a_basket_a_customer_and_day(tmp_path: Path) -> None:
    rows = [{**GOOD, "order_id": None}, {**GOOD, "order_id": None, "ordered_at": "2017-03-01 23:00"}, GOOD]
    facts = build_store(stores.source([("a.csv", stores.canonical(rows))]), tmp_path / "events", stores.made())
    assert (facts["lines_accepted"], facts["lines_repaired"]) == (1, 2)
    assert facts["repaired_by_code"] == {"order_made": 2}
    assert sorted(read_lines(tmp_path / "events", "purchases")["order_id"]) == ["1", "ann@2017-03-01", "ann@2017-03-01"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{**GOOD, "amount": 0.0}], "none of 1 lines is a purchase"),
        ([GOOD, {**GOOD, "customer_id": None}, {**GOOD, "customer_id": None}], "66.7% of 3 lines are rejected"),
    ],
)
def test_a_source_that_cannot_be_right_stops_and_the_old_store_stays(tmp_path: Path, rows, words) -> None:
    made = stores.made(rules=stores.NO_RULES.model_copy(update={"max_reject_share": 0.5}))
    build_store(stores.source([("good.csv", stores.canonical([GOOD]))]), tmp_path / "events", made)
    before = (tmp_path / "events" / "manifest.json").read_bytes()
    with pytest.raises(SourceError, match=words):
        build_store(stores.source([("bad.csv", stores.canonical(rows))]), tmp_path / "events", made)
    assert (tmp_path / "events" / "manifest.json").read_bytes() == before
    assert len(read_lines(tmp_path / "events", "purchases")) == 1


def test_lines_grown_too_old_are_erased_and_counted(tmp_path: Path) -> None:
    rows = [{**GOOD, "ordered_at": f"2017-03-{day:02d} 10:00", "order_id": str(day)} for day in range(1, 11)]
    made = stores.made()
    made = replace(made, shop=replace(made.shop, keep_from=date(2017, 3, 4)))
    facts = build_store(stores.source([("a.csv", stores.canonical(rows))]), tmp_path / "events", made)
    assert (facts["lines_in"], facts["lines_accepted"], facts["lines_erased"]) == (10, 7, 3)
    kept = read_lines(tmp_path / "events", "purchases")
    assert sorted(kept["order_id"].astype(int)) == list(range(4, 11))


def test_only_new_files_are_read(tmp_path: Path) -> None:
    read = []

    def watched(name: str, lines: pd.DataFrame) -> stores.LinePart:
        part = stores.part(name, lines)
        return replace(part, chunks=lambda: (read.append(name), part.chunks())[1])

    first, second = (stores.canonical([{**GOOD, "order_id": name}]) for name in "ab")
    for files in ([("a", first)], [("a", first), ("b", second)], [("b", second)]):
        source = replace(stores.source([]), parts=tuple(watched(*file) for file in files))
        facts = build_store(source, tmp_path / "events", stores.made())
    assert read == ["a", "b"]
    assert facts["lines_in"] == 1
    assert read_lines(tmp_path / "events", "purchases")["order_id"].tolist() == ["b"]


def test_the_store_holds_what_its_manifest_names_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    for n in (1, 2):
        build_store(stores.source([("a", stores.canonical([GOOD] * n))]), folder, stores.made())
        (folder / "purchases" / "left-over.parquet").write_bytes(b"half a file")
    build_store(stores.source([("a", stores.canonical([GOOD] * 2))]), folder, stores.made())
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == files_of(read_manifest(folder)) | {"manifest.json"}


@given(st.sets(st.text(min_size=1, max_size=6), min_size=1, max_size=40), st.integers(1, 40))
def test_a_sample_hangs_on_ids_alone(names: set[str], about: int) -> None:
    listed = sorted(names)
    forward = sampled_customers(pd.Series(listed, dtype="str"), about)
    assert forward == sampled_customers(pd.Series([*listed[::-1], *listed], dtype="str"), about)
    assert about < len(names) or forward == names


def test_complete_journey_is_read_as_published(tmp_path: Path, params: Params) -> None:
    source = complete_journey("America/New_York")
    facts = build_store(source, tmp_path / "events", recipe(params, source, Tombstones(), date(2026, 1, 1)))
    # The package's own counts: 1,469,307 lines, 11,226 of them of value 0; 2,469 households; year 2017.
    assert facts["lines_in"] == 1_469_307
    assert facts["rejected_by_rule"] == {"not_paid": 11_226}
    assert facts["lines_accepted"] + facts["lines_rejected"] == facts["lines_in"]
    assert facts["customers"] == 2_469
    assert (facts["first_sale_on"], facts["data_end_on"]) == ("2017-01-01", "2018-01-01")
    events = read_store(tmp_path / "events")
    assert len(events.contacts) == 6_589
    assert events.responses["n"].sum() == 2_102
    # Second route for local time: the first line's naive UTC stamp, shifted by hand (EST is UTC − 5 h).
    first = events.purchases.iloc[0]
    assert first["ordered_hour"] == 6
    assert first["ordered_at"] == pd.Timestamp("2017-01-01 11:53:26", tz="UTC")
    assert np.all(events.purchases["amount"] > 0)


def test_a_person_with_two_ids_is_one_and_refuses_once(tmp_path: Path) -> None:
    """Purchases of both ids count as one person's; each id keeps its row among customers; a refusal holds for both."""
    rows = [{**GOOD, "customer_id": who, "order_id": str(n)} for n, who in enumerate(("ann", "ann-old", "bob"))]
    customers = pd.DataFrame(
        {
            "customer_id": ["ann", "ann-old", "bob"],
            "same_as": [None, "ann", None],
            "no_profiling": pd.array([None, True, None], dtype="boolean"),
        }
    )
    source = replace(stores.source([("a", stores.canonical(rows))]), side={"customers": customers})
    made = stores.made(same_as={"ann-old": "ann"}, key=b"secret")
    build_store(source, tmp_path / "events", made)
    bought = read_lines(tmp_path / "events", "purchases")
    hashed = {name: keyed_hash(b"secret", name) for name in ("ann", "ann-old", "bob")}
    assert bought["customer_id"].value_counts().to_dict() == {hashed["ann"]: 2, hashed["bob"]: 1}
    stored = read_side(tmp_path / "events", "customers")
    assert set(stored["customer_id"]) == set(hashed.values())
    assert stored["same_as"].dropna().tolist() == [hashed["ann"]]
    assert set(read_store(tmp_path / "events").purchases["customer_id"]) == {hashed["bob"]}
    for path in (tmp_path / "events").rglob("*"):
        assert b"ann-old" not in (path.read_bytes() if path.is_file() else b"")


def test_what_leads_into_a_circle_is_the_same_person() -> None:
    customers = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "same_as": ["c", "c", "b", None]})
    assert same_as_map(customers) == {"a": "b", "c": "b"}


@pytest.mark.parametrize(("is_kept", "n"), [(False, 0), (True, 801)])
def test_demographics_stop_at_the_door(tmp_path: Path, is_kept: bool, n: int) -> None:
    """801 households of the package gave demographics; they are dropped, or go to the audit table and nowhere else."""
    source = complete_journey("America/New_York")
    door = stores.made().door
    write_audit(tmp_path / "attributes.parquet", source.audit if is_kept else None, door)
    kept = pd.read_parquet(tmp_path / "attributes.parquet")
    assert len(kept) == n
    assert source.audit is not None
    forbidden = set(source.audit.columns) - {"customer_id"}
    assert "income" in forbidden
    assert not forbidden & {column for frame in source.side.values() for column in frame.columns}
    assert not forbidden & set(next(source.parts[0].chunks()).columns)


def test_a_file_that_breaks_off_after_good_lines_leaves_the_old_store(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    build_store(stores.source([("good.csv", stores.canonical([GOOD]))]), folder, stores.made())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def breaks_off() -> Iterator[pd.DataFrame]:
        yield stores.canonical([GOOD, {**GOOD, "customer_id": "bob"}])
        raise SourceError("b.csv: expected a whole file, got one that breaks off")

    part = replace(stores.part("b.csv", stores.canonical([GOOD, GOOD])), chunks=breaks_off)
    with pytest.raises(SourceError, match=r"^b.csv: expected a whole file, got one that breaks off$"):
        build_store(replace(stores.source([]), parts=(part,)), folder, stores.made())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_worker_that_finds_another_store_than_the_stage_began_with_stops(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    build_store(stores.source([("a", stores.canonical([GOOD]))]), folder, stores.made())
    told = pickle.dumps(open_store(folder))
    assert pickle.loads(told).facts["lines_in"] == 1
    build_store(stores.source([("a", stores.canonical([GOOD] * 2))]), folder, stores.made())
    fresh = pickle.dumps(open_store(folder))
    assert pickle.loads(fresh).facts["lines_in"] == 2
    _same_store.cache_clear()  # as in a process that has just begun
    with pytest.raises(StateError, match="expected the event store that the stage began with, got another"):
        pickle.loads(told)


def test_what_lines_say_of_products_was_recorded_from_the_first_that_says_it(tmp_path: Path) -> None:
    rows = [{**GOOD, "product_id": "odd"}, {**GOOD, "order_id": "2", "ordered_at": "2017-04-01 10:00"}]
    lines = stores.canonical(rows).assign(category=pd.Series([None, "DRINKS"], dtype="str"))
    columns = stores.CANONICAL_COLUMNS | {"category"}
    brought = replace(stores.source([("a.csv", lines)]), columns=columns)
    build_store(brought, tmp_path / "events", stores.made(columns=columns))
    shelf = open_store(tmp_path / "events")
    assert "category" not in shelf.absent
    assert "category" not in absent_at(shelf, shelf.whole(), date(2017, 4, 2))
    assert "category" in absent_at(shelf, shelf.whole(), date(2017, 4, 1))


def test_a_package_of_data_without_its_tables_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / PACKAGE).mkdir()
    (tmp_path / PACKAGE / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SourceError, match=r"the package .* with its table '\w+', found none; run `make setup`"):
        complete_journey("America/New_York")


@pytest.mark.parametrize("written", ["[]", "{}", '{"erased": "ann"}', '{"erased": [1]}'])
def test_a_damaged_list_of_the_erased_is_one_clear_line_and_nobody_counts_as_not_erased(
    tmp_path: Path, written: str
) -> None:
    path = tmp_path / "tombstones.json"
    assert read_tombstones(path).hashes == frozenset()
    path.write_text(written)
    with pytest.raises(ContractError, match="expected a list 'erased', found none; restore the file from a backup"):
        read_tombstones(path)
