"""The features in Polars: lazy, on the streaming engine; lines to purchase days once, then groups of them a cutoff.

Purchase days are marked as sorted by customer, which saves a sixth. The in-memory engine, and a copy of the columns
that hold codes for all cutoffs, were tried and cost as much CPU and half as much memory again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchmarks.features import columns as c
from benchmarks.features.results import Chunk, run

CUSTOMER_DAY = ("customer", "day")
DAY = pl.col("day")
GAP = pl.col("gap")


def purchase_days(lines: pl.LazyFrame) -> pl.DataFrame:
    """One row a customer and day, in that order: sums, the days since the day before, and the weekday."""
    orders = lines.group_by(*CUSTOMER_DAY, "order").agg(
        pl.col("amount", "discount", "quantity").cast(pl.Int64).sum(),
        lines=pl.len(),
        evening=(pl.col("hour") >= c.EVENING_HOUR).sum(),
        morning=(pl.col("hour") < c.NOON_HOUR).sum(),
        discounted=(pl.col("discount") > 0).sum(),
    )
    days = orders.group_by(*CUSTOMER_DAY).agg(
        pl.col("amount", "discount").sum() / c.CENTS,
        pl.col("quantity", "lines", "evening", "morning", "discounted").sum(),
        orders=pl.len(),
    )
    is_first = pl.col("customer") != pl.col("customer").shift(1)
    return (
        days.sort(*CUSTOMER_DAY)
        .with_columns(gap=pl.when(~is_first).then(DAY - DAY.shift(1)), weekday=(DAY + 3) % 7)
        .collect(engine="streaming")
    )


def _sums(cutoff: int) -> dict[str, pl.Expr]:
    """Sums of what a purchase day counts in every window, by the name under which `_features` refers to them."""
    amount, one = pl.col("amount"), pl.lit(1.0)

    def within(value: pl.Expr, days: int, skip: int = 0) -> pl.Expr:
        inside = (cutoff - days - skip <= DAY) & (cutoff - skip > DAY)
        return pl.when(inside).then(value).otherwise(0.0).sum()

    found = {f"days_{days}": within(one, days) for days in c.COUNT_WINDOWS_DAYS}
    found |= {f"days_{days}_before": within(one, days, days) for days in c.GROWTH_WINDOWS_DAYS}
    found |= {f"amount_{days}": within(amount, days) for days in c.AMOUNT_WINDOWS_DAYS}
    found |= {f"amount_{days}_before": within(amount, days, days) for days in c.GROWTH_WINDOWS_DAYS}
    for name in ("orders", "lines", "quantity", "discount", "discounted"):
        found[f"{name}_91"] = within(pl.col(name), c.LINE_WINDOW_DAYS)
    for name in ("lines", "evening", "morning"):
        found[f"{name}_182"] = within(pl.col(name), c.HOUR_WINDOW_DAYS)
    found["full_price_days_91"] = within((pl.col("discount") == 0).cast(pl.Float64), c.LINE_WINDOW_DAYS)
    found |= {f"decayed_days_{h}": (2.0 ** ((DAY - cutoff) / h)).sum() for h in c.DAY_HALF_LIVES_DAYS}
    found |= {f"decayed_amount_{h}": (amount * 2.0 ** ((DAY - cutoff) / h)).sum() for h in c.AMOUNT_HALF_LIVES_DAYS}
    found |= {f"weekday_{weekday}": (pl.col("weekday") == weekday).sum() for weekday in range(7)}
    found |= {
        f"week_{back}": ((cutoff - 1 - DAY) // 7 == back).any().cast(pl.Int32) for back in range(max(c.WEEKS_ACTIVE))
    }
    return found


def _past(days: pl.DataFrame, cutoff: int) -> pl.LazyFrame:
    """One row a customer: aggregates of the purchase days before the cutoff."""
    past = days.lazy().filter(cutoff > DAY)
    return past.group_by("customer").agg(
        silence=cutoff - DAY.max(),
        tenure=cutoff - DAY.min(),
        days_life=pl.len(),
        amount_life=pl.col("amount").sum(),
        gap_mean=GAP.mean(),
        gap_median=GAP.median(),
        gap_sd=GAP.std(),
        gap_p90=GAP.quantile(0.9, interpolation="linear"),
        gap_max=GAP.max(),
        gap_last=GAP.last(),
        silence_percentile=(cutoff - DAY.max() >= GAP).mean(),
        **_sums(cutoff),
    )


def _codes(lines: pl.LazyFrame, cutoff: int) -> pl.LazyFrame:
    """One row a customer: how many different things, and how spread over categories, in the window of lines."""
    recent = lines.filter((cutoff > DAY) & (cutoff - c.LINE_WINDOW_DAYS <= DAY))
    n = pl.col("n")
    categories = (
        recent.group_by("customer", "category")
        .agg(n=pl.len().cast(pl.Float64))
        .group_by("customer")
        .agg(
            distinct_categories=pl.len(),
            top_category_share=n.max() / n.sum(),
            category_entropy=n.sum().log() - (n * n.log()).sum() / n.sum(),
        )
    )
    for code in ("product", "store"):
        pairs = recent.select("customer", code).unique().group_by("customer").agg(pl.len().alias(f"distinct_{code}s"))
        categories = categories.join(pairs, on="customer")
    return categories


def _per(a: str | pl.Expr, b: str) -> pl.Expr:
    """a / b; empty where b is 0."""
    above = pl.col(a) if isinstance(a, str) else a
    return pl.when(pl.col(b) > 0).then(above / pl.col(b))


def _features() -> dict[str, pl.Expr]:
    """Every feature as an expression of the aggregates."""
    silence, days_28 = pl.col("silence"), pl.col("days_28")
    weekdays = [f"weekday_{weekday}" for weekday in range(7)]
    found = {
        "days_since_last_purchase": silence,
        "tenure_days": pl.col("tenure"),
        "purchase_days_life": pl.col("days_life"),
        "purchase_day_rate_life": _per("days_life", "tenure"),
        "orders_91d": pl.col("orders_91"),
        "amount_life": pl.col("amount_life"),
        "amount_per_purchase_day_91d": _per("amount_91", "days_91"),
        "amount_per_purchase_day_life": _per("amount_life", "days_life"),
        "gap_mean_days": pl.col("gap_mean"),
        "gap_median_days": pl.col("gap_median"),
        "gap_sd_days": pl.col("gap_sd"),
        "gap_sd_to_gap_mean": _per("gap_sd", "gap_mean"),
        "gap_p90_days": pl.col("gap_p90"),
        "gap_max_days": pl.col("gap_max"),
        "gap_last_days": pl.col("gap_last"),
        "silence_to_gap_mean": _per("silence", "gap_mean"),
        "silence_to_gap_median": _per("silence", "gap_median"),
        "silence_percentile": pl.col("silence_percentile"),
        "top_weekday_share_life": _per(pl.max_horizontal(weekdays), "days_life"),
        "weekend_day_share_life": _per(pl.col("weekday_5") + pl.col("weekday_6"), "days_life"),
        "evening_line_share_182d": _per("evening_182", "lines_182"),
        "morning_line_share_182d": _per("morning_182", "lines_182"),
        "lines_per_order_91d": _per("lines_91", "orders_91"),
        "quantity_91d": pl.col("quantity_91"),
        "amount_per_order_91d": _per("amount_91", "orders_91"),
        "distinct_products_91d": pl.col("distinct_products").fill_null(0),
        "distinct_categories_91d": pl.col("distinct_categories").fill_null(0),
        "category_entropy_91d": pl.col("category_entropy"),
        "top_category_share_91d": pl.col("top_category_share"),
        "distinct_stores_91d": pl.col("distinct_stores").fill_null(0),
        "discount_share_91d": _per("discount_91", "list_amount_91"),
        "discounted_line_share_91d": _per("discounted_91", "lines_91"),
        "full_price_day_share_91d": _per("full_price_days_91", "days_91"),
        "purchase_days_28d_to_store_mean": days_28 * (pl.col("days_91") > 0).sum() / days_28.sum(),
    }
    found |= {f"purchase_days_{days}d": pl.col(f"days_{days}") for days in c.COUNT_WINDOWS_DAYS}
    found |= {f"amount_{days}d": pl.col(f"amount_{days}") for days in c.AMOUNT_WINDOWS_DAYS}
    found |= {f"decayed_purchase_days_{h}d": pl.col(f"decayed_days_{h}") for h in c.DAY_HALF_LIVES_DAYS}
    found |= {f"decayed_amount_{h}d": pl.col(f"decayed_amount_{h}") for h in c.AMOUNT_HALF_LIVES_DAYS}
    found |= {f"weeks_active_{n}w": pl.sum_horizontal(f"week_{week}" for week in range(n)) for n in c.WEEKS_ACTIVE}
    for days in c.GROWTH_WINDOWS_DAYS:
        for name, measure, prior in (("purchase_days", "days", c.DAY_PRIOR), ("amount", "amount", c.AMOUNT_PRIOR)):
            now, before = pl.col(f"{measure}_{days}"), pl.col(f"{measure}_{days}_before")
            found[f"{name}_{days}d_to_previous"] = (now + prior) / (before + prior)
    return found


def _rows(days: pl.DataFrame, lines: pl.LazyFrame, cutoff: int) -> Chunk:
    """The rows of one cutoff."""
    features = _features()
    chosen = [features[name].cast(pl.Float32).fill_null(float("nan")).alias(name) for name in c.NAMES]
    rows = (
        _past(days, cutoff)
        .join(_codes(lines, cutoff), on="customer", how="left")
        .with_columns(list_amount_91=pl.col("amount_91") + pl.col("discount_91"))
        .select("customer", *chosen, cutoff=pl.lit(cutoff))
        .collect(engine="streaming")
    )
    return Chunk.of_columns({name: rows[name].to_numpy() for name in (*c.KEYS, *c.NAMES)})


def compute(folder: Path, cutoffs: list[int]) -> Iterator[Chunk]:
    """The rows, one chunk a cutoff."""
    lines = pl.scan_parquet(folder / "bucket_*.parquet")
    days = purchase_days(lines).with_columns(pl.col("customer").set_sorted())
    for cutoff in cutoffs:
        yield _rows(days, lines, cutoff)


def main() -> None:
    """Run as a process."""
    run(compute)


if __name__ == "__main__":
    main()
