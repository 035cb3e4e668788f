"""The guard's slices: mean benefit by tier, tenure and any audit attribute, and how far benefits follow from each.

Audit attributes (age, income, …) are kept apart; only the guard reads them, and nothing is decided by them here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.tables import TIERS
from contracts.windows import days_until
from offers.catalogue import NEVER_WITHHELD
from offers.setting import Setting

Plain = dict[str, Any]
Z95 = 1.959963984540054
TENURES = ("first half-year", "half-year to a year", "1 to 2 years", "longer")
TENURE_DAYS = (182, 365, 730)
N_PERMUTATIONS = 200
MOST_VALUES = 12
FEWEST_SHOWN = 10


def slices(plan: pd.DataFrame, portraits: pd.DataFrame, audit: pd.DataFrame, setting: Setting) -> list[Plain]:
    """One record a slice and value: customers, mean benefit and mean price benefit with 95 % intervals, currency.

    What puts a complaint right is owed, and counts for nobody.

    Values of fewer than ten customers are pooled as 'others': a slice of one would tell of a person.
    """
    own = plan[["customer_id", "mechanic", "benefit", "price_benefit"]]
    rows = own.merge(portraits[["customer_id", "tier", "first_purchase_on"]], on="customer_id")
    owed = rows["mechanic"].isin(NEVER_WITHHELD)
    rows = rows.assign(**{name: rows[name].where(~owed, 0.0) for name in ("benefit", "price_benefit")})
    found = _by("tier", rows["tier"], rows, TIERS)
    found += _by("tenure", _tenure(rows, setting), rows, TENURES)
    for name, values in attributes(rows, audit).items():
        found += _by(name, values, rows, sorted(set(values)))
    return found


def proxies(plan: pd.DataFrame, audit: pd.DataFrame, seed: int) -> list[Plain]:
    """One record an audit attribute and benefit: the share of variance between its values, against chance.

    `of` says of which benefit, the whole or its price part. `expected_by_chance` is the 95 % quantile of that share
    with the attribute shuffled; a share above it says that benefits can be predicted from the attribute, by whatever
    way (a proxy), and wants looking into.
    """
    draw = np.random.default_rng(seed)
    found = []
    for name, values in attributes(plan, audit).items():
        known = values != UNKNOWN
        codes = pd.factorize(values[known])[0]
        for of in ("benefit", "price_benefit"):
            amounts = plan.loc[known, of].to_numpy(dtype=float)
            share = variance_between(amounts, codes)
            shuffled = [variance_between(amounts, draw.permutation(codes)) for _ in range(N_PERMUTATIONS)]
            chance = float(np.quantile(shuffled, 0.95))
            numbers = {"share_of_variance": share, "expected_by_chance": chance, "is_predictable": share > chance}
            found.append({"attribute": name, "of": of.replace("_", " "), "n_customers": int(known.sum()), **numbers})
    return found


UNKNOWN = "not known"


def attributes(rows: pd.DataFrame, audit: pd.DataFrame) -> dict[str, pd.Series]:
    """Each audit attribute as a text for every row; numbers of many values as quarters of the customers.

    Values of fewer than ten customers are pooled as 'others', and not told where these are fewer than ten as well.
    """
    found = {}
    for name in audit.columns.drop("customer_id"):
        values = rows["customer_id"].map(audit.drop_duplicates("customer_id").set_index("customer_id")[name])
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST_VALUES:
            values = pd.qcut(values, 4, duplicates="drop").astype("str").where(values.notna())
        text = values.astype("object").fillna(UNKNOWN).astype("str")
        pooled = text.mask((text.map(text.value_counts()) < FEWEST_SHOWN) & (text != UNKNOWN), "others")
        found[str(name)] = pooled.mask(pooled.map(pooled.value_counts()) < FEWEST_SHOWN, UNKNOWN)
    return found


def variance_between(amounts: npt.NDArray[np.float64], codes: npt.NDArray[np.int64]) -> float:
    """Share of the variance that lies between the groups (eta squared), 0 where nothing varies.

    >>> variance_between(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))
    1.0
    """
    total = float(((amounts - amounts.mean()) ** 2).sum()) if len(amounts) else 0.0
    if not total:
        return 0.0
    size = np.bincount(codes)
    means = np.bincount(codes, weights=amounts) / np.maximum(size, 1)
    return float((size * (means - amounts.mean()) ** 2).sum() / total)


def _tenure(rows: pd.DataFrame, setting: Setting) -> pd.Series:
    days = days_until(rows["first_purchase_on"], setting.cutoff)
    return pd.Series(np.array(TENURES)[np.digitize(days, TENURE_DAYS)], index=rows.index)


def _by(name: str, values: pd.Series, rows: pd.DataFrame, order: tuple[str, ...] | list[str]) -> list[Plain]:
    found = []
    for value in order:
        part = rows[values == value]
        if len(part):
            record = {"slice": name, "value": str(value), "n_customers": len(part)}
            found.append(record | _mean(part["benefit"], "benefit") | _mean(part["price_benefit"], "price_benefit"))
    return found


def _mean(amounts: pd.Series, name: str) -> Plain:
    mean = float(amounts.mean())
    spread = Z95 * float(amounts.std(ddof=1)) / np.sqrt(len(amounts)) if len(amounts) > 1 else 0.0
    return {name: mean, f"{name}_low": mean - spread, f"{name}_high": mean + spread}
