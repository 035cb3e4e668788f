"""What comes before lapses, as association: lapse rates with and without a circumstance, among customers alike.

Alike are those whose silence, in their own usual gaps, is in the same fifth and whose gap is in the same third, so that
'bought long ago' and 'comes seldom' cannot pass for a product. Rates are averaged over these strata with Mantel and
Haenszel's weights (1959; risk differences: Greenland and Robins 1985), their intervals are clustered by customer, and
q-values hold the share of false findings over all circumstances (Benjamini and Hochberg 1995). A circumstance may come
with lapses for many reasons; none is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from contracts.false_discovery import q_values
from offers.effects.alike import Alike, Ints
from offers.effects.rows import Flags, Floats

Plain = dict[str, Any]
MIN_CUSTOMERS = 50
MOST_OF_A_KIND = 300
"""Of each kind the most common are looked at, whatever came of them: a list of thousands would find nothing."""
MOST_SHOWN = 20
Z95 = 1.959963984540054
WORDS = {
    "product": "whose last purchase, in four weeks, held product {name}",
    "category": "whose last purchase, in four weeks, held {name}",
    "store": "whose last visit was in store {name}",
    "failure": "with this in the last four weeks: {name}",
}


@dataclass(frozen=True)
class Compared:
    """Lapse rates with and without a circumstance among customers alike; difference and ratio with 95 % intervals.

    NaN where no stratum holds both, or where nobody without it lapsed (the ratio).
    """

    rate_with: float
    rate_alike: float
    difference: float
    low: float
    high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    p_value: float


def before_lapses(rows: pd.DataFrame, facts: pd.DataFrame) -> list[Plain]:
    """The `MOST_SHOWN` circumstances that go most surely with more lapses, by q-value over all, with their sentences.

    `rows` has one labelled customer and cutoff a row (`customer_id`, `lapsed`, `stratum`), `facts` one circumstance of
    one row (`row`: its index; `kind`, `name`). Goods are compared among those who bought anything in the window,
    stores among those whose last store is known, failures among all.
    """
    found = [_record(kind, name, own) for kind, name, own in _all(rows, facts)]
    for record, q in zip(found, q_values(np.array([one["p_value"] for one in found])), strict=True):
        record["q_value"] = float(q)
    found = [one for one in found if one["difference"] > 0 and not np.isnan(one["q_value"])]
    return sorted(found, key=lambda one: (one["q_value"], one["p_value"], one["kind"], one["name"]))[:MOST_SHOWN]


def _all(rows: pd.DataFrame, facts: pd.DataFrame) -> list[tuple[str, str, tuple[Compared, int, int]]]:
    """Every circumstance with enough customers on both sides: kind, name, comparison, customers with and without."""
    customer = pd.factorize(rows["customer_id"])[0]
    lapsed, stratum = rows["lapsed"].to_numpy(dtype=np.float64), rows["stratum"].to_numpy() + 1
    found = []
    for kind, own in facts.groupby("kind", sort=True, observed=True):
        row = own["row"].to_numpy(dtype=np.int64)
        base = np.arange(len(rows)) if kind == "failure" else np.unique(row)
        alike = Alike.of(lapsed[base], stratum[base], customer[base])
        for name, places in _common(own.assign(who=customer[row])):
            has = np.searchsorted(base, places)
            n_with, n_without = alike.n_customers(has)
            if min(n_with, n_without) >= MIN_CUSTOMERS:
                found.append((str(kind), name, (compared(alike, has), n_with, n_without)))
    return found


def _common(own: pd.DataFrame) -> list[tuple[str, Ints]]:
    """The names of a kind with the most customers, and the rows of each."""
    n_customers = own.drop_duplicates(["name", "who"]).groupby("name", observed=True).size()
    n_customers.index = n_customers.index.astype("str")
    named = n_customers[n_customers >= MIN_CUSTOMERS].sort_index().sort_values(ascending=False, kind="stable")
    chosen = own[own["name"].isin(named.index[:MOST_OF_A_KIND])].astype({"name": "str"})
    return [(str(name), np.unique(part["row"].to_numpy(dtype=np.int64))) for name, part in chosen.groupby("name")]


def compare(lapsed: Floats, has: Flags, stratum: Ints, customer: Ints) -> Compared:
    """Mantel-Haenszel risk difference and ratio over strata; one entry a row, `stratum` and `customer` count from 0."""
    return compared(Alike.of(lapsed, stratum, customer), np.flatnonzero(has))


def compared(alike: Alike, places: Ints) -> Compared:
    """The rows at some places, which have a circumstance, against all others."""
    n_with, n_without, lapsed_with, lapsed_without = alike.sides(places)
    n = np.maximum(n_with + n_without, 1)
    weight = n_with * n_without / n
    if not weight.sum():
        return Compared(*[float("nan")] * 9)
    with np.errstate(invalid="ignore", divide="ignore"):
        p_with = np.nan_to_num(lapsed_with / n_with)
        p_without = np.nan_to_num(lapsed_without / n_without)
        share = weight / weight.sum()
        rate_with, rate_alike = float(share @ p_with), float(share @ p_without)
        # each row's part in the weighted rate of its side, at the stratum's rate: what clusters are summed over
        outcome = np.arange(2)[:, None]
        part_with = np.nan_to_num(share / n_with) * (outcome - p_with)
        part_without = -np.nan_to_num(share / n_without) * (outcome - p_without)
    difference, error = rate_with - rate_alike, alike.clustered(places, part_with, part_without)
    ratio = rate_with / rate_alike if rate_with and rate_alike else float("nan")
    log_error = alike.clustered(places, part_with / rate_with, part_without / rate_alike) if ratio > 0 else ratio
    return Compared(
        rate_with,
        rate_alike,
        difference,
        difference - Z95 * error,
        difference + Z95 * error,
        ratio,
        float(ratio * np.exp(-Z95 * log_error)),
        float(ratio * np.exp(Z95 * log_error)),
        _two_sided(difference, error),
    )


def _two_sided(difference: float, error: float) -> float:
    from scipy.special import ndtr  # noqa: PLC0415

    return float(2 * ndtr(-abs(difference) / error)) if error > 0 else float("nan")


def _record(kind: str, name: str, own: tuple[Compared, int, int]) -> Plain:
    compared, n_with, n_without = own
    said = {"kind": kind, "name": name, "n_with": n_with, "n_without": n_without}
    return said | vars(compared) | {"sentence": in_words(kind, name, compared)}


def in_words(kind: str, name: str, found: Compared) -> str:
    """One circumstance in plain words.

    >>> said = in_words("store", "12", Compared(0.31, 0.24, 0.07, 0.02, 0.12, 1.29, 1.1, 1.5, 0.004))
    >>> said[:-len("; this is an association, not a cause.")]
    'Of those whose last visit was in store 12, 31 % lapsed against 24 % of others alike'
    """
    who = WORDS[kind].format(name=name)
    rates = f"{100 * found.rate_with:.0f} % lapsed against {100 * found.rate_alike:.0f} % of others alike"
    return f"Of those {who}, {rates}; this is an association, not a cause."
