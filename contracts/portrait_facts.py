"""The facts that a label in `portraits.yaml` may rest on: a closed list, each with its meaning, unit and kind.

A fact is one value for each customer, from what they did here before the cutoff. It is missing where the customer has
nothing to tell (no gap between visits after one visit) and where the shop does not record what it `needs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contracts.tables import INTERACTIONS, PAYERS, SENSITIVITIES, STATES, TIERS

Kind = Literal["number", "text", "flag"]
UNKNOWN = "unknown"
SHARE = "share, 0 to 1"
HALF_YEAR = "in the last 182 days"


@dataclass(frozen=True)
class Fact:
    """One fact. `values` close a text's list ('unknown' is missing); `needs` is what a shop must record."""

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    values: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The fact in one line, as the head of `portraits.yaml` lists it."""
        unit = self.unit or (" | ".join(self.known_values) if self.values else self.kind)
        return f"{self.name} ({unit}): {self.meaning}"

    @property
    def known_values(self) -> tuple[str, ...]:
        """The values of a closed list that say something."""
        return tuple(value for value in self.values if value != UNKNOWN)


def _number(name: str, unit: str, meaning: str, *needs: str) -> Fact:
    return Fact(name, "number", meaning, unit, needs=needs)


def _text(name: str, meaning: str, values: tuple[str, ...] = (), *needs: str) -> Fact:
    return Fact(name, "text", meaning, values=values, needs=needs)


def _flag(name: str, meaning: str, *needs: str) -> Fact:
    return Fact(name, "flag", meaning, needs=needs)


LIFECYCLE = (
    _text("tier", "loyalty earned so far, kept while lapsing", TIERS),
    _text("state", "present silence against the customer's own rhythm", STATES),
    _number("n_purchase_days", "purchase days", "purchase days so far"),
    _number("silence_days", "days", "days since the last purchase"),
    _text("first_on", "day of the first purchase, in words"),
    _text("last_on", "day of the last purchase, in words"),
)

BUYING = (
    _number("usual_gap_days", "days", "median days between purchase days"),
    _text("usual_gap_words", "the same in words, as '6.5 days'"),
    _number("gap_cv", "times the mean", "how far those gaps vary: their standard deviation over their mean"),
    _flag("is_steady", "gap_cv is at most params.yaml's portray.steady_gap_cv, over portray.regular_days or more"),
    _number("days_half_year", "purchase days", f"purchase days {HALF_YEAR}"),
    _number("days_quarter", "purchase days", "purchase days in the last 91 days"),
    _number("days_quarter_before", "purchase days", "purchase days in the 91 days before those"),
    _number("spend", "currency", f"paid {HALF_YEAR}"),
    _number("spend_ever", "currency", "paid so far"),
    _number("spend_quarter", "currency", "paid in the last 91 days"),
    _number("spend_quarter_before", "currency", "paid in the 91 days before those"),
)

HABITS = (
    _number("n_visits", "visits", f"receipts {HALF_YEAR}"),
    _number("weekend_share", SHARE, "visits on a Saturday or Sunday"),
    _number("morning_share", SHARE, "visits from 5 to 12", "hour"),
    _number("afternoon_share", SHARE, "visits from 12 to 17", "hour"),
    _number("evening_share", SHARE, "visits from 17 to 21", "hour"),
    _number("late_share", SHARE, "visits from 21 to 5", "hour"),
    _number("n_stores", "stores", f"stores visited {HALF_YEAR}", "store_id"),
    _number("store_share", SHARE, "visits to the store visited most", "store_id"),
    _text("main_channel", "way of buying used for most visits, in the shop's words", (), "channel"),
    _number("n_channels", "ways of buying", f"ways of buying used {HALF_YEAR}", "channel"),
    _number("shop_n_channels", "ways of buying", "the same of all customers together", "channel"),
    _number("channel_share", SHARE, "visits by the way of buying used most", "channel"),
    _number("lines_per_visit", "items", "different items in a visit, on average"),
    _number("shop_lines_per_visit", "items", "the same of the middle customer"),
    _number("category_days", "purchase days", "days with a purchase in the favourite category", "category"),
    _text("favourite_words", "words.yaml's words for the category bought on most days", (), "category"),
    _number("n_goods", "products", f"different products bought {HALF_YEAR}", "product_id"),
    _number("new_goods_share", SHARE, "those never bought before; only for who was here earlier", "product_id"),
)

ABILITY = (
    _text("value_tier", f"by spend {HALF_YEAR}", ("top", "middle", "base")),
    _number("shop_spend", "currency", "spend of the middle customer among those who bought in that time"),
    _number("spend_per_visit", "currency", "paid in a visit, on average"),
    _number("shop_spend_per_visit", "currency", "the same of the middle customer"),
    _number("n_priced_lines", "items", "items with a price to compare within their category", "category", "quantity"),
    _number("price_level", "times the category's", "own middle unit price over the category's", "category", "quantity"),
    _number("headroom", "currency", "what customers like this one spent more, where this one spent less", "category"),
)

PREFERENCE = (
    _text("promotion_sensitivity", "by the share of the list price given off", SENSITIVITIES, "discount"),
    _number("list_price", "currency", f"list price of what was bought {HALF_YEAR}", "discount"),
    _number("discount", "currency", f"given off {HALF_YEAR}", "discount"),
    _number("discount_share", SHARE, "given off, of the list price", "discount"),
    _number("reduced_share", SHARE, "items bought with something off", "discount"),
    _number("coupon_days", "purchase days", f"days with a coupon {HALF_YEAR}", "coupon_discount"),
    _number("own_brand_share", SHARE, "items of the shop's own brand", "is_private_label"),
    _text("lover_words", "words.yaml's words for the category with most spend", (), "category"),
    _number("lover_spend", "currency", f"spend in that category {HALF_YEAR}", "category"),
    _number("lover_share", SHARE, "that, of all spend", "category"),
    _text("payer", "who pays for most of what was bought so far; 'employer' if most receipts got an invoice", PAYERS),
    _text("payer_words", "how that shows, in words, as 'you asked for an invoice on 3 of your 4 purchases'"),
)

INTERACTION = (
    _text("interaction", f"how the customer meets the shop beside buying, {HALF_YEAR}", INTERACTIONS),
    _number("n_forced", "events", f"service requests and care visits {HALF_YEAR}"),
    _number("n_induced", "events", f"messages opened, clicked, redeemed; pages viewed, baskets {HALF_YEAR}"),
    _number("n_sticky", "events", f"reviews, referrals, searches, days bought at full price {HALF_YEAR}"),
    _number("n_redeemed", "events", f"coupons and offers redeemed {HALF_YEAR}", "responses:redeemed"),
    _number("n_referrals", "events", "customers brought so far", "interactions:referral"),
    _number("n_reviews", "events", "reviews written so far", "interactions:review"),
    _flag("has_open_complaint", "a complaint that is not closed", "interactions:complaint"),
    _text("complaint_on", "day of the last complaint, in words", (), "interactions:complaint"),
)

FRAME = (
    _text("cutoff", "the week's Monday, in words"),
    _text("data_through", "the day before it"),
    _text("since", "the first of the last 182 days"),
    _text("currency", "the currency's code"),
)

FACTS = {
    fact.name: fact for fact in (*LIFECYCLE, *BUYING, *HABITS, *ABILITY, *PREFERENCE, *INTERACTION, *FRAME)
}  # fmt: skip
