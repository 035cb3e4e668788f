"""How dates and numbers are written, told from the cells themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from contracts.params import Format
from events.proposals.column_names import matches
from events.proposals.proposal import Proposal, Question
from events.raw.parsing_numbers import numbers
from events.raw.parsing_times import clocks

ORDERS = ("ymd", "dmy", "mdy")
CENTS_FROM = 400.0
MONEY = ("amount", "unit_price", "quantity", "discount")


def numbers_written(rows: pd.DataFrame, made: Proposal) -> None:
    """The decimal mark and the mark of thousands that read the most number-like cells."""
    titles = [
        title
        for title in rows.columns
        if rows[title].dtype == "str"
        and (title in {made.columns.get(name) for name in MONEY} or any(matches(str(title), name) for name in MONEY))
    ]
    titles = [title for title in titles if rows[title].str.contains(r"\d", na=False).mean() >= 0.5]
    if not titles:
        return
    cells = pd.concat([rows[title] for title in titles], ignore_index=True)
    forms = [(".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", " "), (".", "'")]
    unread = {form: int(_unread(cells, form).sum()) for form in forms}
    best = min(forms, key=lambda form: (unread[form], forms.index(form)))
    made.decimal, made.thousands = best
    shown = "none" if not best[1] else f"'{best[1]}'"
    made.found.append(
        f"numbers: decimals after '{best[0]}', thousands mark {shown}; {unread[best]:,} of {len(cells):,} unread"
    )
    rivals = [form for form in forms if unread[form] == unread[best] and _differs(cells, form, best)]
    if rivals:
        made.questions.append(
            Question(
                f"does '{rivals[0][0]}' stand before decimals (1{rivals[0][0]}250 as 1.25) or between thousands?",
                f"decimals after '{best[0]}', thousands mark {shown}",
                "ingest.format.decimal, ingest.format.thousands",
            )
        )


def _how(form: tuple[str, str]) -> Format:
    return Proposal(decimal=form[0], thousands=form[1]).format()


def _unread(cells: pd.Series, form: tuple[str, str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    _, bad = numbers(cells, _how(form))
    return np.asarray(bad)


def _differs(cells: pd.Series, form: tuple[str, str], other: tuple[str, str]) -> bool:
    left, right = numbers(cells, _how(form))[0], numbers(cells, _how(other))[0]
    return not np.array_equal(left, right, equal_nan=True)


def dates_written(rows: pd.DataFrame, made: Proposal) -> None:
    """Day, month, year in which order: the one that reads all; of several, the one in which the file's rows rise."""
    title = made.columns.get("ordered_at") or made.columns["ordered_on"]
    read = {order: clocks(rows[title], order) for order in ORDERS}
    unread = {order: int(read[order].is_unreadable.sum()) for order in ORDERS}
    fewest = min(unread.values())
    rivals = [order for order in ORDERS if unread[order] == fewest]
    walls = {order: pd.Series(read[order].wall) for order in rivals}
    same = all(walls[order].equals(walls[rivals[0]]) for order in rivals)
    rising = {order: float((walls[order].dropna().diff().dropna() >= pd.Timedelta(0)).mean()) for order in rivals}
    made.date_order = rivals[0] if same else max(rivals, key=lambda order: (rising[order], order == "dmy"))
    made.found.append(f"dates: order {made.date_order}; {unread[made.date_order]:,} of {len(rows):,} unread")
    if not same and len(rivals) > 1:
        others = ", ".join(f"{order} ({rising[order]:.0%} of rows in order of time)" for order in rivals)
        made.questions.append(
            Question(
                f"are dates in '{title}' written day first or month first? Both can be read: {others}",
                made.date_order,
                "ingest.format.date_order",
            )
        )


def cents(rows: pd.DataFrame, made: Proposal) -> None:
    """Ask about amounts that look like cents: all whole, and large."""
    title = made.columns.get("amount") or made.columns["unit_price"]
    values, _ = numbers(rows[title], made.format())
    paid = values[np.isfinite(values) & (values > 0)]
    if len(paid) and (paid == np.rint(paid)).all() and np.median(paid) >= CENTS_FROM:
        made.questions.append(
            Question(
                f"are amounts in '{title}' in cents? All are whole, half are above {np.median(paid):,.0f}",
                "whole units of the currency",
                "ingest.format.amounts_in",
            )
        )
