"""The simulated store, chunk by chunk: canonical lines, further tables, and the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulation.customers import customers_of
from simulation.draws import BLOCK
from simulation.purchases import Block, block_of
from simulation.shop import Setting, setting_of
from simulation.sides import members_of, pauses_table, products_table, promotions_table, truth_table
from simulation.world import World

BLOCKS_AT_ONCE = 16
"""Blocks of 256 customers in a chunk: memory hangs on it, no content does."""
COLUMNS = (
    *("source_line", "customer_id", "order_id", "ordered_at", "product_id", "category", "product_name", "store_id"),
    *("channel", "quantity", "amount", "discount", "coupon_discount", "payer", "invoice_requested", "payer_recognised"),
    *("units", "promotion_id", "known_at", "currency", "is_cancellation", "problem", "repair"),
)
"""The canonical columns of lines, in the order in which every source gives them."""


@dataclass(frozen=True)
class Chunk:
    """What a shop has of up to 4096 customers (`lines`, `customers`, `consents`), and the truth behind it."""

    lines: pd.DataFrame
    customers: pd.DataFrame
    consents: pd.DataFrame
    truth: pd.DataFrame
    pauses: pd.DataFrame
    undone: pd.DataFrame


def simulate(world: World, blocks_at_once: int = BLOCKS_AT_ONCE) -> Iterator[Chunk]:
    """The store, some thousand customers at a time. Lines are numbered on from chunk to chunk, from 1.

    Lines stand by customer, then instant. The same world gives the same lines for any `blocks_at_once`.
    """
    setting, line = setting_of(world), 1
    for numbers in block_numbers(world, blocks_at_once):
        chunk = chunk_of(setting, numbers, line)
        line += len(chunk.lines)
        yield chunk


def block_numbers(world: World, blocks_at_once: int = BLOCKS_AT_ONCE) -> list[range]:
    """The blocks of each chunk.

    >>> block_numbers(World(n_customers=1000), 3)
    [range(0, 3), range(3, 4)]
    """
    n_blocks = -(-world.n_customers // BLOCK)
    return [range(first, min(first + blocks_at_once, n_blocks)) for first in range(0, n_blocks, blocks_at_once)]


def chunk_of(setting: Setting, numbers: range, first_line: int = 1) -> Chunk:
    """The chunk of some blocks, with lines numbered from `first_line`: whatever chunks came before."""
    blocks = [block_of(setting, number) for number in numbers]
    members = [members_of(setting, block.truth) for block in blocks]
    return Chunk(
        _numbered(blocks, first_line),
        _joined(customers for customers, _ in members),
        _joined(consents for _, consents in members),
        _joined(truth_table(setting, block.truth) for block in blocks),
        _joined(pauses_table(setting, block.truth) for block in blocks),
        _joined(block.undone for block in blocks),
    )


def _joined(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(list(frames), ignore_index=True)


def _numbered(blocks: list[Block], first_line: int) -> pd.DataFrame:
    lines = _joined(block.lines for block in blocks)
    lines.insert(0, "source_line", np.arange(first_line, first_line + len(lines), dtype=np.int64))
    return lines[list(COLUMNS)]


def canonical_chunks(world: World, blocks_at_once: int = BLOCKS_AT_ONCE) -> Iterator[pd.DataFrame]:
    """Lines alone, as reading a source gives them: every canonical column, typed."""
    setting, line = setting_of(world), 1
    for numbers in block_numbers(world, blocks_at_once):
        lines = _numbered([block_of(setting, number) for number in numbers], line)
        line += len(lines)
        yield lines


def side_tables(world: World) -> dict[str, pd.DataFrame]:
    """Products, promotions, customers and consents as `contracts.event_tables` wants them."""
    setting = setting_of(world)
    numbers = range(-(-world.n_customers // BLOCK))
    members = [members_of(setting, customers_of(setting, k).first(world.n_customers - k * BLOCK)) for k in numbers]
    return {
        "products": products_table(setting),
        "promotions": promotions_table(setting),
        "customers": _joined(customers for customers, _ in members),
        "consents": _joined(consents for _, consents in members),
    }
