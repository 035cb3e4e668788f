"""How often a customer buys what would have been named: the matched goods against popularity and the own most-bought.

At past cutoffs, with what was known then alone: the k goods that each policy names, and whether the customer bought any
of them in the next 28 days. Customers who bought nothing nameable then are left out of hit rates.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.offers.results import Row
from contracts.params import load_params
from contracts.windows import day_number, following, matured_mondays
from contracts.words import load_words
from events.store import open_store
from pipeline.portraying import Stored
from portraits.look import Terms
from portraits.matching import HORIZON_DAYS, Goods, goods_of, ranked

PRESET = "complete_journey"
AT = (1, 3, 5)
POLICIES = ("regulars", "own most-bought", "popularity")
N_CUTOFFS, EVERY_WEEKS, N_BOOTSTRAP = 6, 4, 500


def hit_rows(root: Path, seed: int) -> list[Row]:
    """One row a policy and k: the mean over cutoffs of the share of customers with a hit, 95 % over customers.

    Also the differences of `regulars` to each rival, paired by customer (policy 'regulars less popularity' and so on).
    """
    goods, end = _goods(root)
    cutoffs = matured_mondays(end, HORIZON_DAYS, N_CUTOFFS, EVERY_WEEKS)
    hits = pd.concat([_hits(goods, cutoff) for cutoff in cutoffs], ignore_index=True)
    n_customers = int(hits["customer"].nunique())
    found = []
    for k in AT:
        table = hits[hits["k"] == k].set_index(["customer", "cutoff"])[list(POLICIES)].astype("float64")
        for rival in POLICIES[1:]:
            table[f"regulars less {rival}"] = table["regulars"] - table[rival]
        found += _rows(table, f"hit_rate_at_{k}", n_customers, seed)
    return found


def _goods(root: Path) -> tuple[Goods, date]:
    """Every nameable good bought so far, and the end of the data."""
    params, words = load_params(root / "params.yaml"), load_words(root / "words.yaml")
    shelf = open_store(root / "data" / "events")
    end = date.fromisoformat(shelf.facts["data_end_on"])
    terms = Terms(end, params.store, params.task.active_days, params.portray, words)
    everyone = Stored(shelf, terms, (tuple(range(shelf.n_buckets)),))
    return goods_of(everyone(0).told, words), end


def _hits(goods: Goods, cutoff: date) -> pd.DataFrame:
    """One row a customer and k: whether each policy's k goods held one that was bought."""
    past = goods.before(day_number(cutoff))
    table = ranked(past, cutoff)
    later = following(goods.day, cutoff, HORIZON_DAYS)
    bought = np.zeros((len(goods.customers), len(goods.names)), dtype=bool)
    bought[goods.customer[later], goods.good[later]] = True
    judged = np.intersect1d(table["customer"].unique(), np.flatnonzero(bought.any(axis=1)))
    own = table.sort_values(["customer", "n_days", "popularity", "good"], ascending=[True, False, False, True])
    popular = np.bincount(table["good"], minlength=len(goods.names)).argsort(kind="stable")[::-1]
    parts = []
    for k in AT:
        columns = {
            "regulars": _any_hit(table, bought, judged, k),
            "own most-bought": _any_hit(own, bought, judged, k),
            "popularity": bought[judged][:, popular[:k]].any(axis=1),
        }
        parts.append(pd.DataFrame({"customer": judged, "cutoff": cutoff.isoformat(), "k": k, **columns}))
    return pd.concat(parts, ignore_index=True)


def _any_hit(
    order: pd.DataFrame, bought: npt.NDArray[np.bool_], judged: npt.NDArray[np.int64], k: int
) -> npt.NDArray[np.bool_]:
    first = order[order.groupby("customer").cumcount() < k]
    hit = pd.Series(bought[first["customer"].to_numpy(), first["good"].to_numpy()])
    return hit.groupby(first["customer"].to_numpy()).any().reindex(judged).to_numpy(dtype=bool)


def _rows(table: pd.DataFrame, metric: str, n_customers: int, seed: int) -> list[Row]:
    """Means over customers and cutoffs, with a bootstrap over customers."""
    sums = table.groupby("customer").sum()
    counts = table.groupby("customer").size().to_numpy(dtype=np.float64)
    draw = np.random.default_rng(seed)
    weights = draw.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), N_BOOTSTRAP)
    drawn = (weights @ sums.to_numpy()) / (weights @ counts)[:, None]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return [
        {
            "metric": metric,
            "policy": str(policy),
            "preset": PRESET,
            "customers": n_customers,
            "value": round(float(table[policy].mean()), 4),
            "low": round(float(low[j]), 4),
            "high": round(float(high[j]), 4),
            "seeds": [seed],
        }
        for j, policy in enumerate(table.columns)
    ]
