"""What the lines tell of the shop: orders that undo others, products that are no goods, place and currency."""

from __future__ import annotations

import re

import pandas as pd

from events.proposals.proposal import Proposal, Question
from events.raw.parsing import text_column
from events.raw.parsing_numbers import numbers
from events.side_tables import plain_name

READABLE = 0.9
COUNTRY = ("country", "land", "pays", "country_code")
CHARGES = (
    r"\b(?:postage|carriage|shipping|delivery charge|bank charges?|fees?|commission|manual|adjust(?:ment)?s?|"
    r"discount|samples?|bad debt|cruk|versand(?:kosten)?|porto|gebühr|frais de port|test)\b"
)
CHARGE_CODES = r"^(?:POST|DOT|M|m|D|S|B|C2|PADS_FEE|BANK CHARGES|AMAZONFEE|ADJUST\d?|CRUK|TEST\d*)$"
PLACES = {
    "united kingdom": ("Europe/London", "GBP"),
    "uk": ("Europe/London", "GBP"),
    "gb": ("Europe/London", "GBP"),
    "germany": ("Europe/Berlin", "EUR"),
    "de": ("Europe/Berlin", "EUR"),
    "deutschland": ("Europe/Berlin", "EUR"),
    "france": ("Europe/Paris", "EUR"),
    "austria": ("Europe/Vienna", "EUR"),
    "switzerland": ("Europe/Zurich", "CHF"),
    "italy": ("Europe/Rome", "EUR"),
    "netherlands": ("Europe/Amsterdam", "EUR"),
    "ireland": ("Europe/Dublin", "EUR"),
    "china": ("Asia/Shanghai", "CNY"),
    "japan": ("Asia/Tokyo", "JPY"),
    "poland": ("Europe/Warsaw", "PLN"),
    "sweden": ("Europe/Stockholm", "SEK"),
    "india": ("Asia/Kolkata", "INR"),
}
SIGNS = {"€": "EUR", "£": "GBP", "¥": "JPY", "$": "USD"}
SHARED_SIGNS = ("$", "¥")


NO_LINES = r"\b(?:order )?total\b|shipping|freight|tax|tip\b|deposit|summe|versand|pfand|trinkgeld"
MOST_KINDS = 20


def kinds_of_rows(rows: pd.DataFrame, titles: list[str], made: Proposal) -> None:
    """Ask about columns that are not read, yet tell totals, taxes or shipping from lines of goods."""
    for title in titles:
        values = text_column(rows[title], rows.index)
        kinds = values.value_counts()
        odd = [str(kind) for kind in kinds.index if re.search(NO_LINES, str(kind), re.IGNORECASE)]
        if odd and len(kinds) <= MOST_KINDS:
            n = int(values.isin(odd).sum())
            what = (
                f"are rows whose '{title}' is {' or '.join(odd)} lines of goods ({n:,} of {len(rows):,} in the sample)?"
            )
            made.keep_rows[title] = sorted(str(kind) for kind in kinds.index if str(kind) not in odd)
            made.questions.append(Question(what, "no: they are left out", "ingest.format.keep_rows"))


def cancelled(rows: pd.DataFrame, made: Proposal) -> None:
    """A letter that begins the orders of undoings and no others."""
    if not {"order_id", "quantity"} <= set(made.columns):
        return
    quantity, _ = numbers(rows[made.columns["quantity"]], made.format())
    first = text_column(rows[made.columns["order_id"]], rows.index).str.extract(r"^([A-Za-z]+)[-\d]", expand=False)
    counts = pd.DataFrame({"first": first, "is_undoing": quantity < 0}).dropna().groupby("first")["is_undoing"]
    for (prefix, share), n in zip(counts.mean().items(), counts.size().tolist(), strict=True):
        if share >= READABLE and n >= 5:
            made.cancelled_order_prefix = str(prefix)
            made.found.append(
                f"orders that begin with '{prefix}' undo others: {n:,} lines, {share:.0%} of quantity below 0"
            )


def charges(rows: pd.DataFrame, made: Proposal) -> None:
    """Products that are named like a charge, an adjustment or postage, by code or description."""
    if "product_id" not in made.columns:
        return
    codes = text_column(rows[made.columns["product_id"]], rows.index)
    names = codes if "product_name" not in made.columns else text_column(rows[made.columns["product_name"]], rows.index)
    made.non_goods, others = charge_codes(codes, names)
    if made.non_goods:
        made.found.append(f"no goods: {', '.join(made.non_goods)}")
    if others:
        what = f"are these product codes goods? {', '.join(others[:12])}"
        made.questions.append(Question(what, "goods", "ingest.rules.non_goods"))


def charge_codes(codes: pd.Series, names: pd.Series) -> tuple[list[str], list[str]]:
    """Codes that are no goods, and codes that are odd, yet not named like a charge.

    Only where nearly every product has a number for a code can letters alone tell a charge.
    """
    digits = codes.str.contains(r"\d{3}", na=False)
    if not len(codes) or digits.mean() < READABLE:
        return [], []
    odd = ~digits & codes.notna()
    named = names.str.contains(CHARGES, case=False, regex=True, na=False) | codes.str.contains(CHARGE_CODES, na=False)
    return sorted(set(codes[odd & named])), sorted(set(codes[odd]) - set(codes[odd & named]))


def place(rows: pd.DataFrame, made: Proposal) -> None:
    """Currency and time zone, as far as a currency column, a sign or a column of countries tells."""
    title = made.columns.get("currency")
    if title:
        named = text_column(rows[title], rows.index).str.upper().value_counts()
        if len(named):
            made.currency = str(named.index[0])
            made.found.append(f"currency: {made.currency} on {named.iloc[0]:,} of {named.sum():,} lines")
    paid = rows[made.columns.get("amount") or made.columns["unit_price"]]
    for sign, code in SIGNS.items():
        is_signed = paid.dtype == "str" and paid.str.contains(sign, regex=False).any()
        if made.currency is None and (is_signed or sign in str(paid.name)):
            made.currency = code
            made.found.append(f"currency: {code}, by the sign {sign}")
            if sign in SHARED_SIGNS:
                made.questions.append(
                    Question(
                        f"the sign {sign} stands for several currencies: which one?",
                        code,
                        "store.currency (--currency)",
                    )
                )
    for column in rows.columns:
        if plain_name(str(column)) in COUNTRY:
            _by_country(text_column(rows[column], rows.index).str.lower(), str(column), made)


def _by_country(countries: pd.Series, title: str, made: Proposal) -> None:
    counts = countries.value_counts(normalize=True)
    if not len(counts) or counts.iloc[0] < 0.5 or str(counts.index[0]) not in PLACES:
        return
    zone, currency = PLACES[str(counts.index[0])]
    made.time_zone = zone
    made.currency = made.currency or currency
    what = f"'{title}' says {counts.index[0]} on {counts.iloc[0]:.0%} of lines"
    made.questions.append(
        Question(f"in which time zone and currency are times and amounts? {what}", f"{zone}, {made.currency}", "store")
    )
