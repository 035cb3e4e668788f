"""The source that `params.yaml` names: what a shop brings, or a simulated store."""

from __future__ import annotations

from contracts.params import Params
from events.open_source import open_source
from events.sources import LinePart, Source


def named_source(params: Params) -> Source:
    """Open the source; `events.open_source` says what it raises."""
    return _simulated(params) if params.ingest.source == "simulation" else open_source(params)


def _simulated(params: Params) -> Source:
    from simulation.source import simulated

    made = simulated(params.ingest.simulation, params.store)
    return Source(made.name, (LinePart(made.name, made.digest, made.chunks),), made.columns, made.side)
