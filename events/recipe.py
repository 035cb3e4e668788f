"""From parameters to a recipe: what, beside the files themselves, decides the store."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from datetime import date
from pathlib import Path

import events
from contracts.errors import ParameterError
from contracts.files import digest
from contracts.params import Params
from events.building import Recipe, keep_from, last_day
from events.cleaning import Shop
from events.lines import Door, stored_id
from events.people import same_as_map
from events.sources import Source
from events.tombstones import Erased, Tombstones, refuse_foreign

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


def recipe(
    params: Params, source: Source, tombstones: Tombstones, today: date, excluded: Collection[str] = ()
) -> Recipe:
    """The recipe of a project's store; `excluded` are ids, as the shop gives them, of accounts to leave out."""
    ingest, store = params.ingest, params.store
    key = needed_key("ingest.hash_ids") if ingest.hash_ids else None
    if tombstones.hashes:
        refuse_foreign(tombstones, needed_key("inbox/tombstones.json names erased customers"))
    door = Door(
        time_zone=store.time_zone,
        columns=source.columns,
        n_buckets=ingest.n_buckets,
        makes_orders=source.names_orders,
        key=key,
        same_as=same_as_map(source.side.get("customers")),
        forgotten=Erased(tombstones, key_from_environment() or b""),
    )
    last_on = last_day(ingest.rules.extract_on, today)
    shop = Shop(
        ingest.rules,
        store.currency,
        store.time_zone,
        last_on,
        frozenset(stored_id(name, door) for name in excluded),
        keep_from(ingest.rules.retention_days, last_on),
    )
    erasures = digest(*sorted(tombstones.hashes))
    return Recipe(shop, door, _digest(params, source, door, shop), erasures)


def _digest(params: Params, source: Source, door: Door, shop: Shop) -> str:
    """Over parameters, people who are one, accounts left out, and the code of this room and of the contracts."""
    ingest = params.ingest.model_dump(mode="json", exclude={"path", "include", "n_buckets"})
    said = {
        "store": params.store.model_dump(mode="json", exclude={"margin_rate"}),
        "ingest": ingest,
        "n_buckets": params.ingest.n_buckets,
        "columns": sorted(source.columns),
        "same_as": dict(sorted(door.same_as.items())),
        "excluded": sorted(shop.excluded),
    }
    room = Path(str(events.__file__)).parent
    rooms = (room, room / "raw", room.parent / "contracts")
    code = [path.read_bytes() for folder in rooms for path in sorted(folder.glob("*.py"))]
    return digest(json.dumps(said, sort_keys=True), door.key or b"", *code)
