"""Reading `offers.yaml`: a catalogue, or one line that says what is not allowed and the nearest thing that is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError

from contracts.errors import ParameterError, nearest
from contracts.params import explain, read_yaml
from offers.catalogue import (
    Audience,
    Catalogue,
    Channel,
    Gain,
    Mechanic,
    Offer,
    Prior,
    Sensitivity,
    State,
    Tier,
    ValueTier,
)


def load_catalogue(path: str | Path, forbidden: Iterable[str] = ()) -> Catalogue:
    """Read and check `offers.yaml`; `ParameterError` names the first thing wrong, `forbidden` attributes before all."""
    raw = read_yaml(path)
    _refuse_forbidden(raw, frozenset(forbidden), path)
    try:
        return Catalogue.model_validate(raw)
    except ValidationError as problem:
        raise ParameterError(_explained(problem, raw, path)) from problem


def _refuse_forbidden(raw: object, forbidden: frozenset[str], path: str | Path) -> None:
    """No audience names a forbidden attribute, whatever else the schema says."""
    for offer in _offers(raw):
        audience = offer.get("audience")
        for name in audience if isinstance(audience, dict) else ():
            if name in forbidden:
                raise ParameterError(
                    f"{path}: offer '{offer.get('id')}': audience names '{name}', a forbidden attribute; "
                    f"choose by behaviour: {', '.join(Audience.model_fields)}"
                )


def _offers(raw: object) -> list[dict[str, object]]:
    offers = raw.get("offers") if isinstance(raw, dict) else None
    return [offer for offer in offers if isinstance(offer, dict)] if isinstance(offers, list) else []


_KEYS: dict[str, type[BaseModel]] = {
    "offers": Offer, "channels": Channel, "audience": Audience, "save": Prior, "harm": Prior, "assumed_gain": Gain,
}  # fmt: skip


def _explained(problem: ValidationError, raw: object, path: str | Path) -> str:
    """One line; an entry of a list is called by its id, and an unknown key gets the nearest right one."""
    first = problem.errors()[0]
    loc = first["loc"]
    where = ".".join(str(part) for part in loc)
    if len(loc) > 1 and loc[0] == "offers" and isinstance(loc[1], int):
        where = f"offer '{_offers(raw)[loc[1]].get('id')}'" + "".join(f".{part}" for part in loc[2:])
    if first["type"] == "extra_forbidden":
        parent = next((str(part) for part in reversed(loc[:-1]) if isinstance(part, str)), "")
        known = _KEYS.get(parent, Catalogue).model_fields
        return f"{path}: {where}: unknown key '{loc[-1]}'{nearest(str(loc[-1]), known)}"
    if first["type"] in {"missing", "literal_error", "value_error"} or loc[:1] == ("offers",):
        given = first["input"]
        hint = "" if isinstance(given, (dict, list)) or first["type"] == "value_error" else f", got {given!r}"
        if first["type"] == "literal_error":
            hint += nearest(str(given), _literals(loc))
        return f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}{hint}"
    return explain(problem, Catalogue, path)


def _literals(loc: tuple[int | str, ...]) -> list[str]:
    by_name = {
        "mechanic": Mechanic,
        "tiers": Tier,
        "states": State,
        "value_tiers": ValueTier,
        "promotion_sensitivity": Sensitivity,
    }
    name = next((str(part) for part in reversed(loc) if isinstance(part, str)), "")
    return list(get_args(by_name.get(name, Mechanic)))
