"""The guard's rule 3b: a loyal customer is never worse off than a newer one.

Over all customers of the plan whom no experiment keeps out of it, 'none' included and control undone: mean benefit does
not fall from a tier to the next one present, over everyone by no more than rounding, in each cell of risk band ×
preferred channel by no more than the tolerance. What puts a complaint right is owed, and counts for nobody. Nor does
what a lot drew: lots favour no tier, and another rule keeps them within their share.

Cells: from the high band down, a band with fewer than `min_cell` customers joins the next lower one (the last joins the
one above). Within a band, channels with fewer form one cell; if that is too small as well, the whole band is one cell.
Without a score there is no band: such customers count over everyone alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pandas as pd

from contracts.params import Plan
from contracts.tables import TIERS
from offers.catalogue import NEVER_WITHHELD, Catalogue
from offers.guard.findings import Finding, broken, kept

Name = TypeVar("Name", bound=Hashable)
ROUNDING = 1e-6
READ = (
    "customer_id", "tier", "offer", "purpose", "state", "risk_band", "consented_channels", "asked_channel",
    "answered_channel", "no_marketing",
)  # fmt: skip
FROM_THE_TOP = ("high", "medium", "low")


def parity_findings(rows: pd.DataFrame, catalogue: Catalogue, limits: Plan) -> list[Finding]:
    """One finding for each fall of mean benefit that is too deep, or one that says there is none, by test."""
    table = rows.assign(
        price=_worth(rows, catalogue, ("price_worth",)),
        worth=_worth(rows, catalogue, ("price_worth", "other_worth")),
        cell=_cells(rows, catalogue, limits.min_cell),
    )
    table = table[["customer_id", "tier", "price", "worth", "cell"]]
    cells = [(str(name), part) for name, part in table[table["cell"] != ""].groupby("cell")]
    tolerance = limits.parity_tolerance
    prices = [f for name, part in cells for f in _falls("price parity in cells", name, part, tolerance, "price")]
    in_cells = [f for name, part in cells for f in _falls("parity in cells", name, part, tolerance)]
    over_all = _falls("parity over all", "all customers", table, 0.0)
    return [
        *(prices or [kept("price parity in cells")]),
        *(in_cells or [kept("parity in cells")]),
        *(over_all or [kept("parity over all")]),
    ]


def read_of(rows: pd.DataFrame) -> list[str]:
    """The columns of a plan's rows that parity is judged by."""
    return [name for name in READ if name in rows.columns]


def _worth(rows: pd.DataFrame, catalogue: Catalogue, fields: tuple[str, ...]) -> list[float]:
    """Of each row, what its offer is worth in expectation; what is owed, or came by lot, counts for nobody."""
    known = {
        offer.id: sum(part.redeem * getattr(part, field) for part in (offer, *offer.with_) for field in fields)
        for offer in catalogue.offers
        if offer.mechanic not in NEVER_WITHHELD
    }
    chosen = rows["purpose"] != "exploration"
    return [known.get(name, 0.0) if is_chosen else 0.0 for name, is_chosen in zip(rows["offer"], chosen, strict=True)]


def _falls(rule: str, place: str, part: pd.DataFrame, tolerance: float, of: str = "worth") -> list[Finding]:
    means = part.groupby("tier")[of].mean()
    present = [tier for tier in TIERS if tier in means.index]
    return [
        broken(
            rule,
            f"{place}: mean {'price ' if of == 'price' else ''}benefit falls from {means[low]:.4f} ({low}) to "
            f"{means[high]:.4f} ({high}), tolerance {tolerance:.4f}",
            part.loc[part["tier"] == high, "customer_id"],
        )
        for low, high in pairwise(present)
        if means[low] - means[high] > tolerance + ROUNDING
    ]


def _preferred(row: tuple[str, str, str, str], catalogue: Catalogue) -> str:
    """The permitted channel that a customer asked for, else answered, else the first in the shop's order."""
    state, consented, asked, answered = row
    open_to = [
        channel.id
        for channel in catalogue.channels
        if state in channel.states and (not channel.needs_consent or channel.id in consented.split(","))
    ]
    return next((name for name in (asked, answered, *open_to) if name in open_to), "none")


def _cells(rows: pd.DataFrame, catalogue: Catalogue, min_cell: int) -> pd.Series:
    refuses = rows["no_marketing"].fillna(False).astype(bool) if "no_marketing" in rows.columns else False
    band = rows["risk_band"].astype("object").fillna("").astype("str")
    told = rows[["state", "consented_channels", "asked_channel", "answered_channel"]].assign(refuses=refuses, band=band)
    # few kinds of customers occur: each is looked at once, with how many there are
    kind = told.groupby(list(told), sort=False, dropna=False).ngroup().to_numpy()
    kinds = told[~pd.Series(kind, index=told.index).duplicated()]
    n_of = [int(n) for n in np.bincount(kind)]
    joined = _joined_bands(_counted(kinds["band"], n_of), min_cell)
    keys = [
        (joined[b], "none" if no else _preferred((str(s), str(c), str(asked), str(answered)), catalogue))
        if b
        else ("", "")
        for s, c, asked, answered, no, b in kinds.itertuples(index=False)
    ]
    names = _cell_names(_counted(keys, n_of), min_cell)
    return pd.Series(pd.array([names[key] for key in keys], dtype="str").take(kind), index=rows.index)


def _counted(names: Iterable[Name], n_of: list[int]) -> Counter[Name]:
    found: Counter[Name] = Counter()
    for name, n in zip(names, n_of, strict=True):
        found[name] += n
    return found


def _joined_bands(sizes: Counter[str], min_cell: int) -> dict[str, str]:
    joined: list[list[str]] = [[]]
    for band in FROM_THE_TOP:
        if sizes[band] == 0:
            continue
        if joined[-1] and sum(sizes[b] for b in joined[-1]) >= min_cell:
            joined.append([])
        joined[-1].append(band)
    if len(joined) > 1 and sum(sizes[b] for b in joined[-1]) < min_cell:
        last = joined.pop()
        joined[-1] += last
    return {band: "+".join(bands) for bands in joined for band in bands}


def _cell_names(sizes: Counter[tuple[str, str]], min_cell: int) -> dict[tuple[str, str], str]:
    names = {}
    for band in {key[0] for key in sizes}:
        inside = {key: n for key, n in sizes.items() if key[0] == band}
        small = {key for key, n in inside.items() if n < min_cell}
        whole = small and sum(inside[key] for key in small) < min_cell
        for key in inside:
            names[key] = f"{band}: all" if whole else f"{band}: rest" if key in small else f"{band}: {key[1]}"
    return names | {("", ""): ""}
