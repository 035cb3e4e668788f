"""Shadow prices in words: what one more of each limit would bring, and what a minimum or fairness costs."""

from __future__ import annotations

from collections.abc import Sequence

from offers.optimiser.choice import Choice
from offers.optimiser.problem import Row

LEAST_PRICE = 0.005
"""Below half a cent nothing is said to be worth anything."""
SMALL_STEP = 0.01
"""Fairness is priced by the cent of mean benefit: by the unit its price would run to thousands."""


def in_words(choice: Choice, rows: Sequence[Row], currency: str) -> list[str]:
    """One sentence a row, dearest first; rows without a price are said to have room left."""
    ordered = sorted(rows, key=lambda row: -abs(_price(choice, row)))
    return [price_sentence(row, choice.prices[row.name], currency) for row in ordered]


def _price(choice: Choice, row: Row) -> float:
    return choice.prices[row.name] * (SMALL_STEP if row.is_fairness else 1.0)


def price_sentence(row: Row, price: float, currency: str) -> str:
    """One row's price as a sentence.

    >>> from offers.optimiser.problem import Row
    >>> price_sentence(Row("capacity of call", "the number of calls", "one more call", most=5), 3.1, "USD")
    'the number of calls: one more call is worth 3.10 USD'
    >>> price_sentence(Row("capacity", "the number of contacts", "one more contact", most=5), 0.0, "USD")
    'the number of contacts: room left'
    """
    if row.is_fairness:
        price *= SMALL_STEP
        step = f"{SMALL_STEP:g} {currency} of mean benefit more tolerance"
        return f"{row.words}: {step} is worth {price:.2f} {currency}" if price >= LEAST_PRICE else _free(row)
    if abs(price) < LEAST_PRICE:
        return _free(row)
    if price < 0:
        return f"{row.words}: the minimum costs {-price:.2f} {currency} for the last of it"
    if row.per_cost is not None:
        return f"{row.words}: {row.unit} brings {price:.2f} {currency}"
    return f"{row.words}: {row.unit} is worth {price:.2f} {currency}"


def _free(row: Row) -> str:
    return f"{row.words}: room left"
