"""Which purchase an undoing undoes, worked out by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from contracts.windows import rows_before
from events.cleaning import Cleaned, clean
from tests import stores


def cleaned(*rows: dict[str, object]) -> Cleaned:
    lines = stores.canonical({"customer_id": "ann", "product_id": "tea", "order_id": "o", **row} for row in rows)
    return clean(lines.assign(source="f" * 12), stores.made().shop)


def buy(day: str, amount: float = 10.0, quantity: float = 1.0, **more: object) -> dict[str, object]:
    return {"ordered_at": day, "amount": amount, "quantity": quantity, **more}


def undo(day: str, amount: float = 10.0, quantity: float = 1.0, **more: object) -> dict[str, object]:
    return {"ordered_at": day, "amount": -amount, "quantity": -quantity, "is_cancellation": True, **more}


def undone(result: Cleaned) -> dict[int, str | None]:
    """Local day on which each purchase's undoing became known, by line."""
    days = result.purchases["undone_at"].dt.tz_convert(stores.ZONE).dt.strftime("%Y-%m-%d")
    return {
        int(line): (None if pd.isna(day) else day)
        for line, day in zip(result.purchases["source_line"], days, strict=True)
    }


def rejected(result: Cleaned) -> dict[int, str]:
    return dict(zip(result.rejects["source_line"], result.rejects["rule"], strict=True))


def test_a_purchase_counts_until_its_cancellation_is_known() -> None:
    result = cleaned(buy("2017-03-01 10:00"), undo("2017-03-05 09:00"))
    assert undone(result) == {1: "2017-03-05"}
    assert result.returns["kind"].tolist() == ["cancellation"]
    assert result.returns["undoes_line"].tolist() == [1]
    assert rejected(result) == {}
    for cutoff, n in ((date(2017, 3, 1), 0), (date(2017, 3, 2), 1), (date(2017, 3, 5), 1), (date(2017, 3, 6), 0)):
        assert len(rows_before(result.purchases, cutoff, stores.ZONE)) == n, cutoff


def test_an_undoing_within_the_same_local_day_removes_both() -> None:
    # 23:30 and 23:50 local are another day in UTC than noon, yet one local day
    result = cleaned(buy("2017-03-01 12:00", 80_995), undo("2017-03-01 23:50", 80_995))
    assert rejected(result) == {1: "undone_same_day", 2: "undone_same_day"}
    assert result.purchases.empty
    assert result.returns.empty


def test_an_undoing_after_local_midnight_does_not() -> None:
    result = cleaned(buy("2017-03-01 23:50"), undo("2017-03-02 00:10"))
    assert undone(result) == {1: "2017-03-02"}


def test_an_undoing_of_the_same_day_that_became_known_later_does_not() -> None:
    result = cleaned(buy("2017-03-01 10:00"), undo("2017-03-01 11:00", known_at="2017-03-09 08:00"))
    assert undone(result) == {1: "2017-03-09"}


def test_the_latest_fitting_purchase_is_undone_of_the_same_amount_first() -> None:
    result = cleaned(
        buy("2017-03-01 10:00", 10),
        buy("2017-03-02 10:00", 12),
        buy("2017-03-03 10:00", 10),
        undo("2017-03-07 10:00", 12),
    )
    assert undone(result) == {1: None, 2: "2017-03-07", 3: None}
    result = cleaned(buy("2017-03-01 10:00", 10), buy("2017-03-02 10:00", 10), undo("2017-03-07 10:00", 9))
    assert undone(result) == {1: None, 2: "2017-03-07"}


@pytest.mark.parametrize(
    "other",
    [
        undo("2017-03-07 10:00", quantity=2.0),
        undo("2017-03-07 10:00", product_id="milk"),
        undo("2017-03-07 10:00", customer_id="bob"),
        undo("2017-02-07 10:00"),
    ],
    ids=["another quantity", "another product", "another customer", "an earlier undoing"],
)
def test_what_does_not_match_is_a_return(other: dict[str, object]) -> None:
    result = cleaned(buy("2017-03-01 10:00"), other)
    assert undone(result) == {1: None}
    assert result.returns["kind"].tolist() == ["return"]
    assert result.returns["undoes_line"].isna().all()


def test_an_undoing_is_spent_once() -> None:
    result = cleaned(
        buy("2017-03-01 10:00"), buy("2017-03-02 10:00"), undo("2017-03-07 10:00"), undo("2017-03-08 10:00")
    )
    assert undone(result) == {1: "2017-03-08", 2: "2017-03-07"}


def test_a_purchase_that_became_known_after_its_undoing_never_counts() -> None:
    result = cleaned(buy("2017-03-01 10:00", known_at="2017-03-20 10:00"), undo("2017-03-05 10:00"))
    assert undone(result) == {1: "2017-03-20"}
    for day in (2, 6, 20, 21, 30):
        assert rows_before(result.purchases, date(2017, 3, day), stores.ZONE).empty


def test_a_later_known_purchase_does_not_take_an_earlier_ones_undoing() -> None:
    """At 10 March only line 1 was known, and its undoing with it: line 3, known later, must not change that."""
    result = cleaned(
        buy("2017-03-01 10:00"), undo("2017-03-05 10:00"), buy("2017-03-03 10:00", known_at="2017-03-20 10:00")
    )
    assert undone(result) == {1: "2017-03-05", 3: None}


def test_without_quantities_the_amount_decides() -> None:
    lines = stores.canonical(
        [
            {"customer_id": "ann", "ordered_at": "2017-03-01 10:00", "amount": 10.0},
            {"customer_id": "ann", "ordered_at": "2017-03-02 10:00", "amount": 11.0},
            {"customer_id": "ann", "ordered_at": "2017-03-04 10:00", "amount": -10.0},
        ]
    ).drop(columns=["quantity", "product_id"])
    lines["order_id"] = lines["order_id"].fillna("o")
    result = clean(lines.assign(source="f" * 12), stores.made().shop)
    assert undone(result) == {1: "2017-03-04", 2: None}
