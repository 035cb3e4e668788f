"""The source that `params.yaml` names."""

from __future__ import annotations

from contracts.params import Params
from events.complete_journey import complete_journey
from events.sources import Source


def open_source(params: Params) -> Source:
    """Open the source; nothing is read yet but what the packaged data needs."""
    return complete_journey(params.store.time_zone, params.ingest.sample_customers)
