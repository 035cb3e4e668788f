"""Why an offer was not wanted, from a shop's file to the store, and to whoever asks what is held of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.errors import ContractError
from events.store import read_store
from pipeline.privacy import disclose, forget
from tests.unit.test_erasure import NOW, STORE, Shop

HEAD = "customer_id,campaign_id,kind,responded_at,Reason\n"
ANN = "ann,spring,complained,2024-03-02 10:00,wrongly listed\n"
BOB = "bob,spring,opened,2024-03-02 10:00,\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGULARS_KEY", "secret")
    shop = Shop(tmp_path)
    shop.set(tables={"responses": "responses.csv"})
    shop.brings("ann bob")
    return shop


def brings(shop: Shop, text: str) -> None:
    (shop.root / "shop" / "responses.csv").write_text(text)
    shop.ingests()


def test_reasons_are_read_disclosed_and_erased(shop: Shop) -> None:
    brings(shop, HEAD + ANN + BOB)
    found = read_store(shop.root / STORE).responses.set_index("customer_id")["reason"]
    assert found["ann"] == "wrongly listed"
    assert found.isna().to_dict() == {"ann": False, "bob": True}
    assert "wrongly listed" in json.dumps(disclose(shop.root, "ann"))
    forget(shop.root, "ann", NOW)
    assert read_store(shop.root / STORE).responses["customer_id"].tolist() == ["bob"]


def test_a_shop_that_records_no_reasons_has_no_such_column(shop: Shop) -> None:
    brings(shop, HEAD.replace(",Reason", "") + "ann,spring,complained,2024-03-02 10:00\n")
    assert "reason" not in read_store(shop.root / STORE).responses.columns


def test_another_reason_is_refused(shop: Shop) -> None:
    with pytest.raises(ContractError, match="table responses: column 'reason'"):
        brings(shop, HEAD + ANN.replace("wrongly listed", "weather"))
