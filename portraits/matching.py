"""Which goods are most worth naming to whom: what they are likely to buy next, what goes with it, what they gave up.

A *good* is whatever has the same words for customers (`words.yaml`): two product types that are called the same are
one. Its name here is the product type or category of that wording that most lines bear. Likelihood is a logistic
regression on the customer's own repeats, popularity and item-to-item similarity (cosine of shared shopping days: Sarwar
and others 2001, 'Item-based collaborative filtering'), fitted on what happened in the days before the cutoff alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array

from contracts.windows import day_number, day_numbers, following, trailing
from contracts.words import Words

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
HALF_YEAR_DAYS = 182
HORIZON_DAYS = 28
LEAST_REPEATS = 3  # shopping days of one good before its own rhythm is believed
FEWEST_OUTCOMES = 200
MOST_ROWS = 60_000
FEWEST_TOGETHER = 20  # shopping days on which two goods met before one is said to go with the other
LAPSED_MULTIPLE, LAPSED_DAYS, FORGOTTEN_DAYS = 3.0, 56, 365
MEASURES = (
    "n_days", "n_days_91", "n_days_28", "silence_days", "silence_to_gap", "shopping_days_91", "popularity", "affinity",
)  # fmt: skip


@dataclass(frozen=True)
class Goods:
    """Which customer bought which good on which day, each once, as codes; `names` and `customers` by code."""

    customer: Ints
    good: Ints
    day: Ints
    customers: pd.Index
    names: tuple[str, ...]

    def before(self, day: int) -> Goods:
        """The same as known at the beginning of an earlier day."""
        kept = np.flatnonzero(self.day - day < 0)
        return Goods(self.customer[kept], self.good[kept], self.day[kept], self.customers, self.names)


def goods_of(spoken: pd.DataFrame, words: Words, usual: Mapping[str, str] | None = None) -> Goods:
    """The goods of lines that can be spoken of (`product` by `tastes.spoken`), before the cutoff.

    `usual` gives the name of every wording, by order of code; without it, the lines are the whole shop's.
    """
    word = words.column(spoken["product"])
    usual = usual_names(name_counts(spoken["product"], word)) if usual is None else usual
    table = pd.DataFrame(
        {
            "customer": spoken["customer_id"].cat.codes.to_numpy(dtype=np.int64),
            "good": word.map({said: k for k, said in enumerate(usual)}).to_numpy(dtype=np.int64),
            "day": day_numbers(spoken["ordered_on"]),
        }
    ).drop_duplicates()
    customers = pd.Index(spoken["customer_id"].cat.categories)
    customer, good, day = (table[name].to_numpy(dtype=np.int64) for name in ("customer", "good", "day"))
    return Goods(customer, good, day, customers, tuple(usual.values()))


def name_counts(product: pd.Series, word: pd.Series) -> pd.DataFrame:
    """One row per wording and name: how many lines (`n`) bear them."""
    return pd.DataFrame({"word": word, "name": product}).groupby(["word", "name"]).size().rename("n").reset_index()


def usual_names(sizes: pd.DataFrame) -> dict[str, str]:
    """For each wording, in order, the name that most lines bear (`name_counts`); ties by name."""
    first = sizes.sort_values(["word", "n", "name"], ascending=[True, False, True]).drop_duplicates("word")
    return dict(zip(first["word"].astype("str"), first["name"].astype("str"), strict=True))


@dataclass(frozen=True)
class Met:
    """Of the half-year before a cutoff, in sums over customers: each customer's part can be added to the others'.

    `together`: goods × goods, on how many shopping days both were bought; `n_buyers` one entry a good; `n_customers`
    bought any.
    """

    together: csr_array
    n_buyers: Ints
    n_customers: int

    def __add__(self, other: Met) -> Met:
        """The same of both parts' customers, of whom none is in both."""
        together = csr_array(self.together + other.together)
        return Met(together, self.n_buyers + other.n_buyers, self.n_customers + other.n_customers)

    def of(self, chosen: Ints) -> Met:
        """The same of some goods, in the given order; nobody may have bought another."""
        return Met(self.together[chosen][:, chosen], self.n_buyers[chosen], self.n_customers)

    @cached_property
    def alike(self) -> Doubles:
        """How alike the goods are: `cosine`."""
        return cosine(self.together)


def met(goods: Goods, cutoff: date) -> Met:
    """How goods met before the cutoff."""
    recent = trailing(goods.day, cutoff, HALF_YEAR_DAYS)
    pairs = np.unique(goods.customer[recent] * len(goods.names) + goods.good[recent])
    n_buyers = np.bincount(pairs % max(len(goods.names), 1), minlength=len(goods.names))
    return Met(_together(goods, recent), n_buyers, len(np.unique(goods.customer[recent])))


def repeats(goods: Goods, cutoff: date, shop: Met | None = None) -> pd.DataFrame:
    """One row per customer and good bought in the half-year before the cutoff: `customer`, `good` (codes), MEASURES.

    Also `usual_gap_days` (median days between its shopping days; missing with one) and `is_due`: bought on three days
    or more, not for at least the usual gap, and not given up. Without `shop` (`met`), the goods are the whole shop's.
    """
    recent = trailing(goods.day, cutoff, HALF_YEAR_DAYS)
    keys = {"customer": goods.customer[recent], "good": goods.good[recent]}
    days = pd.DataFrame({**keys, "day": goods.day[recent]}).sort_values(["customer", "good", "day"], ignore_index=True)
    days["gap"] = days.groupby(["customer", "good"])["day"].diff()
    for window in (91, 28):
        days[f"n_days_{window}"] = trailing(days["day"].to_numpy(), cutoff, window).astype(np.int64)
    groups = days.groupby(["customer", "good"])
    table = groups[["n_days_91", "n_days_28"]].sum()
    table["n_days"] = groups.size()
    table["usual_gap_days"] = groups["gap"].median()
    table["silence_days"] = day_number(cutoff) - groups["day"].max()
    table = table.reset_index()
    table["silence_to_gap"] = table["silence_days"] / table["usual_gap_days"].fillna(HALF_YEAR_DAYS)
    table["is_due"] = (
        (table["n_days"] >= LEAST_REPEATS)
        & (table["silence_days"] >= table["usual_gap_days"])
        & ~is_given_up(table["silence_days"], table["usual_gap_days"])
    )
    return _beside_others(table, days, cutoff, met(goods, cutoff) if shop is None else shop)


def is_given_up(silence_days: pd.Series, gap_days: pd.Series) -> pd.Series:
    """Whether a good was not bought for three gaps and eight weeks."""
    return silence_days > (LAPSED_MULTIPLE * gap_days).clip(lower=LAPSED_DAYS)


def _beside_others(table: pd.DataFrame, days: pd.DataFrame, cutoff: date, shop: Met) -> pd.DataFrame:
    """With the customer's shopping days, the good's popularity, and its similarity to all that the customer bought."""
    late = days.loc[trailing(days["day"].to_numpy(), cutoff, 91), ["customer", "day"]].drop_duplicates()
    n_shopping = late.groupby("customer").size()
    return table.assign(
        shopping_days_91=table["customer"].map(n_shopping).fillna(0),
        popularity=shop.n_buyers[table["good"]] / max(shop.n_customers, 1),
        affinity=_affinity(table, shop.alike),
    )


def _together(goods: Goods, recent: npt.NDArray[np.bool_]) -> csr_array:
    first = int(goods.day[recent].min(initial=0))
    visit = goods.customer[recent] * 1_000 + goods.day[recent] - first
    _, row = np.unique(visit, return_inverse=True)
    shape = (int(row.max(initial=-1)) + 1, len(goods.names))
    bought = csr_array((np.ones(len(row)), (row, goods.good[recent])), shape=shape)
    return csr_array(bought.T @ bought)


def cosine(counts: csr_array) -> Doubles:
    """Goods × goods: the cosine of the shopping days on which both were bought (`Met.together`).

    0 with itself, and where they met on fewer than twenty days.
    """
    together = np.asarray(counts.todense(), dtype=np.float64)
    size = np.sqrt(np.maximum(together.diagonal(), 1.0))
    cosine = np.where(together >= FEWEST_TOGETHER, together / np.outer(size, size), 0.0)
    np.fill_diagonal(cosine, 0.0)
    return np.asarray(cosine)


def _affinity(table: pd.DataFrame, alike: Doubles) -> Doubles:
    """For each row: how often the customer bought goods like this one, a mean weighted by similarity."""
    customer, good = table["customer"].to_numpy(), table["good"].to_numpy()
    _, row = np.unique(customer, return_inverse=True)
    shape = (int(row.max(initial=-1)) + 1, len(alike))
    often = csr_array((np.minimum(table["n_days"].to_numpy(dtype=np.float64), 5.0), (row, good)), shape=shape)
    weight = np.maximum(alike.sum(axis=0), 1e-9)
    return np.asarray((often @ alike)[row, good] / weight[good], dtype=np.float64)


@dataclass(frozen=True)
class RepeatModel:
    """Weights of an intercept and the logarithms of one plus each of MEASURES."""

    weights: Doubles

    def p_buy(self, table: pd.DataFrame) -> Doubles:
        """Probability that each customer buys each good within 28 days; each row's own, whatever stands beside it."""
        log_odds = np.full(len(table), self.weights[0])
        for weight, measure in zip(self.weights[1:], measures_of(table).T, strict=True):
            log_odds += weight * measure
        return np.asarray(1 / (1 + np.exp(-log_odds)))


def measures_of(table: pd.DataFrame) -> Doubles:
    """Rows of `repeats` × MEASURES: the logarithm of one plus each."""
    return np.column_stack([np.log1p(table[name].to_numpy(dtype=np.float64)) for name in MEASURES])


def fit_repeats(goods: Goods, cutoff: date) -> RepeatModel | None:
    """Fit on what was bought in the 28 days before the cutoff, as seen from their beginning; None if too little."""
    earlier = cutoff - timedelta(days=HORIZON_DAYS)
    table = repeats(goods.before(day_number(earlier)), earlier)
    happened = bought_after(goods, table, earlier)
    if not is_enough(len(table), int(happened.sum())):
        return None
    rows = drawn_rows(len(table))
    return fitted(measures_of(table.iloc[rows]), happened[rows])


def is_enough(n_rows: int, n_happened: int) -> bool:
    """Whether there is enough of either outcome to learn from."""
    return min(n_happened, n_rows - n_happened) >= FEWEST_OUTCOMES


def drawn_rows(n_rows: int) -> Ints:
    """Which rows the model is fitted on, in order: all, or as many as are enough, by the same lot each time."""
    rows = np.arange(n_rows)
    if n_rows <= MOST_ROWS:
        return rows
    return np.asarray(np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False)))


def fitted(design: Doubles, happened: npt.NDArray[np.bool_]) -> RepeatModel:
    """The model of rows of `measures_of`, and of whether each good was bought in the 28 days after."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  (half a second, for who needs it)

    scale = np.maximum(design.std(axis=0), 1e-9)
    model = LogisticRegression(C=1.0, max_iter=500).fit(design / scale, happened)
    return RepeatModel(np.concatenate([model.intercept_, model.coef_[0] / scale]).astype(np.float64))


def bought_after(goods: Goods, table: pd.DataFrame, cutoff: date) -> npt.NDArray[np.bool_]:
    """For each row of `repeats`, whether the good was bought in the 28 days that begin at the cutoff."""
    later = following(goods.day, cutoff, HORIZON_DAYS)
    n = len(goods.names)
    return np.isin(
        table["customer"].to_numpy() * n + table["good"].to_numpy(), goods.customer[later] * n + goods.good[later]
    )


def ranked(goods: Goods, cutoff: date) -> pd.DataFrame:
    """`repeats` with `p_buy`, best first; by the number of days, scaled below 1, where there is too little to learn."""
    return likeliest(repeats(goods, cutoff), fit_repeats(goods, cutoff))


def likeliest(table: pd.DataFrame, model: RepeatModel | None) -> pd.DataFrame:
    """Rows of `repeats` with `p_buy` by the model, best first."""
    likely = table["n_days"] / (HALF_YEAR_DAYS + 1) if model is None else model.p_buy(table)
    order = table.assign(p_buy=likely).sort_values(["customer", "p_buy", "good"], ascending=[True, False, True])
    return order.reset_index(drop=True)
