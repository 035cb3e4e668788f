"""The list of features. A new one of a known kind is one more record here; engines, names and documents follow.

What a record means is said in `features/records.py`; docs/FEATURES.md is made from this list.
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.errors import ParameterError
from features.records import Feature

COUNT_WINDOWS_DAYS = (7, 14, 28, 56, 91, 182, 364)
AMOUNT_WINDOWS_DAYS = (28, 56, 91, 182, 364)
HALF_LIVES_DAYS = (7, 14, 28, 56)
WEEKS_ACTIVE = (4, 8, 13, 26, 52)
ANSWERED = (("answers", "answers"), ("campaigns_received", "contacts"))
PROMOTION_DAYS = ("full_price_days", "promotion_only_days", "ended_benefit_days")
YEAR_DAYS = 364
"""52 weeks: the same weekday a year before."""


def trailing(
    measure: str, days: int | None = None, *, skip: int = 0, family: str = "", source: str = "days"
) -> Feature:
    """Sum of a measure over a trailing window."""
    return Feature(family, source, measure, "sum", days, skip)


def _of(
    aggregation: str, family: str, a: Feature, b: Feature, *, parameter: float | None = None, short: str = ""
) -> Feature:
    measure = a.measure if aggregation in ("per", "share", "rate") else ""
    return Feature(family, "features", measure, aggregation, parameter=parameter, operands=(a, b), short=short)


def share(family: str, part: str, whole: str, days: int | None) -> Feature:
    """Share of one measure in another over the same window."""
    return _of("share", family, trailing(part, days), trailing(whole, days))


def per(family: str, part: str, whole: str, days: int | None, short: str = "") -> Feature:
    """One measure for each unit of another over the same window."""
    return _of("per", family, trailing(part, days), trailing(whole, days), short=short)


def growth(family: str, measure: str, days: int, prior: float, short: str = "") -> Feature:
    """A window against the one before it, pulled to 1 by `prior` units on both sides."""
    return _of(
        "growth", family, trailing(measure, days), trailing(measure, days, skip=days), parameter=prior, short=short
    )


def gaps(aggregation: str, parameter: float | None = None, short: str = "") -> Feature:
    """A statistic of the customer's gaps."""
    return Feature("gaps", "gaps", "gap", aggregation, parameter=parameter, short=short)


def signal(family: str, source: str, measure: str, *windows: int | None) -> tuple[Feature, ...]:
    """How many in each window, and the days since the last one."""
    counts = tuple(trailing(measure, days, source=source, family=family) for days in windows)
    return (*counts, Feature(family, source, "", "days_since_last"))


SILENCE = Feature("recency", "days", "", "days_since_last", short="silence")
TENURE = Feature("recency", "days", "", "days_since_first")
VISITS_28D = trailing("purchase_days", 28, family="frequency")
USUAL_AMOUNT = per("monetary", "amount", "purchase_days", None, short="usual_amount")
GAP_MEAN = gaps("mean", short="gap_mean")
GAP_MEDIAN = gaps("quantile", 0.5, short="gap_median")
GAP_RECENT = gaps("mean_of_last", 5, short="gap_recent")
BEST_MONTH = Feature("trend", "days", "amount", "best_period", parameter=6, short="best_month")


def _store(of: Feature, aggregation: str = "store_total") -> Feature:
    return Feature("season", "store", of.measure, aggregation, of.window_days, of.skip_days, operands=(of,))


def _store_growth(days: int, skip: int = 0) -> Feature:
    """The store's purchase days of a window against the one before it."""
    now, before = trailing("purchase_days", days, skip=skip), trailing("purchase_days", days, skip=skip + days)
    short = "store_growth" if not skip else ""
    return _of("growth", "season", _store(now), _store(before), parameter=1.0, short=short)


STORE_MEAN = _of(
    "per",
    "season",
    _store(trailing("purchase_days", 28)),
    _store(trailing("purchase_days", 91), "store_active"),
    short="store_mean",
)


def _lines(aggregation: str, measure: str, days: int, skip: int = 0, family: str = "variety") -> Feature:
    return Feature(family, "lines", measure, aggregation, days, skip)


def _recency() -> Iterable[Feature]:
    yield from (SILENCE, TENURE)


def _frequency() -> Iterable[Feature]:
    yield from (trailing("purchase_days", days, family="frequency") for days in (*COUNT_WINDOWS_DAYS, None))
    yield _of("rate", "frequency", trailing("purchase_days"), TENURE)
    yield trailing("orders", 91, family="frequency")


def _monetary() -> Iterable[Feature]:
    yield from (trailing("amount", days, family="monetary") for days in (*AMOUNT_WINDOWS_DAYS, None))
    yield from (per("monetary", "amount", "purchase_days", 91), USUAL_AMOUNT)


def _decay() -> Iterable[Feature]:
    yield from (Feature("decay", "days", "purchase_days", "decayed_sum", parameter=h) for h in HALF_LIVES_DAYS)
    yield from (Feature("decay", "days", "amount", "decayed_sum", parameter=h) for h in HALF_LIVES_DAYS if h >= 14)


def _gaps() -> Iterable[Feature]:
    yield from (GAP_MEAN, GAP_MEDIAN, gaps("sd", short="gap_sd"))
    yield _of("ratio", "gaps", gaps("sd", short="gap_sd"), GAP_MEAN)
    yield from (gaps("quantile", 0.25), gaps("quantile", 0.75), gaps("quantile", 0.9), gaps("quantile", 1.0))
    yield from (gaps("mean_of_last", 1), GAP_RECENT, _of("ratio", "gaps", GAP_RECENT, GAP_MEAN))
    yield from (_of("ratio", "gaps", SILENCE, GAP_MEAN), _of("ratio", "gaps", SILENCE, GAP_MEDIAN))
    yield gaps("silence_percentile")


def _rhythm() -> Iterable[Feature]:
    yield from (Feature("rhythm", "days", "purchase_days", "active_weeks", 7 * weeks) for weeks in WEEKS_ACTIVE)
    yield Feature("rhythm", "days", "weekdays", "top_share")
    yield share("rhythm", "weekend_days", "purchase_days", None)
    yield Feature("rhythm", "gaps", "gap", "regular_share", parameter=0.2)
    yield from (share("rhythm", part, "lines", 182) for part in ("evening_lines", "morning_lines"))


def _trend() -> Iterable[Feature]:
    for days in (28, 91):
        short = "purchase_days_growth" if days == 28 else ""
        yield from (growth("trend", "purchase_days", days, 1.0, short), growth("trend", "amount", days, 10.0))
    yield Feature("trend", "days", "purchase_days", "weekly_slope", 91)
    yield Feature("trend", "days", "amount", "periods_since_best", parameter=6)
    yield _of("ratio", "trend", trailing("amount", 28), BEST_MONTH)


def _basket() -> Iterable[Feature]:
    yield from (per("basket", "lines", "orders", 91), trailing("quantity", 91, family="basket"))
    yield from (per("basket", "amount", "orders", 91), Feature("basket", "orders", "amount", "order_sd", 91))
    yield _of("ratio", "basket", Feature("basket", "days", "amount", "last"), USUAL_AMOUNT)


def _variety() -> Iterable[Feature]:
    yield from (_lines("distinct", "products", 91), _lines("distinct", "categories", 28))
    yield from (_lines("distinct", "categories", 91), _lines("distinct", "departments", 91))
    yield trailing("new_product_lines", family="variety")
    yield from (_lines("entropy", "categories", 91), _lines("top_share", "categories", 91))
    yield _of("difference", "variety", _lines("top_share", "categories", 91), _lines("top_share", "categories", 91, 91))
    yield share("variety", "new_product_lines", "lines", 91)
    yield from (_lines("top_share", "stores", 91), _lines("distinct", "stores", 91))
    yield share("variety", "private_label_lines", "lines", 91)


def _promotion() -> Iterable[Feature]:
    yield from (share("promotion", "discount", "list_amount", days) for days in (28, 91))
    yield from (
        share("promotion", part, "lines", 91) for part in ("discounted_lines", "coupon_lines", "promotion_lines")
    )
    yield from (share("promotion", part, "purchase_days", 91) for part in PROMOTION_DAYS)
    yield Feature("price", "lines", "price_rank", "line_mean", 91)
    yield _of("ratio", "price", _lines("line_sum", "priced_amount", 91), _lines("line_sum", "newcomers_price", 91))


def _returns() -> Iterable[Feature]:
    yield from signal("returns", "returns", "return_lines", 91, None)
    yield _of("ratio", "returns", trailing("returned_amount", source="returns"), trailing("amount"))


def _channel() -> Iterable[Feature]:
    yield from (
        _lines("distinct", "channels", 182, family="channel"),
        _lines("top_share", "channels", 182, family="channel"),
    )
    yield share("channel", "employer_lines", "lines", 182)


def _campaigns() -> Iterable[Feature]:
    yield from signal("campaigns", "contacts", "campaigns_received", 28, 91, None)
    yield from signal("campaigns", "redemptions", "coupons_redeemed", 91, None)
    yield from signal("campaigns", "opens", "messages_opened", 91)
    yield from signal("campaigns", "clicks", "messages_clicked", 91)
    yield trailing("unsubscriptions", source="unsubscriptions", family="campaigns")
    answers, received = (trailing(name, 91, source=source) for name, source in ANSWERED)
    yield _of("per", "campaigns", answers, received)


def _interaction() -> Iterable[Feature]:
    for source, measure in (("forced", "forced_contacts"), ("induced", "induced_visits"), ("sticky", "sticky_acts")):
        yield from signal("interaction", source, measure, 182)
    for source, measure in (("searches", "searches"), ("views", "views"), ("abandoned_baskets", "abandoned_baskets")):
        yield trailing(measure, 28, source=source, family="interaction")


def _experience() -> Iterable[Feature]:
    yield from signal("experience", "complaints", "complaints", 182)
    yield _of(
        "difference",
        "experience",
        trailing("complaints", source="complaints"),
        trailing("complaints_closed", source="complaint_closings"),
        short="open_complaints",
    )
    yield trailing("returns_refused", 364, source="refused_returns", family="experience")
    yield _of(
        "per",
        "experience",
        trailing("rating_points", 364, source="ratings"),
        trailing("ratings", 364, source="ratings"),
    )


def _season() -> Iterable[Feature]:
    yield _of("ratio", "season", VISITS_28D, STORE_MEAN)
    yield _of("ratio", "season", growth("trend", "purchase_days", 28, 1.0, "purchase_days_growth"), _store_growth(28))
    yield from (_store_growth(28), _store_growth(91))
    yield from (_store_growth(28, YEAR_DAYS - 28), _store_growth(91, YEAR_DAYS - 91))
    yield from (trailing("purchase_days", days, skip=YEAR_DAYS - days, family="season") for days in (28, 91))


def _calendar() -> Iterable[Feature]:
    yield from (Feature("calendar", "calendar", m, "on_circle") for m in ("season_sine", "season_cosine"))


def _btyd() -> Iterable[Feature]:
    yield from (Feature("btyd", "mbgnbd", m, "mbgnbd") for m in ("p_alive", "p_no_purchase", "expected_purchases"))


FAMILY_RECORDS = (
    _recency,
    _frequency,
    _monetary,
    _decay,
    _gaps,
    _rhythm,
    _trend,
    _basket,
    _variety,
    _promotion,
    _returns,
    _channel,
    _campaigns,
    _interaction,
    _experience,
    _season,
    _calendar,
    _btyd,
)
FEATURES: tuple[Feature, ...] = tuple(feature for records in FAMILY_RECORDS for feature in records())
BY_NAME = {feature.name: feature for feature in FEATURES}
if len(BY_NAME) < len(FEATURES):
    names = [feature.name for feature in FEATURES]
    raise ParameterError(f"features/catalogue.py: two records are called {max(names, key=names.count)}; rename one")
if unnamed := [feature.name for feature in FEATURES if not feature.family]:
    raise ParameterError(f"features/catalogue.py: expected a family of each record, got none of {unnamed[0]}")
