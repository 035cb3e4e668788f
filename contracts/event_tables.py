"""The canonical tables of a shop's events: what one row is, its key, and each column's unit and range.

Of purchases only customer, instant and amount are required. A column that the shop does not record is absent as a
whole, and reported as absent. `known_at` says when a row became known, where that was later than its instant: a row
counts for a cutoff's features and eligibility only if it was known before it. `docs/DATA.md` is made from this module.
"""

from __future__ import annotations

import pandera.pandas as pa

from contracts.event_kinds import EXPERIENCE, FORCED, INDUCED, INTERACTION_KINDS, REASONS, RESPONSE_KINDS, STICKY
from contracts.table import COUNT, DAY, INSTANT, MAYBE, NUMBER, TEXT, Table, column, one_of, positive

CUSTOMER = column(TEXT, "the customer's id, as the shop gives it (or its keyed hash)")
KNOWN_AT = column(INSTANT, "instant at which the row became known, UTC; empty: at once", nullable=True)


def _text(meaning: str) -> pa.Column:
    return column(TEXT, meaning, nullable=True)


SOURCE = {
    "source": column(TEXT, "first 12 characters of the SHA-256 of the file that the line came from"),
    "source_line": column(COUNT, "line (or row) in that file, from 1"),
}

OPTIONAL_OF_LINES = {
    "product_id": _text("product"),
    "product_name": _text("what the line calls the product"),
    "category": _text("what the line calls the product's category"),
    "store_id": _text("shop visited"),
    "channel": _text("channel of the purchase, in the shop's words"),
    "quantity": column(NUMBER, "units bought; below 0 where something is given back", nullable=True),
    "discount": positive("given off the list price by loyalty price and coupons, store currency", nullable=True),
    "coupon_discount": positive("part of the discount that came by coupon, store currency", nullable=True),
    "payer": one_of("who pays", "self", "employer", "gift", nullable=True),
    "invoice_requested": column(MAYBE, "an invoice was asked for", nullable=True),
    "payer_recognised": column(MAYBE, "the payer was recognised as a member", nullable=True),
    "units": column(NUMBER, "units of service, as nights of a stay", nullable=True),
    "promotion_id": _text("the shop's promotion that the line belongs to"),
    "known_at": KNOWN_AT,
    "currency": _text("ISO 4217 code, where the source names one"),
}
"""What a purchase line may carry beside customer, order, instant and amount."""

OPTIONAL = frozenset(OPTIONAL_OF_LINES)

PURCHASES = Table(
    "purchases",
    "one line of a receipt that counts as a purchase (until it is undone)",
    ("source", "source_line"),
    {
        **SOURCE,
        "customer_id": CUSTOMER,
        "order_id": column(TEXT, "receipt; customer and day where the source names none"),
        "ordered_at": column(INSTANT, "instant of purchase, UTC"),
        "ordered_on": column(DAY, "local day of purchase"),
        "ordered_hour": column("int8", "local hour of purchase", pa.Check.in_range(0, 23)),
        "amount": column(NUMBER, "paid to the shop, store currency", pa.Check.gt(0)),
        **OPTIONAL_OF_LINES,
        "is_cancellation": column("bool", "its order is marked as one that undoes another"),
        "repair": column(TEXT, "codes of what was mended when the line was read, joined by ','; empty if nothing"),
        "undone_at": column(INSTANT, "instant at which its undoing became known, UTC; empty: it stands", nullable=True),
    },
    optional=OPTIONAL,
)

RETURNS = Table(
    "returns",
    "one line that undoes a purchase of an earlier day, or gives something back",
    ("source", "source_line"),
    {
        **{name: kind for name, kind in PURCHASES.columns.items() if name not in ("amount", "undone_at")},
        "amount": column(NUMBER, "paid back by the shop (below 0), store currency", pa.Check.lt(0)),
        "kind": one_of("whether the purchase that it undoes was found", "cancellation", "return"),
        "undoes_source": _text("`source` of the purchase that it undoes"),
        "undoes_line": column("Int64", "`source_line` of the purchase that it undoes", nullable=True),
    },
    optional=OPTIONAL,
)

REJECTS = Table(
    "rejects",
    "one source line that is no purchase, with the rule that says so",
    ("source", "source_line"),
    {
        **SOURCE,
        "customer_id": _text("the customer's id; empty where the line names none"),
        "order_id": _text("receipt; empty where the line names none"),
        "ordered_at": column(INSTANT, "instant of purchase, UTC", nullable=True),
        "amount": column(NUMBER, "amount, store currency", nullable=True),
        **OPTIONAL_OF_LINES,
        "discount": column(NUMBER, "given off the list price, store currency", nullable=True),
        "coupon_discount": column(NUMBER, "given off by coupon, store currency", nullable=True),
        "payer": _text("who pays"),
        "units": column(NUMBER, "units of service", nullable=True),
        "is_cancellation": column("bool", "its order is marked as one that undoes another"),
        "problem": column(TEXT, "what could not be read; empty if nothing"),
        "repair": column(TEXT, "codes of what was mended when the line was read"),
        "rule": column(TEXT, "code of the cleaning rule"),
    },
    optional=OPTIONAL,
)

PRODUCTS = Table(
    "products",
    "one product, as it was first described",
    ("product_id",),
    {
        "product_id": column(TEXT, "product"),
        "department": _text("widest grouping"),
        "category": _text("grouping that shoppers would name"),
        "product_type": _text("what it is, in the shop's words"),
        "is_private_label": column(MAYBE, "the shop's own brand", nullable=True),
    },
)

CUSTOMERS = Table(
    "customers",
    "one customer's membership: how they joined, and what they refuse",
    ("customer_id",),
    {
        "customer_id": CUSTOMER,
        "joined_at": column(INSTANT, "instant of joining, UTC", nullable=True),
        "joined_by": _text("how the customer joined, as 'at the till'"),
        "joined_store_id": _text("where the customer joined"),
        "preferred_channel": _text("channel that the customer asked for"),
        "same_as": _text("id of the same person under which purchases are counted"),
        "no_marketing": column(MAYBE, "wants no marketing", nullable=True),
        "no_profiling": column(MAYBE, "wants no profile: no score, portrait or plan, and no training", nullable=True),
        "known_at": KNOWN_AT,
    },
    optional=frozenset(
        {
            "joined_at",
            "joined_by",
            "joined_store_id",
            "preferred_channel",
            "same_as",
            "no_marketing",
            "no_profiling",
            "known_at",
        }
    ),
)

CONSENTS = Table(
    "consents",
    "one customer's consent to one channel, with its proof",
    ("customer_id", "channel", "given_at"),
    {
        "customer_id": CUSTOMER,
        "channel": column(TEXT, "channel that may be used"),
        "given_at": column(INSTANT, "instant of consent, UTC"),
        "withdrawn_at": column(INSTANT, "instant of withdrawal, UTC; empty: it holds", nullable=True),
        "proof": _text("which text was agreed to, and how"),
        "known_at": KNOWN_AT,
    },
    optional=frozenset({"withdrawn_at", "proof", "known_at"}),
)

CAMPAIGNS = Table(
    "campaigns",
    "one campaign of the shop",
    ("campaign_id",),
    {
        "campaign_id": column(TEXT, "campaign"),
        "campaign_type": column(TEXT, "the shop's type"),
        "starts_on": column(DAY, "first local day"),
        "ends_on": column(DAY, "last local day"),
    },
)

CONTACTS = Table(
    "contacts",
    "one message of a campaign to one customer",
    ("customer_id", "campaign_id", "sent_at"),
    {
        "customer_id": CUSTOMER,
        "campaign_id": column(TEXT, "campaign"),
        "sent_at": column(INSTANT, "instant of sending (the campaign's start where the source names none), UTC"),
        "sent_on": column(DAY, "local day of sending"),
        "offer": _text("offer in the message"),
        "channel": _text("channel of the message"),
        "arm": one_of("arm of the experiment", "treated", "control", nullable=True),
        "propensity": column(NUMBER, "probability of that arm", pa.Check.in_range(0, 1), nullable=True),
        "known_at": KNOWN_AT,
    },
    optional=frozenset({"offer", "channel", "arm", "propensity", "known_at"}),
)

COUPONS = Table(
    "coupons",
    "one product that one coupon of a campaign is good for",
    ("coupon_id", "product_id", "campaign_id"),
    {
        "coupon_id": column(TEXT, "coupon"),
        "product_id": column(TEXT, "product"),
        "campaign_id": column(TEXT, "campaign"),
    },
)

RESPONSES = Table(
    "responses",
    "what one customer did about one campaign (and coupon) on one day; `n` counts equal ones",
    ("customer_id", "campaign_id", "coupon_id", "kind", "responded_at"),
    {
        "customer_id": CUSTOMER,
        "campaign_id": column(TEXT, "campaign"),
        "coupon_id": column(TEXT, "coupon; empty where it was none"),
        "kind": one_of("what the customer did", *RESPONSE_KINDS),
        "responded_at": column(
            INSTANT, "instant of the response (the end of its local day where only a day is known), UTC"
        ),
        "responded_on": column(DAY, "local day of the response"),
        "n": column(COUNT, "how many", pa.Check.ge(1)),
        "reason": one_of("why the offer was not wanted, if the customer said so", *REASONS, nullable=True),
        "known_at": KNOWN_AT,
    },
    optional=frozenset({"reason", "known_at"}),
)

INTERACTIONS = Table(
    "interactions",
    "one event of a customer with the shop that is no purchase",
    ("customer_id", "kind", "happened_at"),
    {
        "customer_id": CUSTOMER,
        "kind": one_of(
            f"what happened; forced: {', '.join(FORCED)}; induced: {', '.join(INDUCED)}; sticky: {', '.join(STICKY)}; "
            f"experience: {', '.join(EXPERIENCE)}",
            *INTERACTION_KINDS,
        ),
        "happened_at": column(INSTANT, "instant, UTC"),
        "happened_on": column(DAY, "local day"),
        "product_id": _text("product that it is about"),
        "value": positive("points of a rating; empty for other kinds", nullable=True),
        "with_customer_id": _text("the other customer of a referral"),
        "known_at": KNOWN_AT,
    },
    optional=frozenset({"product_id", "value", "with_customer_id", "known_at"}),
)

PROMOTIONS = Table(
    "promotions",
    "one promotion of the shop's own calendar, open to all",
    ("promotion_id",),
    {
        "promotion_id": column(TEXT, "promotion"),
        "name": _text("what the shop calls it"),
        "starts_on": column(DAY, "first local day"),
        "ends_on": column(DAY, "last local day"),
        "known_at": KNOWN_AT,
    },
    optional=frozenset({"name", "known_at"}),
)

LINE_TABLES = {"purchases": PURCHASES, "returns": RETURNS, "rejects": REJECTS}
SIDE_TABLES = {
    "products": PRODUCTS,
    "customers": CUSTOMERS,
    "consents": CONSENTS,
    "campaigns": CAMPAIGNS,
    "contacts": CONTACTS,
    "coupons": COUPONS,
    "responses": RESPONSES,
    "interactions": INTERACTIONS,
    "promotions": PROMOTIONS,
}
