"""Who pays, from what receipts declare: the payer named on the lines, and invoices asked for.

All purchases so far count, not the last half-year alone: who pays changes seldom, and a guest who comes twice a year
has a payer too. *Most* is more than half.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from contracts.portrait_facts import UNKNOWN
from portraits.known import aligned

MOST = 0.5
PAYING = ("self", "employer", "gift")
WORDS = {
    "self": "you paid for {of} of your {n} items yourself",
    "employer": "an employer paid for {of} of your {n} items",
    "gift": "{of} of your {n} items were gifts",
    "invoice": "you asked for an invoice on {of} of your {n} purchases",
}


def payers(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per customer of `lines`: `payer` and `payer_words`, how it shows.

    'employer' if most lines that name a payer name one, or if most receipts (of all) got an invoice; else whoever most
    of those lines name; 'mixed' if nobody has most; 'unknown' where neither says anything.
    """
    if not {"payer", "invoice_requested"} & set(lines.columns):
        customers = pd.Index(lines["customer_id"].unique(), name="customer_id")
        return pd.DataFrame({"payer": UNKNOWN, "payer_words": ""}, index=customers, dtype="str")
    named, invoices = _named(lines), _invoices(lines)
    n_named = named.sum(axis=1)
    most = named.gt(MOST * n_named, axis=0)
    has_invoices = invoices["of"] > MOST * invoices["n"]
    cases = [most["employer"], has_invoices, most["self"], most["gift"], n_named > 0]
    kinds = np.select(cases, ["employer", "invoice", "self", "gift", "mixed"], UNKNOWN)
    of = np.select(cases[:4], [named["employer"], invoices["of"], named["self"], named["gift"]], 0)
    n = np.where(kinds == "invoice", invoices["n"], n_named)
    words = [WORDS.get(kind, "").format(of=k, n=m) for kind, k, m in zip(kinds, of, n, strict=True)]
    found = {"payer": np.where(kinds == "invoice", "employer", kinds), "payer_words": words}
    return pd.DataFrame(found, index=named.index, dtype="str")


def _named(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per customer: how many of their lines name each payer."""
    who = lines["payer"] if "payer" in lines.columns else pd.Series(pd.NA, index=lines.index, dtype="str")
    by = lines["customer_id"]
    return pd.DataFrame({one: (who == one).fillna(False).groupby(by, observed=True).sum() for one in PAYING})


def _invoices(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per customer: on how many receipts (`of`) an invoice was asked for, of how many (`n`)."""
    asked = pd.Series(False, index=lines.index)
    if "invoice_requested" in lines.columns:
        asked = lines["invoice_requested"].astype("boolean").fillna(False).astype("bool")
    receipts = lines.groupby(["customer_id", "order_id"], observed=True).size().index.to_frame(index=False)
    with_one = lines.loc[asked, ["customer_id", "order_id"]].drop_duplicates()
    n = receipts.groupby("customer_id", observed=True).size()
    of = aligned(with_one.groupby("customer_id", observed=True).size(), n.index).fillna(0).astype("int64")
    return pd.DataFrame({"of": of, "n": n})
