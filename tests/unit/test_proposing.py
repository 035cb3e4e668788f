"""What `regulars init` reads out of files: expected answers written by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from contracts.errors import SourceError
from events.proposals.proposal import Proposal
from events.proposals.proposing import propose, sample_of
from events.raw.parts import find_parts


def proposed(tmp_path: Path, text: str, **columns: str) -> Proposal:
    (tmp_path / "sales.csv").write_text(text, encoding="utf-8")
    return propose(sample_of(find_parts(tmp_path)), columns)


def table(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


def asked(made: Proposal) -> str:
    return " ".join(question.what for question in made.questions)


def test_german_semicolons_and_commas(tmp_path: Path) -> None:
    rows = [f"K{n};{day:02d}.03.2024;{n},50" for n, day in enumerate(range(1, 29), start=1)]
    made = proposed(tmp_path, table("Kundennummer;Datum;Betrag", *rows))
    assert made.columns == {"customer_id": "Kundennummer", "ordered_at": "Datum", "amount": "Betrag"}
    assert (made.date_order, made.decimal) == ("dmy", ",")
    assert made.currency is None


def test_american_dates_are_told_by_days_above_twelve(tmp_path: Path) -> None:
    rows = [f"c1,3/{day}/2024,5.00" for day in range(1, 29)]
    assert proposed(tmp_path, table("customer,date,amount", *rows)).date_order == "mdy"


def test_dates_that_both_orders_read_are_asked_about(tmp_path: Path) -> None:
    rows = [f"c1,0{day}/0{month}/2024,5.00" for month in range(1, 6) for day in range(1, 6)]
    made = proposed(tmp_path, table("customer,date,amount", *rows))
    assert made.date_order == "dmy"  # the order in which the file's rows rise in time
    assert "day first or month first" in asked(made)


def test_a_mark_that_may_be_decimal_or_thousands_is_asked_about(tmp_path: Path) -> None:
    rows = [f'c1,2024-03-{day:02d},"1,{day:03d}"' for day in range(1, 29)]
    made = proposed(tmp_path, table("customer,date,amount", *rows))
    assert "between thousands" in asked(made)


def test_whole_large_amounts_are_asked_about(tmp_path: Path) -> None:
    rows = [f"c1,2024-03-{day:02d},{1250 + day}" for day in range(1, 29)]
    assert "in cents" in asked(proposed(tmp_path, table("customer,date,amount", *rows)))


def test_price_and_quantity_make_the_amount_and_the_letter_that_undoes_is_found(tmp_path: Path) -> None:
    rows = [
        f"{'C' if n % 5 == 0 else ''}10{n},c{n},2024-03-{n:02d},{-1 if n % 5 == 0 else 1},2.50,8512{n}"
        for n in range(1, 29)
    ]
    rows += ["200,c1,2024-04-01,1,5.00,POST"]
    made = proposed(tmp_path, table("Invoice,Customer ID,InvoiceDate,Quantity,Price,StockCode", *rows))
    assert made.columns["unit_price"] == "Price"
    assert "amount" not in made.columns
    assert made.cancelled_order_prefix == "C"
    assert made.non_goods == ["POST"]
    assert "price of one unit" in asked(made)


def test_two_candidates_for_one_column_are_asked_about(tmp_path: Path) -> None:
    rows = [f"c{n},2024-03-{n:02d},5.00,6.00" for n in range(1, 29)]
    made = proposed(tmp_path, table("customer_id,date,amount,total", *rows))
    assert made.columns["amount"] == "amount"
    assert "'amount' or 'total'" in asked(made)


def test_a_named_column_is_taken_as_it_is(tmp_path: Path) -> None:
    rows = [f"c{n},2024-03-{n:02d},5.00" for n in range(1, 29)]
    made = proposed(tmp_path, table("wer,wann,wieviel", *rows), customer_id="wer", ordered_at="wann", amount="wieviel")
    assert made.columns == {"customer_id": "wer", "ordered_at": "wann", "amount": "wieviel"}


def test_what_a_person_has_named_is_not_replaced_by_what_looks_better(tmp_path: Path) -> None:
    rows = [f"c{n},2024-03-{n:02d},2024-03-{n:02d},5.00,1,4.00" for n in range(1, 29)]
    sales = table("customer,booked,date,total,quantity,price", *rows)
    made = proposed(tmp_path, sales, ordered_on="booked", unit_price="price")
    assert (made.columns["ordered_on"], made.columns["unit_price"]) == ("booked", "price")
    assert not {"ordered_at", "amount"} & set(made.columns)


@pytest.mark.parametrize(
    ("header", "words"),
    [("who,date,amount", "the customer"), ("customer,when,amount", "the date"), ("customer,date,x", "the amount")],
)
def test_what_cannot_be_found_is_one_clear_line(tmp_path: Path, header: str, words: str) -> None:
    rows = [f"c{n},2024-03-{n:02d},5.00" for n in range(1, 29)]
    with pytest.raises(SourceError, match=f"expected a column for {words}.*--column"):
        proposed(tmp_path, table(header, *rows))


def test_a_country_gives_zone_and_currency_as_a_question(tmp_path: Path) -> None:
    rows = [f"c{n},2024-03-{n:02d},5.00,United Kingdom" for n in range(1, 29)]
    made = proposed(tmp_path, table("customer,date,amount,Country", *rows))
    assert (made.time_zone, made.currency) == ("Europe/London", "GBP")
    assert "time zone" in asked(made)


def test_files_without_rows_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="found none"):
        proposed(tmp_path, "customer,date,amount\n")


def test_a_sample_takes_rows_of_every_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(table("customer,date,amount", *[f"{name},2024-03-01,5.00"] * 300))
    rows: pd.DataFrame = sample_of(find_parts(tmp_path), 400)
    assert rows["customer"].value_counts().to_dict() == {"a": 200, "b": 200}


def days_of_march(cells: str) -> list[str]:
    """A row a day with the day in place of {day} and of {n}."""
    return [cells.format(day=f"2024-03-{n:02d}", n=n) for n in range(1, 29)]


def test_days_and_times_in_columns_of_their_own_make_the_instant_together(tmp_path: Path) -> None:
    made = proposed(tmp_path, table("customer,date,time,amount", *days_of_march("c{n},{day},10:05,5.00")))
    assert {"ordered_on": "date", "ordered_time": "time"}.items() <= made.columns.items()
    assert "ordered_at" not in made.columns
    named = proposed(
        tmp_path, table("customer,wann,time,amount", *days_of_march("c{n},{day},9:30,5.00")), ordered_on="wann"
    )
    assert {"ordered_on": "wann", "ordered_time": "time"}.items() <= named.columns.items()


def test_times_without_days_are_no_instant(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a column for the date of purchase, found none among 'customer', 'time'"):
        proposed(tmp_path, table("customer,time,amount", *days_of_march("c{n},10:05,5.00")))


def test_a_price_without_quantities_is_what_was_paid(tmp_path: Path) -> None:
    made = proposed(tmp_path, table("customer,date,price", *days_of_march("c{n},{day},5.00")))
    assert made.columns == {"customer_id": "customer", "ordered_at": "date", "amount": "price"}
    assert "price of one unit" not in asked(made)


def test_rows_of_totals_and_shipping_are_left_out_and_asked_about(tmp_path: Path) -> None:
    rows = [*days_of_march("c{n},{day},5.00,sale"), "c1,2024-03-01,4.90,Shipping", "c1,2024-03-01,9.90,Order total"]
    made = proposed(tmp_path, table("customer,date,amount,what", *rows))
    assert made.keep_rows == {"what": ["sale"]}
    said = asked(made)
    assert "are rows whose 'what' is Shipping or Order total lines of goods (2 of 30 in the sample)?" in said


def test_a_column_of_free_texts_tells_no_kinds_of_rows(tmp_path: Path) -> None:
    rows = days_of_march("c{n},{day},5.00,shipping box {n}")
    made = proposed(tmp_path, table("customer,date,amount,note", *rows))
    assert made.keep_rows == {}
    assert "lines of goods" not in asked(made)


def test_a_code_of_letters_that_is_not_named_like_a_charge_is_asked_about_and_stays_goods(tmp_path: Path) -> None:
    rows = [*days_of_march("c{n},{day},5.00,8512{n}"), "c1,2024-03-01,5.00,GIFT"]
    made = proposed(tmp_path, table("customer,date,amount,sku", *rows))
    assert made.non_goods == []
    assert "are these product codes goods? GIFT" in asked(made)


@pytest.mark.parametrize(("sign", "currency"), [("$", "USD"), ("¥", "JPY")])
def test_a_sign_of_several_currencies_is_asked_about(tmp_path: Path, sign: str, currency: str) -> None:
    made = proposed(tmp_path, table("customer,date,amount", *days_of_march(f"c{{n}},{{day}},{sign}5.00")))
    assert made.currency == currency
    assert f"the sign {sign} stands for several currencies: which one?" in asked(made)
    euros = proposed(tmp_path, table("customer,date,amount", *days_of_march("c{n},{day},€5.00")))
    assert euros.currency == "EUR"
    assert "several currencies" not in asked(euros)


def test_a_currency_is_read_from_its_column_and_from_an_empty_one_none(tmp_path: Path) -> None:
    header = "customer,date,amount,currency"
    rows = [*days_of_march("c{n},{day},5.00,eur"), "c1,2024-03-01,5.00,chf"]
    assert proposed(tmp_path, table(header, *rows)).currency == "EUR"
    assert proposed(tmp_path, table(header, *days_of_march("c{n},{day},5.00,")), currency="currency").currency is None


def test_a_country_that_is_not_listed_leaves_zone_and_currency_open(tmp_path: Path) -> None:
    made = proposed(tmp_path, table("customer,date,amount,Country", *days_of_march("c{n},{day},5.00,Atlantis")))
    assert (made.time_zone, made.currency) == (None, None)
    assert "time zone" not in asked(made)


def test_a_name_written_without_underscores_is_known_all_the_same(tmp_path: Path) -> None:
    made = proposed(tmp_path, table("KUNDENID,date,SalesValue", *days_of_march("c{n},{day},5.00")))
    assert made.columns == {"customer_id": "KUNDENID", "ordered_at": "date", "amount": "SalesValue"}
