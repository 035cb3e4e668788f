"""Purchase lines of a block, as the shop's till wrote them: what was bought, what was undone, in canonical columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from simulation.baskets import Baskets, baskets_of
from simulation.customers import Truth, customers_of
from simulation.days import instants_us
from simulation.draws import BLOCK, Ints
from simulation.shop import Setting
from simulation.trips import Trips, trips_of
from simulation.undoings import CANCELLED, KINDS, Undoings, undoings_of

RECEIPTS = 2**14
"""Receipts that a customer may have: purchases from 0, returns from the end."""
SCATTER, SCATTER_MASK = 0x9E3779B97F4A7C15 & (2**44 - 1), 2**44 - 1
EARLY_SECOND = 6 * 3600
CANCELLED_PREFIX = "C-"
SECOND_ID_FROM = 500_000_000
PAYERS = ("self", "employer", "gift")
MISSING = -1
RECORDED = frozenset(
    {
        *("product_id", "product_name", "category", "store_id", "channel", "quantity", "discount", "coupon_discount"),
        *("payer", "invoice_requested", "payer_recognised", "promotion_id", "known_at", "currency"),
    }
)
"""The optional columns that the simulated shop records: all but `units`."""


@dataclass(frozen=True)
class Block:
    """What became of 256 customers (fewer in a world's last block); `undone_of` tells of `undone`."""

    truth: Truth
    lines: pd.DataFrame
    undone: pd.DataFrame


def block_of(setting: Setting, block: int) -> Block:
    """One block, whatever came before it: customers drawn whole, then cut to the world's size."""
    whole = customers_of(setting, block)
    trips = trips_of(setting, whole, block)
    baskets = baskets_of(setting, whole, trips, block)
    undoings = undoings_of(setting, trips, baskets, block)
    size = min(BLOCK, setting.world.n_customers - block * BLOCK)
    lines = _lines(setting, whole, trips, baskets, undoings)
    undone = undone_of(setting, whole, trips, baskets, undoings)
    if size < BLOCK:
        lines = lines[lines["_customer"] < size]
        undone = undone[undone["_customer"] < size]
    return Block(whole.first(size), _without_place(lines), _without_place(undone))


def _without_place(frame: pd.DataFrame) -> pd.DataFrame:
    """By customer, whose place in the block is not part of the result."""
    return frame.sort_values("_customer", kind="stable").drop(columns="_customer").reset_index(drop=True)


def texts(names: list[str] | pa.Array, places: Ints) -> pd.Series:
    """Names by their places; missing where the place is -1."""
    listed = names if isinstance(names, pa.Array) else pa.array(names, pa.large_string())
    taken = listed.take(pa.array(places, mask=places == MISSING))
    return pd.Series(taken.to_pandas())


def numbered(prefix: str, numbers: Ints, width: int) -> pa.Array:
    """Ids as the shop writes them: a prefix and a number of fixed width."""
    padded = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.large_string()), width=width, padding="0")
    return pc.binary_join_element_wise(pa.scalar(prefix, pa.large_string()), padded, pa.scalar("", pa.large_string()))


def customer_ids(truth: Truth) -> pa.Array:
    """The ids on first and second cards: customer k's are at places 2k and 2k + 1."""
    pairs = np.stack([truth.number, truth.number + SECOND_ID_FROM], axis=1)
    return numbered("K", pairs.ravel(), 9)


def receipts(number: Ints, nth: Ints) -> Ints:
    """Receipt numbers that tell neither customer nor order: an odd factor modulo 2^44 is one to one."""
    plain = number.astype(np.uint64) * np.uint64(RECEIPTS) + (nth % RECEIPTS).astype(np.uint64)
    return ((plain * np.uint64(SCATTER)) & np.uint64(SCATTER_MASK)).astype(np.int64)


def _receipt_numbers(truth: Truth, trips: Trips, baskets: Baskets, undoings: Undoings) -> tuple[Ints, Ints]:
    """The receipts of bought lines and of undoings: a cancelled order's own, a new one for each returned line."""
    trip = baskets.trip[undoings.line]
    owner = trips.customer[trip]
    bought = receipts(truth.number[trips.customer], trips.nth)
    is_cancelled = undoings.kind == CANCELLED
    order = np.lexsort((undoings.line, owner))
    first = np.searchsorted(owner[order], owner[order], side="left")
    nth = np.empty(len(owner), dtype=np.int64)
    nth[order] = np.arange(len(owner)) - first
    own = receipts(truth.number[owner], RECEIPTS - 1 - nth)
    return bought[baskets.trip], np.where(is_cancelled, bought[trip], own)


def _lines(setting: Setting, truth: Truth, trips: Trips, baskets: Baskets, undoings: Undoings) -> pd.DataFrame:
    """Bought lines and undoings as canonical lines, by customer and instant, without their line numbers."""
    n_bought, back = len(baskets), baskets.take(undoings.line)
    part = undoings.quantity / back.quantity
    trip = np.concatenate([baskets.trip, back.trip])
    day, second = _both(trips.day[baskets.trip], undoings.day), _both(trips.second[baskets.trip], undoings.second)
    known_day = _both(trips.known_day[baskets.trip], undoings.known_day)
    quantity = _both(baskets.quantity, -undoings.quantity)
    cents = {
        "amount": _both(baskets.amount_cents, -np.rint(back.amount_cents * part).astype(np.int64)),
        "discount": _both(baskets.discount_cents, np.rint(back.discount_cents * part).astype(np.int64)),
        "coupon_discount": _both(baskets.coupon_cents, np.rint(back.coupon_cents * part).astype(np.int64)),
    }
    is_cancelling = _both(np.zeros(n_bought, dtype=np.int64), (undoings.kind == CANCELLED).astype(np.int64)) == 1
    receipt = _both(*_receipt_numbers(truth, trips, baskets, undoings))
    order = np.lexsort((second, day, trips.customer[trip]))
    frame = _named(setting, truth, trips, trip[order], _both(baskets.product, back.product)[order])
    ids = pd.Series(_order_ids(receipt[order], is_cancelling[order]).to_pandas())
    at = instants_us(setting.days, day[order], second[order])
    known = np.where(
        known_day > day, instants_us(setting.days, known_day, np.full(len(day), EARLY_SECOND)), np.iinfo(np.int64).min
    )[order]
    return frame.assign(
        order_id=ids,
        ordered_at=_instants(at),
        known_at=_instants(known),
        quantity=quantity[order].astype(np.float64),
        **{name: values[order] / 100 for name, values in cents.items()},
        promotion_id=texts(promotion_ids(setting), _both(baskets.promotion, back.promotion)[order]),
        is_cancellation=is_cancelling[order],
        _customer=trips.customer[trip][order],
    )


def _both(bought: Ints, undone: Ints) -> Ints:
    return np.concatenate([bought, undone])


def _instants(us: Ints) -> pd.Series:
    """Microseconds of UTC as instants; the lowest number is a missing one."""
    return pd.Series(us.view("datetime64[us]")).dt.tz_localize("UTC")


def _order_ids(receipt: Ints, is_cancelling: pd.Series) -> pa.Array:
    plain = pc.cast(pa.array(receipt), pa.large_string())
    prefix = pa.array([CANCELLED_PREFIX, ""], pa.large_string()).take(pa.array(np.where(is_cancelling, 0, 1)))
    return pc.binary_join_element_wise(prefix, plain, pa.scalar("", pa.large_string()))


def promotion_ids(setting: Setting) -> list[str]:
    """The promotions' ids, by number."""
    return [f"P{number:03d}" for number in range(len(setting.promotions.start))]


def product_ids(setting: Setting) -> pa.Array:
    """The products' ids, by number."""
    return numbered("A", np.arange(setting.world.n_products, dtype=np.int64), 5)


def _named(setting: Setting, truth: Truth, trips: Trips, trip: Ints, product: Ints) -> pd.DataFrame:
    """The columns that hold names: customer, product, store, channel, payer."""
    world, customer = setting.world, trips.customer[trip]
    card = np.where(trips.is_recognised[trip], 2 * customer + trips.uses_second_id[trip], MISSING)
    payer = np.where(trips.is_employer[trip], 1, np.where(trips.is_gift[trip], 2, 0))
    n, zeros = len(trip), np.zeros(len(trip), dtype=np.int64)
    return pd.DataFrame(
        {
            "customer_id": texts(customer_ids(truth), card),
            "product_id": texts(product_ids(setting), product),
            "category": texts(category_names(setting), product % world.n_categories),
            "product_name": texts(product_names(setting), product),
            "store_id": texts([f"S{number + 1}" for number in range(world.n_stores)], trips.store[trip]),
            "channel": texts(list(world.channels), trips.channel[trip]),
            "payer": texts(list(PAYERS), payer),
            "invoice_requested": pd.Series(trips.is_employer[trip]).astype("boolean"),
            "payer_recognised": pd.Series(trips.is_recognised[trip]).astype("boolean"),
            "units": np.full(n, np.nan),
            "currency": texts([world.currency], zeros),
            "problem": texts([""], zeros),
            "repair": texts([""], zeros),
        }
    )


def category_names(setting: Setting) -> list[str]:
    """The categories' names, by number."""
    return [f"CATEGORY {number + 1:02d}" for number in range(setting.world.n_categories)]


def product_names(setting: Setting) -> list[str]:
    """What the till calls the products, by number."""
    n_categories = setting.world.n_categories
    return [
        f"ARTICLE {number // n_categories + 1} OF CATEGORY {number % n_categories + 1:02d}"
        for number in range(setting.world.n_products)
    ]


def undone_of(setting: Setting, truth: Truth, trips: Trips, baskets: Baskets, undoings: Undoings) -> pd.DataFrame:
    """One row a line that undoes: the receipts of it and of what it undoes, and what a reader of the lines must find.

    `is_same_day`: both lines lie, and were known, on one local day; so neither counts.
    `is_recognised`: the lines name a customer.
    """
    bought, undoing = _receipt_numbers(truth, trips, baskets, undoings)
    trip = baskets.trip[undoings.line]
    is_cancelled = (undoings.kind == CANCELLED).astype(np.int64)
    return pd.DataFrame(
        {
            "order_id": pd.Series(_order_ids(undoing, is_cancelled == 1).to_pandas()),
            "undoes_order_id": pd.Series(pc.cast(pa.array(bought[undoings.line]), pa.large_string()).to_pandas()),
            "product_id": texts(product_ids(setting), baskets.product[undoings.line]),
            "quantity": undoings.quantity.astype(np.float64),
            "kind": texts(list(KINDS), undoings.kind),
            "is_same_day": (undoings.day == trips.day[trip]) & (undoings.known_day == undoings.day),
            "is_recognised": trips.is_recognised[trip],
            "_customer": trips.customer[trip],
        }
    )
