"""`portraits.yaml`: the rules of labels and groups that a marketer reads and changes, as typed records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from contracts.errors import ParameterError, nearest
from contracts.params import read_yaml
from contracts.params.base import Section
from contracts.portrait_conditions import Condition, names_in, parse_condition, sentence_fields

LEAVE_ALONE = "leave alone"
Tier = Literal["new", "returning", "regular", "devoted"]
State = Literal["active", "lapsing", "gone"]
ValueTier = Literal["top", "middle", "base"]
RiskBand = Literal["low", "medium", "high", "unscored"]
About = Literal["buying", "habits", "ability", "preference", "interaction", "customer to customer", "lifecycle"]
UNFIT = (
    "health", "illness", "sick", "disease", "disabled", "disability", "pregnant", "pregnancy", "diet", "medicine",
    "religion", "religious", "faith", "church", "mosque", "kosher", "halal", "politics", "political", "union", "race",
    "ethnic", "nationality", "origin", "gay", "lesbian", "sexual", "gender", "age", "income", "child", "children",
    "kid", "kids", "baby", "minor", "minors", "teenager", "lost cause", "hopeless", "worthless",
)  # fmt: skip
"""Words that no label or group may hold: private matters, minors, what no customer should read of themselves."""
_UNFIT = re.compile(rf"\b({'|'.join(UNFIT)})\b", re.IGNORECASE)


def _fit(text: str) -> str:
    found = _UNFIT.search(text)
    if found:
        raise ValueError(f"'{found[0]}' is no matter for a customer to read here; speak of what they did")
    return text


def _fit_name(name: str) -> str:
    if ";" in name:
        raise ValueError("expected no ';' in a name, for it stands between labels")
    return _fit(name)


class LabelRule(Section):
    """A label: what it is about, the conditions that must all hold, and the sentence that proves it to the customer."""

    name: Annotated[str, Field(min_length=3)]
    about: About
    when: tuple[Condition, ...] = Field(min_length=1, description="all must hold; a missing fact never gives the label")
    says: Annotated[str, Field(min_length=20)] = Field(description="one sentence to the customer, facts in braces")

    _is_fit = field_validator("name")(_fit_name)

    @field_validator("when", mode="before")
    @classmethod
    def _parsed(cls, when: object) -> object:
        if not isinstance(when, Mapping):
            raise ValueError("expected conditions as 'fact: at least 5', got something else")
        return tuple(parse_condition(str(name), said) for name, said in when.items())

    @field_validator("says")
    @classmethod
    def _is_evidence(cls, says: str) -> str:
        if not sentence_fields(_fit(says)):
            raise ValueError("expected the customer's own numbers in the sentence, as {n_visits:.0f}, found none")
        if not says.endswith("."):
            raise ValueError(f"expected one sentence that ends with '.', got '{says[-10:]}'")
        return says

    @property
    def reads(self) -> tuple[str, ...]:
        """Every fact that must be known: those of the conditions and those of the sentence."""
        return tuple(dict.fromkeys((*names_in(self.when), *sentence_fields(self.says))))


class GroupRule(Section):
    """A treatment group: who belongs to it (a list that is left out admits all), and what it is promised."""

    name: Annotated[str, Field(min_length=3)]
    treatment: Annotated[str, Field(min_length=3)] = Field(
        description=f"what the group gets, in a few words; '{LEAVE_ALONE}' if deliberately nothing"
    )
    promise: Annotated[str, Field(min_length=20)] = Field(description="one sentence to its customers")
    tiers: tuple[Tier, ...] = Field(default=("new", "returning", "regular", "devoted"), min_length=1)
    states: tuple[State, ...] = Field(default=("active", "lapsing", "gone"), min_length=1)
    value_tiers: tuple[ValueTier, ...] = Field(default=("top", "middle", "base"), min_length=1)
    risk_bands: tuple[RiskBand, ...] = Field(default=("low", "medium", "high", "unscored"), min_length=1)
    at_risk: bool | None = Field(default=None, description="true: lapsing or in the high band; null: either")
    at_least: Annotated[int, Field(ge=0)] = Field(default=0, description="customers of it with an offer in a week")
    at_most: Annotated[int, Field(ge=0)] | None = Field(default=None, description="the same, at most; null: no limit")

    _is_fit = field_validator("name", "treatment", "promise")(_fit)

    @property
    def is_left_alone(self) -> bool:
        """Whether its customers are deliberately not contacted."""
        return self.treatment.strip().casefold() == LEAVE_ALONE

    @property
    def admits_everyone(self) -> bool:
        """Whether no condition is left, so that whoever reaches the rule belongs to it."""
        lists = (self.tiers, self.states, self.value_tiers, self.risk_bands)
        return self.at_risk is None and [len(set(one)) for one in lists] == [4, 3, 3, 4]

    @model_validator(mode="after")
    def _limits_agree(self) -> GroupRule:
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"expected at_least <= at_most, got {self.at_least} and {self.at_most}")
        return self


class PortraitRules(Section):
    """All of `portraits.yaml`. Of the groups the first that fits takes the customer; the last must admit everyone."""

    labels: tuple[LabelRule, ...] = ()
    groups: tuple[GroupRule, ...] = Field(min_length=1)

    def group(self, name: str) -> GroupRule:
        """The group of this name."""
        return next(group for group in self.groups if group.name == name)

    @model_validator(mode="after")
    def _each_name_once(self) -> PortraitRules:
        for kind, names in (("label", [one.name for one in self.labels]), ("group", [one.name for one in self.groups])):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice:
                raise ValueError(f"two {kind}s are called '{twice}'; expected each name once")
        return self

    @model_validator(mode="after")
    def _last_admits_everyone(self) -> PortraitRules:
        *before, last = self.groups
        early = next((group.name for group in before if group.admits_everyone), None)
        if early:
            raise ValueError(f"group '{early}' admits everyone, so that none after it is reached; put it last")
        if not last.admits_everyone:
            raise ValueError(
                f"the last group '{last.name}' must admit everyone, or some customers have no group; "
                "leave out its tiers, states, value_tiers, risk_bands and at_risk"
            )
        return self


def load_portrait_rules(path: str | Path, forbidden: Iterable[str] = ()) -> PortraitRules:
    """Read and check `portraits.yaml`; `ParameterError` names the first thing wrong, `forbidden` names before all."""
    raw = read_yaml(path)
    if raw is None:
        raise ParameterError(f"{path}: the file is empty; expected {', '.join(PortraitRules.model_fields)}")
    _refuse_forbidden(raw, frozenset(name.casefold() for name in forbidden), path)
    try:
        return PortraitRules.model_validate(raw)
    except ValidationError as problem:
        raise ParameterError(_explained(problem, raw, path)) from problem


def _refuse_forbidden(raw: object, forbidden: frozenset[str], path: str | Path) -> None:
    """No condition, sentence or further key names a forbidden attribute, whatever else the schema says."""
    for part, model in (("labels", LabelRule), ("groups", GroupRule)):
        for entry in _entries(raw, part):
            named = (*_names(entry), *(set(entry) - set(model.model_fields)))
            found = next((name for name in named if name.casefold() in forbidden), None)
            if found:
                raise ParameterError(
                    f"{path}: {part.removesuffix('s')} '{entry.get('name')}' names '{found}', a forbidden attribute; "
                    "labels and groups come from what customers did here"
                )


def _names(entry: dict[str, object]) -> list[str]:
    """What a label's conditions and sentence name: facts, fields, and each word of a condition."""
    when = entry.get("when")
    said = dict(when) if isinstance(when, dict) else {}
    words = [word for condition in said.values() for word in str(condition).split()]
    return [*map(str, said), *words, *re.findall(r"\{\s*(\w+)", str(entry.get("says", "")))]


def _entries(raw: object, part: str) -> list[dict[str, object]]:
    entries = raw.get(part) if isinstance(raw, dict) else None
    return [entry if isinstance(entry, dict) else {} for entry in entries] if isinstance(entries, list) else []


def _explained(problem: ValidationError, raw: object, path: str | Path) -> str:
    """One line; unknown keys come first, with the nearest right one, for a misspelt key is missing as well."""
    errors = problem.errors()
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    where, given = _place(first["loc"], raw), first["input"]
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        return f"{path}: {where}unknown key '{key}'{nearest(key, _fields(first['loc']))}"
    if first["type"] == "missing":
        return f"{path}: {_place(first['loc'][:-1], raw)}expected the key '{first['loc'][-1]}', found none; add it"
    shown = "" if first["type"] == "value_error" or isinstance(given, (dict, list, tuple)) else f", got {given!r}"
    if first["type"] == "literal_error":
        shown += nearest(str(given), re.findall(r"'([^']+)'", str(first["ctx"]["expected"])))
    return f"{path}: {where}{first['msg'].removeprefix('Value error, ')}{shown}"


def _fields(loc: tuple[int | str, ...]) -> Iterable[str]:
    """The keys that may stand beside the one at `loc`."""
    if len(loc) == 1:
        return PortraitRules.model_fields
    return LabelRule.model_fields if loc[0] == "labels" else GroupRule.model_fields


def _place(loc: tuple[int | str, ...], raw: object) -> str:
    """Where in the file, with ': ' behind it; an entry of a list is called by its name; '' for the file as a whole."""
    if len(loc) > 1 and loc[0] in {"labels", "groups"} and isinstance(loc[1], int):
        part = str(loc[0])
        name = _entries(raw, part)[loc[1]].get("name", f"number {loc[1] + 1}")
        steps = "".join(f".{step}" for step in loc[2:] if isinstance(step, str))
        return f"{part.removesuffix('s')} '{name}'{steps}: "
    where = ".".join(str(part) for part in loc)
    return f"{where}: " if where else ""
