"""One fit shared by several workers: LightGBM's data-parallel trees over Dask, for rows too many for one machine.

Every worker holds an equal run of the rows, finds histograms of its own, and LightGBM's sockets add them up. The trees
hang on who holds which rows and on each worker's rank, so both are fixed here by the rows' order alone: the text is the
same in every run and on every cluster, and differs a little from that of one machine (docs/scale.md says how much).
`lightgbm.dask` ranks workers as their data happen to arrive: two fits of the same rows gave different trees.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlparse

import numpy as np

from contracts.errors import ExecutorError
from contracts.executor import workers_of
from contracts.params import Execution
from models.risk import Flags, Floats

LISTEN_MINUTES = 2
OF_THE_NETWORK = re.compile(
    r"^\[(machines|local_listen_port|num_machines|time_out|pre_partition): .*\]\n", re.MULTILINE
)
"""Lines of LightGBM's text that name a network which is gone."""


@dataclass(frozen=True)
class Forest:
    """What is to be grown: columns' names, LightGBM's settings, trees."""

    features: tuple[str, ...]
    settings: dict[str, Any]
    n_trees: int


def grow_together(
    table: tuple[Floats, Flags], wanted: Sequence[Forest], n_machines: int, execution: Execution
) -> list[str]:
    """LightGBM's text of each forest, grown on `table` (values, lapsed) by so many workers at once.

    Raises:
        ExecutorError: there are not so many workers, or one was lost (the others cannot go on without it).
    """
    edges = np.linspace(0, len(table[1]), n_machines + 1).astype(int)
    with workers_of(execution, n_machines) as (client, workers):
        held = [
            client.scatter((table[0][low:high], table[1][low:high]), workers=[worker], hash=False)
            for worker, low, high in zip(workers, edges[:-1], edges[1:], strict=True)
        ]
        try:
            return [_grown(client, workers, held, forest) for forest in wanted]
        except Exception as error:
            if type(error).__module__.split(".")[0] not in {"distributed", "lightgbm"}:
                raise
            said = " ".join(str(error).split())[:160]
            raise ExecutorError(
                f"expected {n_machines} workers to share a fit to its end, got: {said}; run again when all are there"
            ) from error


def _grown(client: Any, workers: Sequence[str], held: Sequence[Any], forest: Forest) -> str:
    ports = [client.submit(free_port, workers=[worker], pure=False).result() for worker in workers]
    hosts = [urlparse(worker).hostname for worker in workers]
    network = {
        "tree_learner": "data",
        "machines": ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True)),
        "num_machines": len(workers),
        "time_out": LISTEN_MINUTES,
        "pre_partition": True,
    }
    parts = [replace(forest, settings={**forest.settings, **network, "local_listen_port": port}) for port in ports]
    grown = [
        client.submit(grow_part, rows, part, workers=[worker], pure=False)
        for worker, part, rows in zip(workers, parts, held, strict=True)
    ]
    texts: list[str] = client.gather(grown)
    return texts[0]


def grow_part(rows: tuple[Floats, Flags], forest: Forest) -> str:
    """One worker's part of a shared fit; every worker ends with the same text."""
    import lightgbm

    table = lightgbm.Dataset(
        rows[0], rows[1].astype(np.float64), feature_name=list(forest.features), params=forest.settings
    )
    booster = lightgbm.train(forest.settings, table, num_boost_round=forest.n_trees, keep_training_booster=True)
    try:
        return OF_THE_NETWORK.sub("", str(booster.model_to_string()))
    finally:
        booster.free_network()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
