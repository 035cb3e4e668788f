"""The features by hand-written array operations: the strongest program that we could write without compiling.

It is no library's way of computing features and no team's usual code: pandas reads the files, groups lines into
purchase days once, and finds different codes; all the rest is NumPy's `bincount`, `lexsort` and index arithmetic, by
bucket and cutoff. The store's mean is known only after the last bucket, so its feature is filled in at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.features import columns as c
from benchmarks.features.layout import buckets
from benchmarks.features.numpy_past import Codes, Floats, Past, per, purchase_days
from benchmarks.features.results import Chunk, run

Columns = dict[str, Codes]
STORE_MEAN = "purchase_days_28d_to_store_mean"


def _windows(past: Past) -> Columns:
    """Counts, amounts, growth and decay."""
    found: Columns = {f"purchase_days_{days}d": past.count(days) for days in c.COUNT_WINDOWS_DAYS}
    found |= {f"amount_{days}d": past.sum("amount", days) for days in c.AMOUNT_WINDOWS_DAYS}
    found |= {"purchase_days_life": past.total(), "amount_life": past.total(past.column("amount"))}
    for days in c.GROWTH_WINDOWS_DAYS:
        before, amount_before = past.count(days, days), past.sum("amount", days, days)
        prior, amount_prior = c.DAY_PRIOR, c.AMOUNT_PRIOR
        found[f"purchase_days_{days}d_to_previous"] = (found[f"purchase_days_{days}d"] + prior) / (before + prior)
        found[f"amount_{days}d_to_previous"] = (found[f"amount_{days}d"] + amount_prior) / (
            amount_before + amount_prior
        )
    for half_life in c.DAY_HALF_LIVES_DAYS:
        weight = np.exp2((past.column("day") - past.cutoff) / half_life)
        found[f"decayed_purchase_days_{half_life}d"] = past.total(weight)
        if half_life in c.AMOUNT_HALF_LIVES_DAYS:
            found[f"decayed_amount_{half_life}d"] = past.total(weight * past.column("amount"))
    return found


def _quantile(gaps: Floats, start: Codes, n: Codes, q: float) -> Floats:
    """Linearly interpolated quantile of each run of `n` sorted gaps; NaN of none."""
    position = q * np.maximum(n - 1, 0)
    low, high = (start + rounded(position).astype(np.int64) for rounded in (np.floor, np.ceil))
    padded = np.append(gaps, np.nan)
    value = padded[low] + (position % 1) * (padded[high] - padded[low])
    return np.where(n > 0, value, np.nan)


def _gaps(past: Past, silence: Floats) -> Columns:
    """The customer's own gaps, and the present silence against them."""
    is_gap = past.column("gap") >= 0
    owner, gap = past.column("customer")[is_gap], past.column("gap")[is_gap]
    ordered = gap[np.lexsort((gap, owner))]
    n = np.bincount(owner, minlength=past.n)
    end = np.cumsum(n)
    quantiles = {q: _quantile(ordered, end - n, n, q) for q in (0.5, 0.9, 1.0)}
    mean = per(np.bincount(owner, gap, minlength=past.n), n)
    squares = np.bincount(owner, (gap - mean[owner]) ** 2, minlength=past.n)
    sd = np.sqrt(np.where(n > 1, squares / np.maximum(n - 1, 1), np.nan))
    reached = np.bincount(owner[gap <= silence[owner]], minlength=past.n)
    return {
        "gap_mean_days": mean,
        "gap_median_days": quantiles[0.5],
        "gap_sd_days": sd,
        "gap_sd_to_gap_mean": per(sd, mean),
        "gap_p90_days": quantiles[0.9],
        "gap_max_days": quantiles[1.0],
        "gap_last_days": np.where(n > 0, np.append(gap, np.nan)[end - 1], np.nan),
        "silence_to_gap_mean": per(silence, mean),
        "silence_to_gap_median": per(silence, quantiles[0.5]),
        "silence_percentile": per(reached, n),
    }


def _rhythm(past: Past) -> Columns:
    """Active weeks, weekdays and hours."""
    customer, day = past.column("customer"), past.column("day")
    back = (past.cutoff - 1 - day) // 7
    most = max(c.WEEKS_ACTIVE)
    active = np.bincount(
        customer[back < most].astype(np.int64) * most + back[back < most], minlength=past.n * most
    ).reshape(past.n, most)
    weekdays = np.bincount(customer.astype(np.int64) * 7 + (day + 3) % 7, minlength=past.n * 7).reshape(past.n, 7)
    found: Columns = {f"weeks_active_{n}w": (active[:, :n] > 0).sum(axis=1) for n in c.WEEKS_ACTIVE}
    found["top_weekday_share_life"] = per(weekdays.max(axis=1), past.total())
    found["weekend_day_share_life"] = per(weekdays[:, 5:].sum(axis=1), past.total())
    lines = past.sum("lines", c.HOUR_WINDOW_DAYS)
    for name in ("evening", "morning"):
        found[f"{name}_line_share_182d"] = per(past.sum(name, c.HOUR_WINDOW_DAYS), lines)
    return found


def _baskets(past: Past) -> Columns:
    """Orders and discounts of the window of lines."""
    window = c.LINE_WINDOW_DAYS
    names = ("orders", "lines", "quantity", "amount", "discount", "discounted")
    total = {name: past.sum(name, window) for name in names}
    full_price = past.total(chosen=past.within(window) & (past.column("discount") == 0))
    return {
        "orders_91d": total["orders"],
        "quantity_91d": total["quantity"],
        "lines_per_order_91d": per(total["lines"], total["orders"]),
        "amount_per_order_91d": per(total["amount"], total["orders"]),
        "discount_share_91d": per(total["discount"], total["discount"] + total["amount"]),
        "discounted_line_share_91d": per(total["discounted"], total["lines"]),
        "full_price_day_share_91d": per(full_price, past.count(window)),
    }


def _codes(lines: pd.DataFrame, past: Past) -> Columns:
    """How many different things in the window of lines, and how spread over categories."""
    back = past.cutoff - lines["day"].to_numpy()
    recent = lines.loc[(back > 0) & (back <= c.LINE_WINDOW_DAYS), ["customer", "product", "category", "store"]]
    found: Columns = {}
    for code, name in (("product", "products"), ("store", "stores")):
        pairs = pd.unique(recent["customer"].to_numpy(dtype=np.int64) << 32 | recent[code].to_numpy())
        found[f"distinct_{name}_91d"] = np.bincount(pairs >> 32, minlength=past.n)
    entry, pairs = pd.factorize(recent["customer"].to_numpy(dtype=np.int64) << 32 | recent["category"].to_numpy())
    owner, n = pairs >> 32, np.bincount(entry).astype(np.float64)
    whole = np.bincount(owner, n, minlength=past.n)
    top = np.zeros(past.n)
    np.maximum.at(top, owner, n)
    spread = np.bincount(owner, n * np.log(n), minlength=past.n)
    found["distinct_categories_91d"] = np.bincount(owner, minlength=past.n)
    found["category_entropy_91d"] = np.log(np.where(whole > 0, whole, np.nan)) - per(spread, whole)
    found["top_category_share_91d"] = per(top, whole)
    return found


def _rows(lines: pd.DataFrame, past: Past, first_customer: int) -> Chunk:
    """The rows of one bucket and cutoff, with purchase days of the last 28 days for the feature about the store."""
    customer, day = past.column("customer"), past.column("day")
    first, last = np.zeros(past.n), np.zeros(past.n)
    last[customer], first[customer[::-1]] = day, day[::-1]
    silence, tenure = past.cutoff - last, past.cutoff - first
    found = _windows(past) | _gaps(past, silence) | _rhythm(past) | _baskets(past) | _codes(lines, past)
    found |= {"days_since_last_purchase": silence, "tenure_days": tenure}
    found["purchase_day_rate_life"] = per(found["purchase_days_life"], tenure)
    found["amount_per_purchase_day_91d"] = per(found["amount_91d"], found["purchase_days_91d"])
    found["amount_per_purchase_day_life"] = per(found["amount_life"], found["purchase_days_life"])
    found[STORE_MEAN] = found["purchase_days_28d"]
    found |= {"customer": np.arange(past.n) + first_customer, "cutoff": np.full(past.n, past.cutoff)}
    bought = found["purchase_days_life"] > 0
    return Chunk.of_columns({name: values[bought] for name, values in found.items()})


def _bucket(path: Path, cutoffs: list[int]) -> list[Chunk]:
    lines = pd.read_parquet(path)
    first = int(lines["customer"].iloc[0])
    lines["customer"] -= first
    days = purchase_days(lines)
    n = int(days["customer"].iloc[-1]) + 1
    return [_rows(lines, Past(days[days["day"] < cutoff], cutoff, n), first) for cutoff in cutoffs]


def compute(folder: Path, cutoffs: list[int]) -> Iterator[Chunk]:
    """The rows, one chunk a bucket and cutoff."""
    by_bucket = [_bucket(path, cutoffs) for path in buckets(folder)]
    column, active = c.NAMES.index(STORE_MEAN), c.NAMES.index("purchase_days_91d")
    for chunks in zip(*by_bucket, strict=True):
        n_active = sum(int((chunk.values[:, active] > 0).sum()) for chunk in chunks)
        total = sum(float(chunk.values[:, column].sum()) for chunk in chunks)
        for chunk in chunks:
            chunk.values[:, column] *= n_active / total
            yield chunk


def main() -> None:
    """Run as a process."""
    run(compute)


if __name__ == "__main__":
    main()
