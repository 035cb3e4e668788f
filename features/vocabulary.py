"""The words of which feature records are made: sources, measures, aggregations.

What each aggregation means is said once, here, and both engines must do just that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from contracts.event_kinds import FORCED, INDUCED, STICKY

NAN = math.nan
WEEK_DAYS = 7
MONTH_DAYS = 28


FAMILIES = {
    "recency": "How long the customer has been silent, and known.",
    "frequency": "How often the customer comes.",
    "monetary": "How much the customer spends.",
    "decay": "Frequency and spend in which the recent weighs more.",
    "gaps": "The customer's own distribution of days between purchases, and the present silence against it.",
    "rhythm": "Habits of week, weekday and hour, and how regular they are.",
    "trend": "More or less than before.",
    "basket": "What an order looks like.",
    "variety": "How many different things, how evenly, how new, and how loyal to a store.",
    "promotion": "How much is bought at a discount, and under benefits that have since ended (the promotion cliff).",
    "price": "Which price tier, and what was paid against newcomers' prices.",
    "returns": "What was given back.",
    "channel": "Channels of purchase, and who pays.",
    "campaigns": "Messages received, answered and ignored.",
    "interaction": "Contacts beside buying: forced (service), induced (attracted), sticky (unprompted).",
    "experience": "Complaints, refused returns, ratings.",
    "season": "The customer against the store as a whole, and the store against itself, now and a year before.",
    "calendar": "The time of the year at the cutoff, the same for all customers.",
    "btyd": "Buy till you die: MBG/NBD, fitted at each cutoff to the purchase days before it.",
}
"""What each family of features tells."""


@dataclass(frozen=True)
class Source:
    """A stream of dated rows a customer: what one row is, and what the shop must record for it."""

    row: str
    one: str = ""
    table: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def needs(self) -> str:
        """The table, or the kinds of its rows of which one must occur: 'responses:opened|responses:clicked'."""
        return "|".join(self.kinds) or self.table


def _responses(*kinds: str) -> tuple[str, ...]:
    return tuple(f"responses:{kind}" for kind in kinds)


def _interactions(*kinds: str) -> tuple[str, ...]:
    return tuple(f"interactions:{kind}" for kind in kinds)


SOURCES = {
    "days": Source("a purchase day: all that the customer bought on one local day", "purchase"),
    "gaps": Source("the days between two successive purchase days"),
    "orders": Source("an order of one purchase day"),
    "lines": Source("a line of a receipt"),
    "returns": Source("a line that gives something back", "return", "returns"),
    "contacts": Source("a campaign's message to the customer", "campaign", "contacts"),
    "opens": Source("a message opened", "opening", "", _responses("opened")),
    "clicks": Source("a message clicked", "click", "", _responses("clicked")),
    "redemptions": Source("a coupon redeemed", "redemption", "", _responses("redeemed")),
    "answers": Source(
        "a message opened or clicked, or a coupon redeemed", "answer", "", _responses("opened", "clicked", "redeemed")
    ),
    "unsubscriptions": Source("a message unsubscribed from", "unsubscription", "", _responses("unsubscribed")),
    "complaints": Source(
        "a complaint, about a message or about anything else",
        "complaint",
        "",
        (*_responses("complained"), *_interactions("complaint")),
    ),
    "complaint_closings": Source("a complaint closed", "closing", "", _interactions("complaint_closed")),
    "refused_returns": Source("a return that the shop refused", "refused_return", "", _interactions("return_refused")),
    "ratings": Source("a rating given, with its points", "rating", "", _interactions("rating")),
    "searches": Source("a search", "search", "", _interactions("search")),
    "views": Source("a product looked at", "view", "", _interactions("view")),
    "abandoned_baskets": Source("a basket left behind", "abandoned_basket", "", _interactions("abandon")),
    "forced": Source("a contact only because a product needs service", "forced_contact", "", _interactions(*FORCED)),
    "induced": Source("a visit that something attracted", "induced_visit", "", _interactions(*INDUCED)),
    "sticky": Source("something done unprompted", "sticky_act", "", _interactions(*STICKY)),
    "store": Source("the store as a whole at the cutoff"),
    "calendar": Source("the cutoff itself"),
    "mbgnbd": Source("the MBG/NBD model fitted to purchase days before the cutoff"),
    "features": Source("other features of the same customer and cutoff"),
}
"""`contacts` to `sticky` are *signals*: rows with a day, a number `n` (1 unless told) and the day they became known."""

SIGNALS = tuple(name for name, source in SOURCES.items() if source.kinds or name == "contacts")


@dataclass(frozen=True)
class Measure:
    """What is measured of a row: its unit, in a sentence, and the column that the shop must record for it."""

    unit: str
    meaning: str
    needs: str = ""


MEASURES = {
    "purchase_days": Measure("days", "purchase days"),
    "orders": Measure("orders", "orders"),
    "lines": Measure("lines", "lines bought"),
    "amount": Measure("currency", "amount paid"),
    "quantity": Measure("units", "units bought", "quantity"),
    "discount": Measure("currency", "amount given off the list price", "discount"),
    "list_amount": Measure("currency", "amount at list prices (paid and given off)", "discount"),
    "weekend_days": Measure("days", "purchase days on a Saturday or Sunday"),
    "full_price_days": Measure("days", "purchase days without any discount", "discount"),
    "promotion_only_days": Measure("days", "purchase days with nothing at full price", "discount"),
    "ended_benefit_days": Measure(
        "days", "purchase days under a benefit that has since ended", "contacts|promotion_id"
    ),
    "discounted_lines": Measure("lines", "lines with a discount", "discount"),
    "coupon_lines": Measure("lines", "lines with a coupon", "coupon_discount"),
    "promotion_lines": Measure("lines", "lines of one of the shop's promotions", "promotion_id"),
    "private_label_lines": Measure("lines", "lines of the shop's own brand", "is_private_label"),
    "new_product_lines": Measure("lines", "lines with a product never bought before", "product_id"),
    "evening_lines": Measure("lines", "lines bought from 17:00 on", "hour"),
    "morning_lines": Measure("lines", "lines bought before 11:00", "hour"),
    "employer_lines": Measure("lines", "lines that the employer pays", "payer"),
    "weekdays": Measure("weekdays", "weekday of the purchase day"),
    "products": Measure("products", "products", "product_id"),
    "categories": Measure("categories", "categories", "category"),
    "departments": Measure("departments", "departments", "department"),
    "stores": Measure("stores", "stores", "store_id"),
    "channels": Measure("channels", "channels of purchase", "channel"),
    "price_rank": Measure("share", "rank of the product's price within its category", "product_id+quantity+category"),
    "newcomers_price": Measure("currency", "amount at the prices that newcomers paid", "product_id+quantity"),
    "priced_amount": Measure("currency", "amount paid for products that newcomers bought too", "product_id+quantity"),
    "gap": Measure("days", "days between purchase days"),
    "return_lines": Measure("lines", "lines given back"),
    "returned_amount": Measure("currency", "amount paid back"),
    "campaigns_received": Measure("campaigns", "campaigns received"),
    "messages_opened": Measure("messages", "messages opened"),
    "messages_clicked": Measure("messages", "messages clicked"),
    "coupons_redeemed": Measure("coupons", "coupons redeemed"),
    "answers": Measure("answers", "answers to messages (opened, clicked, redeemed)"),
    "unsubscriptions": Measure("messages", "messages unsubscribed from"),
    "complaints": Measure("complaints", "complaints made"),
    "complaints_closed": Measure("complaints", "complaints closed"),
    "returns_refused": Measure("returns", "returns that the shop refused"),
    "ratings": Measure("ratings", "ratings given"),
    "rating_points": Measure("points", "points given in ratings", "value"),
    "searches": Measure("searches", "searches"),
    "views": Measure("views", "products looked at"),
    "abandoned_baskets": Measure("baskets", "baskets left behind"),
    "forced_contacts": Measure("events", "forced contacts (a product needed service)"),
    "induced_visits": Measure("events", "induced visits (looked, filled a basket)"),
    "sticky_acts": Measure("events", "sticky acts (searched, reviewed, referred)"),
    "season_sine": Measure("sine", "the day of the year as a point on a circle"),
    "season_cosine": Measure("cosine", "the day of the year as a point on a circle"),
    "p_alive": Measure("probability", "probability that the customer has not left"),
    "p_no_purchase": Measure("probability", "probability of no purchase in the horizon"),
    "expected_purchases": Measure("purchase days", "expected purchase days in the horizon"),
    "": Measure("", ""),
}
"""Signals are measured by the sum of `n`, but for `rating_points`: the sum of the ratings' `value`."""


@dataclass(frozen=True)
class Aggregation:
    """How rows become one number: `definition` is the contract of both engines, `name` and `said` are templates."""

    definition: str
    name: str
    said: str
    empty: float = NAN
    unit: str = ""


AGGREGATIONS = {
    # of days, returns and signals
    "sum": Aggregation(
        "sum of the measure over the rows of the window", "{measure}_{window}", "{said} {in_window}", 0.0
    ),
    "decayed_sum": Aggregation(
        "sum over all rows of measure × 2^(−(cutoff − day) / parameter)",
        "decayed_{measure}_{parameter}d",
        "{said}, weighing half as much every {parameter} days",
        0.0,
    ),
    "days_since_last": Aggregation(
        "cutoff − day of the last row",
        "days_since_last_{one}",
        "days from the last {one_said} to the cutoff",
        NAN,
        "days",
    ),
    "days_since_first": Aggregation(
        "cutoff − day of the first row", "tenure_days", "days from the first {one_said} to the cutoff", NAN, "days"
    ),
    # of days alone
    "last": Aggregation("the measure on the last purchase day", "last_{measure}", "{said} on the last purchase day"),
    "active_weeks": Aggregation(
        "number of distinct weeks back, (cutoff − 1 − day) // 7, among the rows of the window",
        "weeks_active_{weeks}w",
        "of the last {weeks} weeks, those with a purchase",
        0.0,
        "weeks",
    ),
    "weekly_slope": Aggregation(
        "least-squares slope of the measure's weekly sums, oldest week first, over the window's weeks",
        "weekly_{measure}_slope_{weeks}w",
        "slope of weekly {said} over {weeks} weeks",
        0.0,
        "a week",
    ),
    "best_period": Aggregation(
        "largest of the measure's sums over the `parameter` successive periods of 28 days before the cutoff",
        "best_month_{measure}_{parameter}m",
        "{said} in the best of the last {parameter} months of 28 days",
        0.0,
    ),
    "periods_since_best": Aggregation(
        "how many periods back the (latest) best of these lies, 0 for the last one; empty if the best is 0 or less",
        "months_since_best_{measure}_month_{parameter}m",
        "months of 28 days since the best of the last {parameter} by {said}",
        NAN,
        "28 days",
    ),
    "top_share": Aggregation(
        "share of the rows of the window that have its most frequent code",
        "top_{singular}_share_{window}",
        "share of {rows} {top} {in_window}",
        NAN,
        "share",
    ),
    # of gaps: all gaps between purchase days before the cutoff
    "mean": Aggregation("mean", "{measure}_mean_days", "mean {said}"),
    "sd": Aggregation(
        "sample standard deviation (n − 1); empty below two values",
        "{measure}_sd_days",
        "standard deviation of the {said}",
    ),
    "quantile": Aggregation(
        "the `parameter`-quantile, by linear interpolation of order statistics",
        "{measure}_{quantile}_days",
        "{quantile_said} of the {said}",
    ),
    "mean_of_last": Aggregation(
        "mean of the last `parameter` gaps (or as many as there are)", "{measure}_{last}_days", "{last_said}"
    ),
    "silence_percentile": Aggregation(
        "share of the gaps that are at most the present silence (cutoff − last day)",
        "silence_percentile",
        "share of the customer's own gaps that the present silence reaches",
        NAN,
        "share",
    ),
    "regular_share": Aggregation(
        "share of the gaps that differ from their median by at most `parameter` of it, or by one day",
        "on_expected_day_share",
        "share of gaps that differ from the usual by at most a day or {percent}: purchases on the expected day",
        NAN,
        "share",
    ),
    # of orders
    "order_sd": Aggregation(
        "sample standard deviation (n − 1) of the orders' amounts in the window; empty below two orders",
        "order_{measure}_sd_{window}",
        "standard deviation of the amounts of orders {in_window}",
    ),
    # of lines
    "distinct": Aggregation(
        "number of distinct codes among the lines of the window",
        "distinct_{measure}_{window}",
        "different {said} {in_window}",
        0.0,
    ),
    "entropy": Aggregation(
        "Shannon entropy (nats) of the codes of the lines of the window",
        "{singular}_entropy_{window}",
        "entropy of the {said} of lines {in_window}",
        NAN,
        "nats",
    ),
    "line_mean": Aggregation(
        "mean of the measure over the lines of the window for which it is known",
        "{measure}_{window}",
        "mean {said} {in_window}",
    ),
    "line_sum": Aggregation(
        "sum of the measure over the lines of the window for which it is known",
        "{measure}_{window}",
        "{said} {in_window}",
        0.0,
    ),
    # of the store: over all customers with a purchase before the cutoff
    "store_total": Aggregation(
        "sum of the operand over all customers; empty if the window began before the first sale known",
        "store_{of}",
        "{of_said}, all customers together",
    ),
    "store_active": Aggregation(
        "number of customers whose operand is above 0",
        "store_customers_with_{of}",
        "customers with {of_said}",
        NAN,
        "customers",
    ),
    # of the cutoff
    "on_circle": Aggregation(
        "sine or cosine of 2π × (days from 1970-01-01 to the cutoff) / 365.2425", "{measure}", "{said}, its {unit}"
    ),
    # of the MBG/NBD model
    "mbgnbd": Aggregation("answer of the model fitted per cutoff", "mbgnbd_{measure}", "MBG/NBD: {said}"),
    # of other features: a and b are the operands
    "per": Aggregation(
        "a / b; empty where b is 0 or empty",
        "{a_measure}_per_{b_singular}_{window}",
        "{per_said}",
    ),
    "share": Aggregation(
        "a / b; empty where b is 0 or empty",
        "{a_singular}_share_{window}",
        "{a_meaning}, as a share of {b_meaning}",
        NAN,
        "share",
    ),
    "rate": Aggregation(
        "a / b; empty where b is 0 or empty",
        "{a_singular}_rate_{window}",
        "{a_meaning}, divided by {b_meaning}",
        NAN,
        "share",
    ),
    "ratio": Aggregation(
        "a / b; empty where b is 0 or empty", "{a}_to_{b}", "{a_meaning}, divided by {b_meaning}", NAN, "ratio"
    ),
    "growth": Aggregation(
        "(a + parameter) / (b + parameter): 1 where nothing changed",
        "{a}_to_previous",
        "{a_meaning}, divided by the same in the window before, {parameter} added to each",
        NAN,
        "ratio",
    ),
    "difference": Aggregation("a − b", "{a}_less_{b}", "{a_meaning}, less {b_meaning}"),
}

SINGULAR = {
    "categories": "category",
    "quantity": "quantity",
    "purchase_days": "purchase_day",
    "campaigns_received": "campaign",
}
TOP_SAID = {
    "weekdays": "that fall on the favourite weekday",
    "categories": "in the favourite category",
    "stores": "bought in the usual store",
    "channels": "bought by the usual channel",
}
