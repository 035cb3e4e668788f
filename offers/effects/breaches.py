"""Contacts to controls: who was to be left alone was not, by the records. Nobody is named."""

from __future__ import annotations

from typing import Any

import pandas as pd


def contacts_to_controls(outcomes: pd.DataFrame) -> list[dict[str, Any]]:
    """One record a wave and withheld offer in which controls were contacted: `n` of `n_control`, in order of waves."""
    controls = outcomes[outcomes["arm"] == "control"]
    counted = controls.groupby(["wave", "offer"], sort=True)["is_contacted"].agg(["sum", "size"])
    return [
        {"wave": str(wave), "offer": str(offer), "n": int(n), "n_control": int(size)}
        for (wave, offer), n, size in zip(counted.index, counted["sum"], counted["size"], strict=True)
        if n
    ]
