"""An online gift shop that sells to other shops as well: lines, codes and habits as in UCI's Online Retail II.

Two years of invoices under that file's own column names, so that whatever is tried here can be tried on the published
rows: trade customers who order by the case about once a month, private ones who order now and then and most of all
before Christmas, invoices without any customer, cancellations (invoice numbers that begin with C) that do not say what
they cancel, and postage among the goods. Some customers leave for good on a day of their own.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from simulation.cases.case import Case, Row, clock

FIRST_DAY = date(2009, 12, 1)
N_DAYS = 739
COLUMNS = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
COLOURS = ("RED", "WHITE", "PINK", "VINTAGE")
THINGS = {"T-LIGHT HOLDER": 2.55, "METAL LANTERN": 3.39, "CAKE CASES": 0.55, "LUNCH BAG": 1.65, "PHOTO FRAME": 4.95}
THINGS |= {"CHRISTMAS LIGHTS": 6.95, "TEA TOWEL": 2.95, "DOOR MAT": 7.95, "COAT HANGER": 2.75, "PARTY BUNTING": 4.65}
POSTAGE = ("POST", "POSTAGE", 18.0)
TRADE_SHARE, LEAVING_SHARE, CANCELLING_SHARE, NAMELESS_SHARE = 0.4, 0.3, 0.05, 0.08
GAP_DAYS = {"trade": 28, "private": 75}
GAP_SHAPE = 6.0
LINES = {"trade": 9.0, "private": 4.0}
CASES = (6, 12, 24)
COUNTRIES, COUNTRY_SHARES = ("United Kingdom", "Germany", "France"), (0.9, 0.06, 0.04)
CHRISTMAS, CHRISTMAS_DAYS = 354, 70
"""Day of the year and days before it in which private customers order twice as often."""
SATURDAY = 4
"""The first day is a Tuesday; the shop sends nothing out on Saturdays."""


class Buyer(NamedTuple):
    """One customer: kind, and the days (from the first) of the first order and of leaving for good."""

    customer_id: int
    kind: str
    country: str
    first: int
    left: int


def gift_shop(n_customers: int = 500, seed: int = 1) -> Case:
    """The invoice lines of a gift shop over two years, one row a line; equal seeds give equal tables."""
    rng = np.random.default_rng([seed, 3])
    buyers = [_buyer(rng, k) for k in range(n_customers)]
    orders = [(day, buyer) for buyer in buyers for day in _days(rng, buyer)]
    orders.sort(key=lambda one: (one[0], one[1].customer_id))
    goods = _goods(rng)
    lines = [line for number, order in enumerate(orders) for line in _invoice(rng, goods, 489_434 + number, *order)]
    table = pd.DataFrame(lines, columns=COLUMNS)
    table["Customer ID"] = table["Customer ID"].astype("Int64")
    table = table.sort_values(["InvoiceDate", "Invoice"], kind="stable", ignore_index=True)
    return Case(table, truth=pd.DataFrame(buyers))


def _buyer(rng: np.random.Generator, number: int) -> Buyer:
    first = int(rng.integers(0, N_DAYS - 60))
    left = int(rng.integers(first + 8, N_DAYS)) if rng.random() < LEAVING_SHARE else N_DAYS
    kind = "trade" if rng.random() < TRADE_SHARE else "private"
    return Buyer(12_346 + number, kind, str(rng.choice(COUNTRIES, p=COUNTRY_SHARES)), first, left)


def _days(rng: np.random.Generator, buyer: Buyer) -> list[int]:
    """The days on which a customer orders: gamma gaps, halved for private customers before Christmas."""
    days, day = [], float(buyer.first)
    while day < buyer.left:
        days.append(int(day) + (int(day) % 7 == SATURDAY))
        ahead = CHRISTMAS - (FIRST_DAY.timetuple().tm_yday + day) % 365
        pace = 0.5 if buyer.kind == "private" and 0 < ahead < CHRISTMAS_DAYS else 1.0
        day += max(1.0, pace * float(rng.gamma(GAP_SHAPE, GAP_DAYS[buyer.kind] / GAP_SHAPE)))
    return [one for one in days if one < N_DAYS]


def _goods(rng: np.random.Generator) -> list[tuple[str, str, float]]:
    """What the shop sells: code, description, list price in pounds."""
    codes = rng.choice(np.arange(20_000, 90_000), size=len(COLOURS) * len(THINGS), replace=False)
    names = [(f"{colour} {thing}", price) for thing, price in THINGS.items() for colour in COLOURS]
    return [(str(code), name, price) for code, (name, price) in zip(codes, names, strict=True)]


def _invoice(
    rng: np.random.Generator, goods: list[tuple[str, str, float]], number: int, day: int, buyer: Buyer
) -> list[Row]:
    """One row a line of an invoice, and of the cancellation that some are followed by."""
    n_lines = min(1 + int(rng.poisson(LINES[buyer.kind])), len(goods))
    chosen = [goods[k] for k in rng.choice(len(goods), size=n_lines, replace=False)]
    at = clock(FIRST_DAY, day, int(rng.integers(8, 18)), int(rng.integers(0, 60)))
    who = None if rng.random() < NAMELESS_SHARE else buyer.customer_id
    rows = []
    for code, name, price in chosen:
        pieces = int(rng.choice(CASES)) if buyer.kind == "trade" else int(rng.integers(1, 5))
        paid = round(price * (0.85 if pieces == CASES[-1] else 1.0), 2)
        rows.append(dict(zip(COLUMNS, (str(number), code, name, pieces, at, paid, who, buyer.country), strict=True)))
    if buyer.country != COUNTRIES[0]:
        code, name, price = POSTAGE
        rows.append(dict(zip(COLUMNS, (str(number), code, name, 1, at, price, who, buyer.country), strict=True)))
    if rng.random() < CANCELLING_SHARE:
        later = clock(FIRST_DAY, min(day + int(rng.integers(1, 10)), N_DAYS - 1), 10)
        back = rows[0]
        rows.append({**back, "Invoice": f"C{number}", "Quantity": -back["Quantity"], "InvoiceDate": later})
    return rows
