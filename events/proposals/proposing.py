"""A proposal for `ingest.format` from the files themselves: which column is what, and how cells are written.

Whatever the files leave open is a question, with the answer that was assumed, and why; nothing is guessed silently.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pandas as pd

from contracts.errors import SourceError
from events.proposals.column_names import WORDS, matches
from events.proposals.proposal import Proposal, Question
from events.proposals.proposing_forms import ORDERS, cents, dates_written, numbers_written
from events.proposals.proposing_shop import cancelled, charges, kinds_of_rows, place
from events.raw.headers import DAMAGE, SOURCE_LINE
from events.raw.parsing import flag_column, text_column
from events.raw.parsing_numbers import numbers
from events.raw.parsing_times import clocks
from events.raw.parts import Part

SAMPLE_ROWS = 100_000
READABLE = 0.9
FLAGS = ("invoice_requested", "payer_recognised")
ROWS_AN_ORDER = 200
MONEY = ("amount", "unit_price", "discount", "coupon_discount", "quantity", "units")


def sample_of(parts: Sequence[Part], n_rows: int = SAMPLE_ROWS) -> pd.DataFrame:
    """The first rows of every file, in equal shares; columns of all files, damaged lines left out.

    Raises:
        SourceError: no file has a row.
    """
    share = max(n_rows // max(len(parts), 1), 200)
    frames = [chunk.head(share) for part in parts for chunk in itertools.islice(part.chunks(), 1)]
    rows = pd.concat(frames, ignore_index=True)
    rows = rows[rows[DAMAGE] == ""].drop(columns=[SOURCE_LINE, DAMAGE]).reset_index(drop=True)
    if rows.empty:
        raise SourceError("expected purchase lines below the column names, found none; give files with rows")
    return rows


def propose(rows: pd.DataFrame, columns: dict[str, str] | None = None) -> Proposal:
    """A proposal from a sample of rows with the source's own columns; `columns` are those that a person has named.

    Raises:
        SourceError: customer, instant or amount cannot be found among the columns.
    """
    made = Proposal(columns=dict(columns or {}))
    numbers_written(rows, made)
    _columns(rows, made)
    dates_written(rows, made)
    cents(rows, made)
    cancelled(rows, made)
    charges(rows, made)
    place(rows, made)
    return made


def _is_number(rows: pd.DataFrame, title: str, made: Proposal) -> bool:
    how = made.format()
    given = text_column(rows[title], rows.index).notna()
    _, bad = numbers(rows[title], how)
    return bool(given.any()) and float((bad & given.to_numpy()).sum()) <= (1 - READABLE) * given.sum()


def _is_date(rows: pd.DataFrame, title: str) -> bool:
    given = text_column(rows[title], rows.index).notna()
    best = min(int(clocks(rows[title], order).is_unreadable.sum()) for order in ORDERS)
    return bool(given.any()) and best <= (1 - READABLE) * int(given.sum())


def _fits(rows: pd.DataFrame, name: str, title: str, made: Proposal) -> bool:
    """Whether the cells can be what the column's name says."""
    if name in {"ordered_at", "ordered_on", "known_at"}:
        return _is_date(rows, title)
    if name in MONEY:
        return _is_number(rows, title, made)
    if name in FLAGS:
        return bool(flag_column(rows[title], rows.index).notna().mean() > READABLE)
    if name == "order_id":
        return rows[title].nunique() >= max(3, len(rows) // ROWS_AN_ORDER)
    return bool(rows[title].notna().any())


INSTEAD = {"ordered_at": "ordered_on", "ordered_on": "ordered_at", "amount": "unit_price", "unit_price": "amount"}
"""What need not be looked for, and would replace it, where a person has named the other."""


def _columns(rows: pd.DataFrame, made: Proposal) -> None:
    taken, named_by_hand = set(made.columns.values()), set(made.columns)
    for name in WORDS:
        if name in made.columns or INSTEAD.get(name) in named_by_hand:
            continue
        if name == "ordered_on" and "ordered_at" in made.columns:
            continue
        scored = [(matches(str(title), name), str(title)) for title in rows.columns if str(title) not in taken]
        fitting = sorted((-score, title) for score, title in scored if score and _fits(rows, name, title, made))
        if not fitting:
            continue
        made.columns[name] = fitting[0][1]
        taken.add(fitting[0][1])
        if len(fitting) > 1:
            others = ", ".join(f"'{title}'" for _, title in fitting[1:4])
            what = f"which column is {name}: '{fitting[0][1]}' or {others}?"
            made.questions.append(Question(what, f"'{fitting[0][1]}'", "ingest.format.columns"))
    _dates_and_times(made)
    _amount(made)
    _refuse_unfound(rows, made)
    named = ", ".join(f"{name} = '{title}'" for name, title in made.columns.items())
    made.found.append(f"columns: {named}")
    left = [str(title) for title in rows.columns if str(title) not in set(made.columns.values())]
    kinds_of_rows(rows, left, made)
    if left:
        made.found.append(f"columns that are not read: {', '.join(left[:12])}")


def _amount(made: Proposal) -> None:
    """What was paid for the line: a column of its own, or price times quantity."""
    if "amount" in made.columns:
        made.columns.pop("unit_price", None)
    elif "unit_price" in made.columns and "quantity" in made.columns:
        made.questions.append(
            Question(
                f"is '{made.columns['unit_price']}' the price of one unit, or of the whole line?",
                "of one unit: amount = quantity × price",
                "ingest.format.columns (amount instead of unit_price)",
            )
        )
    elif "unit_price" in made.columns:
        made.columns["amount"] = made.columns.pop("unit_price")


def _dates_and_times(made: Proposal) -> None:
    """A column of dates beside one of times stands for the instant."""
    if "ordered_time" not in made.columns:
        return
    if "ordered_at" in made.columns:
        made.columns["ordered_on"] = made.columns.pop("ordered_at")
    elif "ordered_on" not in made.columns:
        made.columns.pop("ordered_time")


def _refuse_unfound(rows: pd.DataFrame, made: Proposal) -> None:
    """Name everything that is missing at once, with the command that mends it."""
    missing = [
        (what, either[0])
        for what, either in (
            ("the customer", ("customer_id",)),
            ("the date of purchase", ("ordered_at", "ordered_on")),
            ("the amount paid", ("amount", "unit_price")),
        )
        if not set(either) & set(made.columns)
    ]
    if missing:
        titles = ", ".join(f"'{title}'" for title in rows.columns[:20])
        options = " ".join(f"--column {name}=YOUR_COLUMN" for _, name in missing)
        raise SourceError(
            f"expected a column for {' and for '.join(what for what, _ in missing)}, found none among {titles}; "
            f"name it with {options}"
        )
