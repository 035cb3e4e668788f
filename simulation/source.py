"""The simulated store as a source, in plain types: what `ingest.source: simulation` composes a source from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import simulation
from contracts.files import digest
from contracts.params import Simulate, Store
from simulation.purchases import RECORDED
from simulation.store import canonical_chunks, side_tables
from simulation.world import World, world_of


class Simulated(NamedTuple):
    """One part of lines and the further tables. `digest` changes with the world, this room's code, and numpy."""

    name: str
    digest: str
    columns: frozenset[str]
    chunks: Callable[[], Iterator[pd.DataFrame]]
    side: dict[str, pd.DataFrame]


def simulated(simulate: Simulate, store: Store) -> Simulated:
    """The store of `ingest.simulation`; lines are drawn when they are read, the further tables now."""
    world = world_of(simulate, store)
    return Simulated(
        f"a simulated store of {world.n_customers:,} customers",
        content_digest(world),
        RECORDED,
        partial(canonical_chunks, world),
        side_tables(world),
    )


def content_digest(world: World) -> str:
    """SHA-256 over all that decides the lines: parameters, code, and the release of numpy that draws."""
    room = Path(str(simulation.__file__)).parent
    code = [path.read_bytes() for path in sorted(room.glob("*.py"))]
    return digest(world.digest, np.__version__, *code)
