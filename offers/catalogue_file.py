"""Reading `offers.yaml`: a catalogue, or one line that says what is not allowed and the nearest thing that is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError

from contracts.errors import ParameterError, nearest
from contracts.params import Params, explain, read_yaml
from contracts.portrait_rules import PortraitRules
from contracts.words import Words
from offers.audience import (
    Audience,
    Interaction,
    Occasion,
    Payer,
    RiskBand,
    Sensitivity,
    State,
    Tier,
    ValueTier,
    hidden_facts,
)
from offers.catalogue import PRODUCT_FIELDS, Catalogue, Component, Gain, Mechanic, Offer, Prior
from offers.channel import Channel, Weekday

LONGEST_NAME = 20
"""Characters of a name that a message leaves room for."""
LONGEST_PROMISE = 160


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


def load_sound_catalogue(path: str | Path, params: Params, rules: PortraitRules, words: Words) -> Catalogue:
    """The catalogue, checked against everything that the shop's other files say."""
    catalogue = load_catalogue(path, params.plan.forbidden_attributes)
    check_names(catalogue, rules, path)
    check_margins(catalogue, params.store.margin_rate, params.plan.margin_floor, path)
    check_lengths(catalogue, words, path)
    return catalogue


def check_names(catalogue: Catalogue, rules: PortraitRules, path: str | Path) -> None:
    """`ParameterError` unless groups and labels are those of portraits.yaml, and no price hangs on loyalty or place."""
    groups = [group.name for group in rules.groups]
    labels = {label.name: label for label in rules.labels}
    for offer in catalogue.offers:
        where, audience = f"{path}: offer '{offer.id}'", offer.audience
        named = (*(audience.groups or ()), *offer.save_by_group, *offer.harm_by_group)
        _refuse_strange(f"{where}: unknown group", named, groups)
        for chosen, is_excluded in ((audience.labels or (), False), (audience.without_labels or (), True)):
            _refuse_strange(f"{where}: unknown label", chosen, list(labels))
            for name in chosen if offer.gives_price else ():
                hidden = hidden_facts(labels[name], is_excluded=is_excluded)
                if hidden:
                    raise ParameterError(
                        f"{where}: a price benefit may not hang on the label '{name}', for it rests on {hidden[0]}; "
                        "name labels of habits or tastes"
                    )


def _refuse_strange(what: str, names: Iterable[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(known[:8])}"
            raise ParameterError(f"{what} '{name}'{hint}")


def check_margins(catalogue: Catalogue, margin_rate: float, floor: float, path: str | Path) -> None:
    """`ParameterError` for a price benefit that leaves less margin on its basket than the floor (both shares)."""
    for offer in catalogue.offers:
        given = sum(component.cost for component in offer.components if component.is_price)
        if offer.gives_price and margin_rate * offer.basket - given < floor * offer.basket - 1e-9:
            left = (margin_rate * offer.basket - given) / offer.basket
            raise ParameterError(
                f"{path}: offer '{offer.id}': on a basket of {offer.basket:g} it leaves a margin of {left:.1%}, "
                f"expected at least plan.margin_floor {floor:.1%}; give less, or ask for a larger basket"
            )


def check_lengths(catalogue: Catalogue, words: Words, path: str | Path) -> None:
    """`ParameterError` for a message that may become longer than one of its channels carries."""
    longest = dict.fromkeys(PRODUCT_FIELDS, max((len(name) for name in words.names.values()), default=0))
    longest |= {"valid_until": len("30 September 2030"), "promise": LONGEST_PROMISE}
    for offer in catalogue.offers:
        text = offer.text.format_map({name: "x" * longest[name] for name in offer.fields}) + " " + offer.disclosure
        for channel in map(catalogue.channel, offer.channels):
            said = catalogue.message.format(
                name="x" * LONGEST_NAME, sender=catalogue.sender, text=text.strip(), stop=channel.stop_text
            )
            if channel.length is not None and len(said) > channel.length:
                raise ParameterError(
                    f"{path}: offer '{offer.id}': its message may take {len(said)} characters, expected at most "
                    f"{channel.length} by '{channel.id}'; shorten its text, or leave that channel out"
                )


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
    "with": Component, "occasion": Occasion,
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
        "payers": Payer,
        "interactions": Interaction,
        "quiet_days": Weekday,
    }
    name = next((str(part) for part in reversed(loc) if isinstance(part, str)), "")
    return list(get_args(by_name.get(name, Mechanic)))
