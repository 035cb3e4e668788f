"""The data report on small stores whose figures are worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import SourceError
from contracts.event_tables import SIDE_TABLES
from contracts.params import Inspect, Task
from events.building import build_store
from events.report.accounts import suspicious_accounts
from events.report.building import DataReport, data_report, write_report
from events.report.look import look_at
from events.report.measures import bought_again, cohorts, concentration, recognised
from events.report.prices import compared_lines, price_gap
from events.report.volume import jumps, silent_days
from tests.stores import CANONICAL_COLUMNS, canonical, made, source

TASK = Task(horizon_days=10, value_horizon_days=20, min_purchase_days=1, active_days=30, label_grace_days=0)
LIMITS = Inspect()
START = date(2018, 1, 1)  # a Monday


def line(who: str | None, day: int, amount: float = 5.0, **more: object) -> dict[str, object]:
    said = {"customer_id": who, "ordered_at": f"{START + timedelta(days=day)} 10:{day % 60:02d}:00", "amount": amount}
    return {**said, "order_id": f"{who}-{day}", "product_id": "tea", "quantity": 1.0, **more}


def store(folder: Path, rows: list[dict[str, object]], side: dict[str, pd.DataFrame] | None = None) -> Path:
    brought = replace(source([("a.csv", canonical(rows))]), side=side or {})
    build_store(brought, folder / "events", made())
    return folder / "events"


def report_of(root: Path) -> DataReport:
    return data_report(root, "USD", TASK, LIMITS)


def priced(loyal_price: float, n: int = 6) -> list[dict[str, object]]:
    """Loyal customers from day 0, new ones from day 200; both buy two products in three weeks."""
    rows = [line(f"CUST-old-{k}", k % 5, 10.0) for k in range(n)]
    for week in range(3):
        for k in range(n):
            for product, price in (("tea", 10.0), ("bread", 4.0)):
                day, quantity = 203 + 7 * week + k % 5, 1.0 + k % 2
                for who, factor in ((f"CUST-old-{k}", loyal_price), (f"CUST-new-{k}", 1.0)):
                    paid = round(price * quantity * factor, 2)
                    rows.append(line(who, day, paid, product_id=product, quantity=quantity))
    return rows


def test_a_planted_price_gap_is_the_first_finding(tmp_path: Path) -> None:
    report = report_of(store(tmp_path, priced(1.1)))
    first = report.plain["findings"][0]
    assert first["severity"] == "error"
    assert "pay 10.00 % more than newer ones" in first["what"]
    assert first["how_many"] == 6  # 2 products in 3 weeks
    gap = report.plain["measures"]["price_gap"]
    assert (gap["gap"], gap["low"], gap["high"]) == pytest.approx((0.1, 0.1, 0.1), abs=1e-6)
    assert {row["product"] for row in gap["products"]} == {"tea", "bread"}


@pytest.mark.parametrize("loyal_price", [1.0, 0.9])
def test_without_a_gap_against_the_loyal_there_is_no_error(tmp_path: Path, loyal_price: float) -> None:
    report = report_of(store(tmp_path, priced(loyal_price)))
    assert {finding["severity"] for finding in report.plain["findings"]} <= {"warning", "note"}
    assert report.plain["measures"]["price_gap"]["gap"] == pytest.approx(loyal_price - 1, abs=1e-6)
    assert not report.plain["measures"]["price_gap"]["products"]


def test_noise_has_an_interval_around_zero(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    rows = [{**row, "amount": round(float(row["amount"]) * float(rng.uniform(0.8, 1.25)), 2)} for row in priced(1.0)]
    gap = report_of(store(tmp_path, rows)).plain["measures"]["price_gap"]
    assert gap["low"] < 0 < gap["high"]


def test_the_gap_is_least_squares_with_an_effect_for_each_cell(tmp_path: Path) -> None:
    """A second route: dummies for the cells, and the sandwich by customers written out in matrices."""
    from scipy.stats import t

    rng = np.random.default_rng(3)
    rows = [{**row, "amount": round(float(row["amount"]) * float(rng.uniform(0.8, 1.25)), 2)} for row in priced(1.05)]
    [lines] = compared_lines(look_at(store(tmp_path, rows[:-5])), LIMITS, tmp_path / "aside")
    dummies = pd.get_dummies(lines["cell"]).to_numpy(dtype=float)
    design = np.column_stack([lines["is_long"].astype(float), dummies])
    beta, *_ = np.linalg.lstsq(design, lines["log_price"], rcond=None)
    residual = lines["log_price"].to_numpy() - design @ beta
    bread = np.linalg.inv(design.T @ design)
    scores = [(design[at] * residual[at, None]).sum(axis=0) for at in lines.groupby("customer").indices.values()]
    n = len(scores)
    variance = n / (n - 1) * bread @ sum(np.outer(score, score) for score in scores) @ bread
    reach = t.ppf(0.975, n - 1) * np.sqrt(variance[0, 0])
    found = price_gap(lines)
    assert found is not None
    expected = np.expm1([beta[0], beta[0] - reach, beta[0] + reach])
    assert (found.gap, found.low, found.high) == pytest.approx(tuple(expected))


def test_a_short_history_cannot_tell(tmp_path: Path) -> None:
    report = report_of(store(tmp_path, [line("ann", day) for day in range(7)]))
    said = next(finding["what"] for finding in report.plain["findings"] if "loyal customers pay" in finding["what"])
    assert said.startswith("Whether loyal customers pay more cannot be told: the data covers 7 days")
    assert report.plain["findings"][0]["severity"] == "note"


def test_the_share_of_sales_that_name_a_customer(tmp_path: Path) -> None:
    rows = [line("ann", 0, 30.0), line("bob", 1, 10.0), line(None, 2, 60.0), line(None, 2, -5.0, quantity=-1.0)]
    root = store(tmp_path, rows)
    found = recognised(look_at(root))
    assert (found["lines"], found["lines_with_customer"]) == (3, 2)
    assert found["amount_share"] == pytest.approx(0.4)
    assert found["payer_share"] is None
    said = [finding["what"] for finding in report_of(root).plain["findings"]]
    assert any(text.startswith("40.0 % of sales by amount and 66.7 % of 3 lines name a customer") for text in said)


def test_concentration_by_hand(tmp_path: Path) -> None:
    rows = [line(f"c{k}", k, 55.0 if k == 0 else 5.0) for k in range(10)]  # 55 of 100, then nine times 5
    assert concentration(look_at(store(tmp_path, rows))) == pytest.approx(
        {"top_10_percent": 0.55, "top_20_percent": 0.6}
    )


def test_lapsed_customers_who_bought_again_by_hand(tmp_path: Path) -> None:
    """Horizon 10, data end day 50: the only cutoffs with a horizon before them are days 10, 20 and 30."""
    days = {"ann": (0, 5, 12, 25, 35, 49), "bob": (3, 22), "cy": (8, 31, 33), "dee": (9,)}
    root = store(tmp_path, [line(who, day) for who, listed in days.items() for day in listed])
    table = bought_again(look_at(root), TASK, LIMITS)
    assert table["cutoff_on"].tolist() == [START + timedelta(days=day) for day in (10, 20, 30)]
    # day 10: all active; bob, cy, dee silent to 19; bob back on 22
    # day 20: all active; cy, dee silent to 29; cy back on 31
    # day 30: all active since day 0; bob, dee silent to 39; none back
    assert table[["n_active", "n_lapsed", "n_again"]].to_numpy().tolist() == [[4, 3, 1], [4, 2, 1], [4, 2, 0]]


def test_cohorts_by_hand(tmp_path: Path) -> None:
    days = {"ann": (0, 31, 60), "bob": (5, 61), "cy": (40,)}
    name, table = cohorts(look_at(store(tmp_path, [line(who, day) for who, listed in days.items() for day in listed])))
    assert name == "month"
    assert table.index.tolist() == ["2018-01", "2018-02"]
    assert table["n"].tolist() == [2, 1]
    assert table.loc["2018-01", [0, 1, 2]].tolist() == [1.0, 0.5, 1.0]
    assert table.loc["2018-02", [0, 1]].tolist() == [1.0, 0.0]
    assert np.isnan(table.loc["2018-02", 2])


def crowd(till_lines: int) -> list[dict[str, object]]:
    rows = [line(f"CUST-{k}", day, 5.0 + k / 10) for k in range(30) for day in range(k % 7, 60, 7)]
    return rows + [line("TILL-1", day, 40.0, order_id=f"t-{day}-{k}") for day in range(60) for k in range(till_lines)]


def test_an_account_of_the_till_is_found_and_not_named(tmp_path: Path) -> None:
    root = store(tmp_path, crowd(4))
    found = suspicious_accounts(root, LIMITS)
    assert found["customer_id"].tolist() == ["TILL-1"]
    assert found["purchase_days"].tolist() == [60]
    assert found["lines"].tolist() == [240]
    assert "bought on 100 % of 60 open days" in found["reason"].iloc[0]
    report = report_of(root)
    finding = next(finding for finding in report.plain["findings"] if finding["unit"] == "accounts")
    assert (finding["severity"], finding["how_many"]) == ("warning", 1)
    assert "TILL-1" not in json.dumps(report.plain)


def test_customers_alike_are_not_suspicious(tmp_path: Path) -> None:
    assert suspicious_accounts(store(tmp_path, crowd(0)), LIMITS).empty


def test_refusing_a_profile_keeps_an_account_off_the_list(tmp_path: Path) -> None:
    refused = pd.DataFrame({"customer_id": pd.array(["TILL-1"], dtype="str"), "no_profiling": pd.array([True])})
    assert suspicious_accounts(store(tmp_path, crowd(4), {"customers": refused}), LIMITS).empty


def test_silent_days_and_jumps(tmp_path: Path) -> None:
    rows = [line(f"c{k}", day) for day in range(84) if day not in (30, 31) for k in range(3 if 42 <= day < 49 else 9)]
    look = look_at(store(tmp_path, rows))
    assert silent_days(look).tolist() == [(START - date(1970, 1, 1)).days + day for day in (30, 31)]
    assert jumps(look)["ratio"].tolist() == pytest.approx([1 / 3])


def test_absurd_quantities_same_instants_and_rules_point_to_lines(tmp_path: Path) -> None:
    rows = [line("ann", day) for day in range(20)] + [line("bob", 20, 900.0, quantity=900.0)]
    rows += [line(f"c{k}", 21, ordered_at="2018-01-22 03:00:00") for k in range(12)]
    rows += [line("ann", 22, 0.0)]
    found = {row["where"]: row for row in report_of(store(tmp_path, rows)).plain["findings"]}
    assert found["purchases.quantity"]["examples"] == [{"file": "a.csv", "line": 21}]
    assert found["purchases.ordered_at"]["how_many"] == 12
    assert found["rule not_paid"]["examples"] == [{"file": "a.csv", "line": 34}]
    assert found["rule not_paid"]["how_many"] == 1


def test_a_store_of_which_nothing_was_known_in_time_is_one_clear_line(tmp_path: Path) -> None:
    root = store(tmp_path, [line("ann", day, known_at="2019-01-01") for day in (0, 5)])
    with pytest.raises(SourceError, match="known by data end, 2018-01-07, found none"):
        report_of(root)


def test_files_given_twice_and_files_without_a_purchase(tmp_path: Path) -> None:
    lines, gifts = canonical([line("ann", 0), line("ann", 3)]), canonical([line("ann", 0, 0.0)])
    brought = source([("a.csv", lines), ("b.csv", lines), ("gifts.csv", gifts)])
    build_store(brought, tmp_path / "events", made())
    said = [finding["what"] for finding in report_of(tmp_path / "events").plain["findings"]]
    assert "1 file equals another and counted once: b.csv." in said
    assert "1 file gave no line that counts: gifts.csv." in said


def test_undoings_are_counted(tmp_path: Path) -> None:
    rows = [
        line("ann", 0),
        line("ann", 1, -5.0, quantity=-1.0),  # undoes day 0
        line("bob", 2, -9.0, quantity=-1.0),  # undoes nothing that is known
        line("cy", 3),
        line("cy", 3, -5.0, quantity=-1.0, ordered_at="2018-01-04 12:00:00"),  # the same day
        line("dee", 4),
    ]
    counts = report_of(store(tmp_path, rows)).plain["measures"]["undoings"]
    expected = {"matched_lines": 1, "unmatched_lines": 1, "same_day_lines": 2, "purchases_undone_later": 1}
    assert counts == expected


def bare_store(folder: Path, days: tuple[int, ...]) -> Path:
    """Three columns alone: customer, instant (a day), amount."""
    rows = [
        {"customer_id": f"CUST-xyz-{k}", "ordered_at": f"{START + timedelta(days=day)}", "amount": 5.0 + k}
        for day in days
        for k in range(3)
    ]
    frame = canonical(rows).drop(columns=sorted(CANONICAL_COLUMNS))
    recipe = made(columns=frozenset(), makes_orders=False)
    brought = replace(source([("a.csv", frame)]), columns=frozenset(), names_orders=False)
    build_store(brought, folder / "events", recipe)
    return folder / "events"


@pytest.mark.parametrize("days", [(0,), (0, 2, 5), tuple(range(0, 400, 9))])
def test_three_customers_with_three_columns(tmp_path: Path, days: tuple[int, ...]) -> None:
    report = report_of(bare_store(tmp_path, days))
    write_report(tmp_path / "report", report)
    absent = {row["name"] for row in report.plain["measures"]["absent"]}
    assert {"product_id", "quantity", "store_id", "discount", "hour", "order_id", "contacts", "consents"} <= absent
    page = (tmp_path / "report" / "index.html").read_text()
    assert "channels that need consent" in page
    assert "CUST-xyz" not in page + (tmp_path / "report" / "report.json").read_text()


def test_no_id_leaks_and_shop_texts_are_escaped(tmp_path: Path) -> None:
    rows = [{**row, "customer_id": f"CUST-xyz-{row['customer_id']}"} for row in priced(1.1)]
    for row in rows:
        row["product_id"] = "<script>alert(1)</script>" if row["product_id"] == "tea" else row["product_id"]
    write_report(tmp_path / "report", report_of(store(tmp_path, rows)))
    written = "".join(path.read_text() for path in sorted((tmp_path / "report").iterdir()))
    assert "CUST-" not in written
    page = (tmp_path / "report" / "index.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert page.count("<svg") == 8  # nobody lapsed: one plot of nine is not drawn
    assert "http-equiv" in page
    assert "<img" not in page


def test_equal_stores_give_equal_bytes(tmp_path: Path) -> None:
    root = store(tmp_path, priced(1.1))
    for name in ("one", "two"):
        write_report(tmp_path / name, report_of(root))
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {"index.html", "report.json", "gaps.svg", "retention.svg", "price_gaps.svg"} <= set(names)
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)


def test_a_report_names_its_dates_zone_and_currency(tmp_path: Path) -> None:
    said = report_of(store(tmp_path, [line("ann", 0), line("ann", 9)])).plain["made_of"]
    assert (said["first_sale_on"], said["last_sale_on"]) == ("2018-01-01", "2018-01-10")
    assert (said["time_zone"], said["currency"]) == ("America/New_York", "USD")
    parts = ("lines_accepted", "lines_repaired", "lines_rejected", "lines_erased")
    assert said["lines_in"] == sum(said[name] for name in parts)


def test_a_report_does_not_hang_on_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything of a shop with odd lines: in one piece, and bucket by bucket with a few rows at a time."""
    rows = [{**row, "store_id": f"s{number % 3}"} for number, row in enumerate([*priced(1.05, 12), *crowd(4)])]
    rows += [line("ann", 20, 900.0, quantity=900.0), line("bob", 21, 800.0, quantity=800.0)]
    rows += [line(f"c{k}", 21, ordered_at="2018-01-22 00:00:00", product_id=None) for k in range(60)]
    rows += [line(None, 2, 60.0), line(None, 40, 6.0), line("cy", 3), line("cy", 5, -5.0, quantity=-1.0)]
    brought = source([("a.csv", canonical(rows[::2])), ("b.csv", canonical(rows[1::2]))])
    build_store(brought, tmp_path / "events", made(7))
    whole = report_of(tmp_path / "events")
    accounts = suspicious_accounts(tmp_path / "events", LIMITS)
    for name in ("reading", "beside", "prices"):
        monkeypatch.setattr(f"events.report.{name}.MOST_LINES", 50)
    monkeypatch.setattr("events.report.visits.MOST_DAYS", 10)
    monkeypatch.setattr("events.report.look.MOST_COUNTS", 5)
    parts = report_of(tmp_path / "events")
    assert parts.plain == whole.plain
    assert [replace(plot, svg="") for plot in parts.plots] == [replace(plot, svg="") for plot in whole.plots]
    assert len({finding["where"] for finding in whole.plain["findings"]}) > 6
    pd.testing.assert_frame_equal(suspicious_accounts(tmp_path / "events", LIMITS), accounts)
    assert not list(tmp_path.glob(".prices-*"))


def test_one_customer_alone_makes_no_interval_of_price_gaps(tmp_path: Path) -> None:
    """Ann becomes one of long standing within a week, in which she pays more after than before."""
    rows = [line("ann", day, amount) for day, amount in ((0, 9.0), (183, 9.0), (186, 10.0))]
    limits = LIMITS.model_copy(update={"long_standing_days": 185})
    found = data_report(store(tmp_path, rows), "USD", TASK, limits).plain["findings"]
    said = next(row for row in found if "Customers of long standing" in row["what"])
    assert said["severity"] == "note"
    assert "pay 11.11 % more than newer ones" in said["what"]
    assert "with 2 lines, no interval" in said["what"]
    assert said["remedy"] == "Too few customers for an interval: nothing to do."


def test_customers_who_never_meet_at_a_product_leave_prices_untold(tmp_path: Path) -> None:
    rows = [line("ann", 0), line("bob", 300), line("ann", 310, product_id="bread")]
    said = [row["what"] for row in report_of(store(tmp_path, rows)).plain["findings"]]
    why = "no product was bought in the same week and store by customers of long and of short standing"
    assert any(f"cannot be told: {why}" in text for text in said)


def test_orders_within_one_second_are_no_crowd_at_one_instant(tmp_path: Path) -> None:
    rows = [line("ann", day) for day in range(20)]
    rows += [line(f"c{k}", 21, ordered_at=f"2018-01-22 03:00:00.{k:06d}") for k in range(12)]
    where = {row["where"] for row in report_of(store(tmp_path, rows)).plain["findings"]}
    assert "purchases.ordered_at" not in where


def test_mended_lines_are_counted_under_their_repair(tmp_path: Path) -> None:
    rows = [line("ann", 0), line("ann", 3, order_id=None), line("bob", 5, order_id=None), line("bob", 9)]
    found = {row["where"]: row for row in report_of(store(tmp_path, rows)).plain["findings"]}
    mended = found["repair order_made"]
    assert (mended["severity"], mended["how_many"]) == ("note", 2)
    assert mended["what"].startswith("2 lines of 4 (50.0 %) mended: ")


def test_a_shop_with_every_table_misses_columns_alone(tmp_path: Path) -> None:
    side = {name: table.empty() for name, table in SIDE_TABLES.items()}
    found = report_of(store(tmp_path, [line("ann", 0), line("ann", 9)], side)).plain["findings"]
    said = [row["what"] for row in found if "not recorded" in row["what"]]
    assert len(said) == 1
    assert "columns not recorded" in said[0]
