"""Erasure at the door and in the store: chains of ids, hashed ids, ids linked later, a forget that was killed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.errors import UnknownNameError
from contracts.files import read_json
from events import erasure
from events.manifest import read_manifest
from events.store import read_lines, read_side, read_store
from events.tombstones import read_tombstones
from pipeline import ingest, privacy
from pipeline.commands.params_file import change_params
from pipeline.inbox import ensure_inbox

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 6, 1, tzinfo=UTC)
STORE = Path("data") / "events"


class Shop:
    """A project whose source is one folder of two files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "shop").mkdir()
        (root / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        self.set(source="files", path="shop", n_buckets=3)
        change_params(root / "params.yaml", {"ingest": {"format": {"columns": COLUMNS}}})
        ensure_inbox(root)

    def set(self, **values: object) -> None:
        change_params(self.root / "params.yaml", {"ingest": values})

    def brings(self, ids: str, customers: str = "") -> None:
        lines = [f"{who},2024-03-{day:02d},5.00" for day, who in enumerate(ids.split(), start=1)]
        (self.root / "shop" / "sales.csv").write_text("\n".join(["who,when,paid", *lines]) + "\n")
        if customers:
            (self.root / "shop" / "customers.csv").write_text(customers)
            self.set(tables={"customers": "customers.csv"})

    def ingests(self) -> dict[str, int]:
        ingest.main(["inbox/tombstones.json", "inbox/excluded.txt", "data/events", "audit/attributes.parquet"])
        return self.held()

    def held(self) -> dict[str, int]:
        return read_lines(self.root / STORE, "purchases")["customer_id"].value_counts().to_dict()


COLUMNS = {"customer_id": "who", "ordered_at": "when", "amount": "paid"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGULARS_KEY", "secret")
    return Shop(tmp_path)


def test_a_chain_of_ids_is_one_person(shop: Shop) -> None:
    shop.brings("ann ann2 ann3 bob", "customer_id,same_as\nann,ann2\nann2,ann3\nann3,\nbob,\n")
    assert shop.ingests() == {"ann3": 3, "bob": 1}
    assert len(privacy.disclose(shop.root, "ann")["tables"]["events/purchases"]) == 3
    privacy.forget(shop.root, "ann", NOW)
    assert shop.held() == {"bob": 1}
    assert shop.ingests() == {"bob": 1}


def test_a_killed_forget_is_finished_by_another(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.brings("ann old bob", "customer_id,same_as\nann,old\nold,\nbob,\n")
    shop.ingests()

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(privacy, "erase", killed)
        with pytest.raises(KeyboardInterrupt):
            privacy.forget(shop.root, "ann", NOW)
    privacy.forget(shop.root, "ann", NOW)
    assert shop.held() == {"bob": 1}


def test_an_id_hashed_or_linked_later_stays_out(shop: Shop) -> None:
    shop.brings("ann bob")
    shop.ingests()
    privacy.forget(shop.root, "ann", NOW)
    shop.set(hash_ids=True)
    assert sum(shop.ingests().values()) == 1
    shop.set(hash_ids=False)
    shop.brings("ann ann bob", "customer_id,same_as\nann,bob\nbob,\n")
    assert shop.ingests() == {"bob": 1}


def test_a_store_brought_back_from_a_backup_is_cleaned_by_the_next_ingest(shop: Shop) -> None:
    shop.brings("ann ann bob")
    shop.ingests()
    backup = {path: path.read_bytes() for path in (shop.root / "data").rglob("*") if path.is_file()}
    privacy.forget(shop.root, "ann", NOW)
    for path, content in backup.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert shop.held() == {"ann": 2, "bob": 1}
    assert shop.ingests() == {"bob": 1}


def test_forgetting_and_a_rebuild_give_the_same_store(shop: Shop) -> None:
    shop.brings("ann bob cy ann bob")
    shop.ingests()
    privacy.forget(shop.root, "ann", NOW)
    erased = read_manifest(shop.root / STORE)
    (shop.root / "data" / ".events.recipe.json").unlink()
    shop.ingests()
    assert read_manifest(shop.root / STORE) == erased


def test_ids_are_taken_as_files_write_them_and_leave_every_list(shop: Shop) -> None:
    shop.brings("101.0 102.0 103 103 103")
    (shop.root / "inbox" / "excluded.txt").write_text("102\n101\n10\u20283\n")
    assert shop.ingests() == {"103": 3}
    privacy.forget(shop.root, " 101.0 ", NOW)
    assert (shop.root / "inbox" / "excluded.txt").read_text() == "102\n10\u20283\n"
    for path in ("ledger/erasures.jsonl", "inbox/tombstones.json"):
        assert "101" not in (shop.root / path).read_text().replace("0101", "").split('"')
    with pytest.raises(UnknownNameError):
        privacy.disclose(shop.root, "101")
    assert len(read_tombstones(shop.root / "inbox" / "tombstones.json").hashes) == 1


def test_a_file_that_holds_nobody_but_the_erased_adds_nothing(shop: Shop) -> None:
    shop.brings("ann ann bob")
    shop.ingests()
    privacy.forget(shop.root, "ann", NOW)
    shop.brings("ann ann ann")
    (shop.root / "shop" / "sales_2.csv").write_text("who,when,paid\nbob,2024-04-01,5.00\n")
    (shop.root / "shop" / "sales_3.csv").write_text("who,when,paid\n")
    assert shop.ingests() == {"bob": 1}


def test_a_refusal_of_profiling_holds_along_a_chain(shop: Shop) -> None:
    shop.brings("ann ann2 ann3 bob", "customer_id,same_as,no_profiling\nann,ann2,yes\nann2,ann3,\nann3,,\nbob,,\n")
    shop.ingests()
    assert set(read_store(shop.root / STORE).purchases["customer_id"]) == {"bob"}


def test_who_is_held_under_a_hash_is_disclosed_by_the_id_as_it_was_given(shop: Shop) -> None:
    shop.set(hash_ids=True)
    shop.brings("ann bob ann")
    held = shop.ingests()
    assert "ann" not in held
    told = privacy.disclose(shop.root, "ann")["tables"]["events/purchases"]
    assert len(told) == 2
    assert {held[row["customer_id"]] for row in told} == {2}


def test_what_killed_writers_left_is_swept_away_with_a_customer(shop: Shop) -> None:
    shop.brings("ann bob")
    shop.ingests()
    left = shop.root / "data" / ".events.killed"
    left.mkdir()
    (left / "purchases.parquet").write_bytes(b"half of ann")
    (shop.root / "data" / ".scores.parquet.killed").write_bytes(b"half of ann")
    (shop.root / "audit" / ".attributes.parquet.killed").write_bytes(b"half of ann")
    half = shop.root / ".dvc" / "tmp" / "exps" / "one" / "data" / "scores.parquet"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PAR1half of ann")
    privacy.forget(shop.root, "ann", NOW)
    held = [path for folder in ("data", "audit") for path in (shop.root / folder).rglob("*") if path.is_file()]
    assert not [path for path in held if b"half of ann" in path.read_bytes()]
    assert not left.exists()
    assert not half.exists()


def test_where_everybody_erased_is_gone_nothing_is_left_to_finish(shop: Shop, snapshot_of) -> None:
    shop.brings("ann bob")
    shop.ingests()
    privacy.forget(shop.root, "ann", NOW)
    before = snapshot_of(shop.root)
    assert privacy.finish_erasures(shop.root, NOW) == 0
    assert snapshot_of(shop.root) == before


def test_nothing_is_rewritten_for_nobody(shop: Shop) -> None:
    shop.brings("ann bob")
    shop.ingests()
    before = (shop.root / STORE / "manifest.json").read_bytes()
    assert erasure.erase(shop.root / STORE, lambda _: False) == 0
    assert (shop.root / STORE / "manifest.json").read_bytes() == before
    with pytest.raises(UnknownNameError):
        privacy.forget(shop.root, "nobody", NOW)


def test_what_nobody_else_bought_leaves_the_products_that_lines_describe(shop: Shop) -> None:
    sales = ["ann,2024-03-01,5.00,1,TEA", "ann,2024-03-02,5.00,2,secret tincture", "bob,2024-03-03,5.00,1,GREEN TEA"]
    (shop.root / "shop" / "sales.csv").write_text("\n".join(["who,when,paid,sku,name", *sales]) + "\n")
    columns = {**COLUMNS, "product_id": "sku", "product_name": "name"}
    change_params(shop.root / "params.yaml", {"ingest": {"format": {"columns": columns}}})
    shop.ingests()
    products = read_side(shop.root / STORE, "products")
    assert products["product_type"].tolist() == ["TEA", "secret tincture"]
    privacy.forget(shop.root, "ann", NOW)
    assert read_side(shop.root / STORE, "products")["product_type"].tolist() == ["GREEN TEA"]
    erased = read_manifest(shop.root / STORE)
    (shop.root / "data" / ".events.recipe.json").unlink()
    shop.ingests()
    assert read_manifest(shop.root / STORE) == erased


@pytest.mark.parametrize("kept", ['{"manifest": "another"}', "{}", "[]", "half a fi", None])
def test_a_store_of_unknown_making_is_cleaned_and_then_built_anew(shop: Shop, kept: str | None) -> None:
    shop.brings("ann ann bob")
    shop.ingests()
    recipe = shop.root / "data" / ".events.recipe.json"
    recipe.write_text(kept) if kept else recipe.unlink()
    privacy.forget(shop.root, "ann", NOW)
    assert shop.held() == {"bob": 1}
    assert read_json(recipe)["recipe"] == ""
    assert shop.ingests() == {"bob": 1}
    assert read_json(recipe)["recipe"] != ""
