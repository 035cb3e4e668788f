"""From parameters to a recipe: what, beside the files themselves, decides the store."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import events
from contracts.errors import ParameterError
from contracts.files import digest
from contracts.params import Params
from events.building import Recipe, keep_from, last_day
from events.cleaning import Shop
from events.lines import Door
from events.sources import Source
from events.tombstones import Tombstones, refuse_foreign

KEY_VARIABLE = "REGULARS_KEY"


def key_from_environment() -> bytes | None:
    """The secret that hashes ids, from the environment alone; None if it is not set."""
    given = os.environ.get(KEY_VARIABLE, "")
    return given.encode() if given else None


def needed_key(why: str) -> bytes:
    """The secret, or `ParameterError` that says what it is needed for."""
    key = key_from_environment()
    if key is None:
        raise ParameterError(
            f"{why}: expected a secret in the environment variable {KEY_VARIABLE}, found none; set it "
            "(and keep it: another secret gives other hashes)"
        )
    return key


def recipe(params: Params, source: Source, tombstones: Tombstones, today: date) -> Recipe:
    """The recipe of a project's store."""
    ingest, store = params.ingest, params.store
    key = needed_key("ingest.hash_ids") if ingest.hash_ids else None
    if tombstones.hashes:
        refuse_foreign(tombstones, needed_key("inbox/tombstones.json names erased customers"))
    same_as = _same_as(source)
    last_on = last_day(ingest.rules.extract_on, today)
    shop = Shop(ingest.rules, store.currency, store.time_zone, last_on, keep_from(ingest.rules.retention_days, last_on))
    erasure_key = key_from_environment() or b""
    door = Door(
        time_zone=store.time_zone,
        columns=source.columns,
        n_buckets=ingest.n_buckets,
        makes_orders=source.names_orders,
        key=key,
        same_as=same_as,
        forgotten=lambda name: tombstones.holds(name, erasure_key),
    )
    return Recipe(shop, door, _digest(params, source, same_as, key), params.execution.workers)


def _same_as(source: Source) -> dict[str, str]:
    """Which id each of a person's other ids counts as, chains followed to their end."""
    customers = source.side.get("customers")
    if customers is None or "same_as" not in customers.columns:
        return {}
    named = customers[customers["same_as"].notna()]
    direct = dict(zip(named["customer_id"], named["same_as"], strict=True))
    return {name: _last(name, direct) for name in direct}


def _last(name: str, direct: Mapping[str, str]) -> str:
    seen = [name]
    while seen[-1] in direct and direct[seen[-1]] not in seen:
        seen.append(direct[seen[-1]])
    return seen[-1] if seen[-1] not in direct else min(seen)


def _digest(params: Params, source: Source, same_as: Mapping[str, str], key: bytes | None) -> str:
    """Over parameters, people who are one, and the code of this room and of the contracts."""
    ingest = params.ingest.model_dump(mode="json", exclude={"path", "include", "n_buckets"})
    said = {
        "store": params.store.model_dump(mode="json", exclude={"margin_rate"}),
        "ingest": ingest,
        "n_buckets": params.ingest.n_buckets,
        "columns": sorted(source.columns),
        "same_as": dict(sorted(same_as.items())),
    }
    room = Path(str(events.__file__)).parent
    rooms = (room, room / "raw", room.parent / "contracts")
    code = [path.read_bytes() for folder in rooms for path in sorted(folder.glob("*.py"))]
    return digest(json.dumps(said, sort_keys=True), key or b"", *code)
