"""The features in DuckDB's SQL: lines to purchase days once, then aggregates of purchase days and of codes.

Purchase days are made bucket by bucket: customers are whole there, and with the smaller hash tables this step cost 10 s
of CPU instead of 18 s at a hundred million lines (at ten, no less). Then it is one statement a cutoff, which at ten
million lines and 12 cutoffs cost a third less CPU, and a quarter of the memory, than one statement that joined purchase
days with all cutoffs. The columns that hold codes are read once for all cutoffs, and only from the first day that any
window reaches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.features import columns as c
from benchmarks.features.layout import buckets
from benchmarks.features.results import Chunk, run

SETTINGS: dict[str, str | bool | int | float | list[str]] = {"threads": 2, "memory_limit": "16GB"}
LN2 = math.log(2.0)

DAYS = """
WITH orders AS (
    SELECT customer, day, "order", sum(amount) AS amount, sum(discount) AS discount, sum(quantity) AS quantity,
        count(*) AS lines, sum((hour >= {evening})::INTEGER) AS evening, sum((hour < {noon})::INTEGER) AS morning,
        sum((discount > 0)::INTEGER) AS discounted
    FROM lines GROUP BY ALL),
days AS (
    SELECT customer, day, count(*)::INTEGER AS orders, sum(amount)::DOUBLE / {cents} AS amount,
        sum(discount)::DOUBLE / {cents} AS discount, sum(quantity)::INTEGER AS quantity, sum(lines)::INTEGER AS lines,
        sum(evening)::INTEGER AS evening, sum(morning)::INTEGER AS morning, sum(discounted)::INTEGER AS discounted
    FROM orders GROUP BY ALL)
SELECT *, day - lag(day) OVER (PARTITION BY customer ORDER BY day) AS gap, (day + 3) % 7 AS weekday FROM days
"""

CODED_LINES = (
    "CREATE TEMP TABLE coded_lines AS SELECT customer, day, product, category, store FROM lines WHERE day >= ?"
)

PAST = """
SELECT customer, any_value(cutoff) AS cutoff, max(day) AS last_day, min(day) AS first_day, {aggregates},
    avg(gap) AS gap_mean, stddev_samp(gap) AS gap_sd, max(gap) AS gap_max, arg_max(gap, day) AS gap_last,
    quantile_cont(gap, [0.5, 0.9]) AS gap_quantiles, list(gap) AS gaps,
    bit_or(1 << least((cutoff - 1 - day) // 7, 20)) AS weeks
FROM past_days GROUP BY customer
"""

CATEGORIES = """
SELECT customer, count(*) AS distinct_categories, max(n) / sum(n) AS top_category_share,
    ln(sum(n)) - sum(n * ln(n)) / sum(n) AS category_entropy
FROM (SELECT customer, category, count(*) AS n FROM recent GROUP BY ALL) GROUP BY customer
"""

CODES = """
SELECT customer, count(DISTINCT product) AS distinct_products, count(DISTINCT store) AS distinct_stores
FROM recent GROUP BY customer
"""

ROWS = """
WITH past_days AS (SELECT *, {cutoff} AS cutoff FROM days WHERE day < {cutoff}),
past AS ({past}),
recent AS (
    SELECT customer, product, category, store FROM coded_lines WHERE day < {cutoff} AND day >= {cutoff} - {window}),
categories AS ({categories}),
codes AS ({codes}),
store AS (SELECT sum(days_28) / nullif(sum((days_91 > 0)::INTEGER), 0) AS store_mean FROM past)
SELECT customer, cutoff, {features}
FROM past LEFT JOIN categories USING (customer) LEFT JOIN codes USING (customer) CROSS JOIN store
"""


def _sum(value: str, days: int, skip: int = 0) -> str:
    """A sum over the purchase days in a window. `sum(if(…))` costs half of `sum(…) FILTER (…)`."""
    until = f" AND day < cutoff - {skip}" if skip else ""
    return f"sum(if(day >= cutoff - {days + skip}{until}, {value}, 0))"


def _aggregates() -> dict[str, str]:
    """The aggregates of purchase days, by the name under which `_features` refers to them."""
    found = {"days_life": "count(*)", "amount_life": "sum(amount)"}
    found |= {f"days_{days}": _sum("1", days) for days in c.COUNT_WINDOWS_DAYS}
    found |= {f"days_{days}_before": _sum("1", days, days) for days in c.GROWTH_WINDOWS_DAYS}
    found |= {f"amount_{days}": _sum("amount", days) for days in c.AMOUNT_WINDOWS_DAYS}
    found |= {f"amount_{days}_before": _sum("amount", days, days) for days in c.GROWTH_WINDOWS_DAYS}
    for name in ("orders", "lines", "quantity", "discount", "discounted"):
        found[f"{name}_91"] = _sum(name, c.LINE_WINDOW_DAYS)
    for name in ("lines", "evening", "morning"):
        found[f"{name}_182"] = _sum(name, c.HOUR_WINDOW_DAYS)
    found["full_price_days_91"] = _sum("(discount = 0)::INTEGER", c.LINE_WINDOW_DAYS)
    found |= {f"decayed_days_{h}": f"sum(exp({LN2 / h:.16e} * (day - cutoff)))" for h in c.DAY_HALF_LIVES_DAYS}
    found |= {
        f"decayed_amount_{h}": f"sum(amount * exp({LN2 / h:.16e} * (day - cutoff)))" for h in c.AMOUNT_HALF_LIVES_DAYS
    }
    found |= {f"weekday_{weekday}": f"sum((weekday = {weekday})::INTEGER)" for weekday in range(7)}
    return found


def _features() -> dict[str, str]:
    """Every feature as an expression of the aggregates; a divisor of 0 gives NULL."""
    found = {
        "days_since_last_purchase": "cutoff - last_day",
        "tenure_days": "cutoff - first_day",
        "purchase_days_life": "days_life",
        "purchase_day_rate_life": "days_life / nullif(cutoff - first_day, 0)",
        "orders_91d": "orders_91",
        "amount_life": "amount_life",
        "amount_per_purchase_day_91d": "amount_91 / nullif(days_91, 0)",
        "amount_per_purchase_day_life": "amount_life / days_life",
        "gap_mean_days": "gap_mean",
        "gap_median_days": "gap_quantiles[1]",
        "gap_sd_days": "gap_sd",
        "gap_sd_to_gap_mean": "gap_sd / gap_mean",
        "gap_p90_days": "gap_quantiles[2]",
        "gap_max_days": "gap_max",
        "gap_last_days": "gap_last",
        "silence_to_gap_mean": "(cutoff - last_day) / gap_mean",
        "silence_to_gap_median": "(cutoff - last_day) / gap_quantiles[1]",
        "silence_percentile": "len(list_filter(gaps, lambda gap: gap <= cutoff - last_day)) / nullif(days_life - 1, 0)",
        "top_weekday_share_life": f"greatest({', '.join(f'weekday_{day}' for day in range(7))}) / days_life",
        "weekend_day_share_life": "(weekday_5 + weekday_6) / days_life",
        "evening_line_share_182d": "evening_182 / nullif(lines_182, 0)",
        "morning_line_share_182d": "morning_182 / nullif(lines_182, 0)",
        "lines_per_order_91d": "lines_91 / nullif(orders_91, 0)",
        "quantity_91d": "quantity_91",
        "amount_per_order_91d": "amount_91 / nullif(orders_91, 0)",
        "distinct_products_91d": "coalesce(distinct_products, 0)",
        "distinct_categories_91d": "coalesce(distinct_categories, 0)",
        "category_entropy_91d": "category_entropy",
        "top_category_share_91d": "top_category_share",
        "distinct_stores_91d": "coalesce(distinct_stores, 0)",
        "discount_share_91d": "discount_91 / nullif(discount_91 + amount_91, 0)",
        "discounted_line_share_91d": "discounted_91 / nullif(lines_91, 0)",
        "full_price_day_share_91d": "full_price_days_91 / nullif(days_91, 0)",
        "purchase_days_28d_to_store_mean": "days_28 / nullif(store_mean, 0)",
    }
    found |= {f"purchase_days_{days}d": f"days_{days}" for days in c.COUNT_WINDOWS_DAYS}
    found |= {f"amount_{days}d": f"amount_{days}" for days in c.AMOUNT_WINDOWS_DAYS}
    found |= {f"decayed_purchase_days_{h}d": f"decayed_days_{h}" for h in c.DAY_HALF_LIVES_DAYS}
    found |= {f"decayed_amount_{h}d": f"decayed_amount_{h}" for h in c.AMOUNT_HALF_LIVES_DAYS}
    found |= {f"weeks_active_{n}w": f"bit_count(weeks & {2**n - 1})" for n in c.WEEKS_ACTIVE}
    for days in c.GROWTH_WINDOWS_DAYS:
        for name, measure, prior in (("purchase_days", "days", c.DAY_PRIOR), ("amount", "amount", c.AMOUNT_PRIOR)):
            now, before = f"{measure}_{days}", f"{measure}_{days}_before"
            found[f"{name}_{days}d_to_previous"] = f"({now} + {prior}) / ({before} + {prior})"
    return found


def _rows(cutoff: int) -> str:
    """The statement that gives the rows of one cutoff."""
    features = _features()
    return ROWS.format(
        cutoff=cutoff,
        past=PAST.format(aggregates=", ".join(f"{sql} AS {name}" for name, sql in _aggregates().items())),
        window=c.LINE_WINDOW_DAYS,
        categories=CATEGORIES,
        codes=CODES,
        features=", ".join(f"coalesce(({features[name]})::FLOAT, 'nan'::FLOAT) AS {name}" for name in c.NAMES),
    )


def compute(folder: Path, cutoffs: list[int]) -> Iterator[Chunk]:
    """The rows, one chunk a cutoff."""
    with duckdb.connect(config=SETTINGS) as connection:
        connection.execute("SET preserve_insertion_order = false")
        for n_done, path in enumerate(buckets(folder)):
            connection.read_parquet(str(path)).create_view("lines", replace=True)
            into = "INSERT INTO days" if n_done else "CREATE TEMP TABLE days AS"
            connection.execute(into + DAYS.format(evening=c.EVENING_HOUR, noon=c.NOON_HOUR, cents=c.CENTS))
        connection.read_parquet(f"{folder}/bucket_*.parquet").create_view("lines", replace=True)
        connection.execute(CODED_LINES, [cutoffs[0] - c.LINE_WINDOW_DAYS])
        for cutoff in cutoffs:
            yield Chunk.of_columns(connection.execute(_rows(cutoff)).fetchnumpy())


def main() -> None:
    """Run as a process."""
    run(compute)


if __name__ == "__main__":
    main()
