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
    RiskBand,
    Sensitivity,
    State,
    Tier,
    ValueTier,
)


def load_catalogue(path: str | Path, forbidden: Iterable[str] = ()) -> Catalogue:
    """Read and check `offers.yaml`; `ParameterError` names the first thing wrong, `forbidden` attributes before all."""
    raw = read_yaml(path)
    if raw is None:
        raise ParameterError(f"{path}: the file is empty; expected {', '.join(Catalogue.model_fields)}")
    _refuse_forbidden(raw, frozenset(name.casefold() for name in forbidden), path)
    try:
        return Catalogue.model_validate(raw)
    except ValidationError as problem:
        raise ParameterError(_explained(problem, raw, path)) from problem


def _refuse_forbidden(raw: object, forbidden: frozenset[str], path: str | Path) -> None:
    """No audience names a forbidden attribute, whatever else the schema says."""
    for offer in _entries(raw, "offers"):
        audience = offer.get("audience")
        for name in audience if isinstance(audience, dict) else ():
            if str(name).casefold() in forbidden:
                raise ParameterError(
                    f"{path}: offer '{offer.get('id')}': audience names '{name}', a forbidden attribute; "
                    f"choose by behaviour: {', '.join(Audience.model_fields)}"
                )


def _entries(raw: object, part: str) -> list[dict[str, object]]:
    entries = raw.get(part) if isinstance(raw, dict) else None
    return [entry if isinstance(entry, dict) else {} for entry in entries] if isinstance(entries, list) else []


def _place(loc: tuple[int | str, ...], raw: object) -> str:
    """Where in the file, with ': ' behind it; an entry of a list is called by its id; '' for the file as a whole."""
    where = ".".join(str(part) for part in loc)
    if len(loc) > 1 and loc[0] in {"offers", "channels"} and isinstance(loc[1], int):
        part = str(loc[0])
        name = _entries(raw, part)[loc[1]].get("id", f"number {loc[1] + 1}")
        where = f"{part.removesuffix('s')} '{name}'" + "".join(f".{step}" for step in loc[2:])
    return f"{where}: " if where else ""


_KEYS: dict[str, type[BaseModel]] = {
    "offers": Offer, "channels": Channel, "audience": Audience, "save": Prior, "harm": Prior, "assumed_gain": Gain,
}  # fmt: skip


def _explained(problem: ValidationError, raw: object, path: str | Path) -> str:
    """One line; unknown keys come first, with the nearest right one, for a misspelt key is missing as well."""
    errors = problem.errors()
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    loc = first["loc"]
    where = _place(loc, raw)
    if first["type"] == "extra_forbidden":
        parent = next((str(part) for part in reversed(loc[:-1]) if isinstance(part, str)), "")
        known = _KEYS.get(parent, Catalogue).model_fields
        return f"{path}: {where}unknown key '{loc[-1]}'{nearest(str(loc[-1]), known)}"
    if first["type"] in {"missing", "literal_error", "value_error"} or loc[:1] in {("offers",), ("channels",)}:
        given = first["input"]
        hint = "" if isinstance(given, (dict, list)) or first["type"] == "value_error" else f", got {given!r}"
        if first["type"] == "literal_error":
            hint += nearest(str(given), _literals(loc))
        return f"{path}: {where}{first['msg'].removeprefix('Value error, ')}{hint}"
    return explain(problem, Catalogue, path)


def _literals(loc: tuple[int | str, ...]) -> list[str]:
    by_name = {
        "mechanic": Mechanic,
        "tiers": Tier,
        "states": State,
        "value_tiers": ValueTier,
        "promotion_sensitivity": Sensitivity,
        "risk_bands": RiskBand,
    }
    name = next((str(part) for part in reversed(loc) if isinstance(part, str)), "")
    return list(get_args(by_name.get(name, Mechanic)))
