"""`params.yaml` as typed records: one section a stage, and the common sections `store`, `task`, `execution`.

Unknown keys are refused with the nearest right name; every field says what it means and in which unit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from contracts.errors import ParameterError, nearest
from contracts.params.acting import Collect, Plan, Portray, Publish
from contracts.params.base import Count, Money, Section, Share
from contracts.params.data import Execution, Format, Ingest, Inspect, Rules, Simulate, Store, Task
from contracts.params.modelling import Evaluate, Featurize, LightGbm, Register, Score, Snapshot, Train
from contracts.params.watching import Monitor

__all__ = [
    "Collect",
    "Count",
    "Evaluate",
    "Execution",
    "Featurize",
    "Format",
    "Ingest",
    "Inspect",
    "LightGbm",
    "Money",
    "Monitor",
    "Params",
    "Plan",
    "Portray",
    "Publish",
    "Register",
    "Rules",
    "Score",
    "Section",
    "Share",
    "Simulate",
    "Snapshot",
    "Store",
    "Task",
    "Train",
    "checked",
    "explain",
    "load_params",
    "read_yaml",
]

Model = TypeVar("Model", bound=BaseModel)


class Params(Section):
    """All of `params.yaml`."""

    store: Store
    task: Task
    execution: Execution
    ingest: Ingest
    inspect: Inspect = Field(default_factory=Inspect)
    snapshot: Snapshot
    featurize: Featurize
    train: Train
    evaluate: Evaluate
    register_: Register = Field(alias="register")  # pydantic's own classes have a method `register`
    score: Score
    portray: Portray
    collect: Collect = Field(default_factory=Collect)
    plan: Plan
    publish: Publish
    monitor: Monitor = Field(default_factory=Monitor)


def read_yaml(path: str | Path) -> object:
    """Read a YAML file safely; a missing or damaged one is one clear line."""
    try:
        return YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ParameterError(f"expected {path} in this folder, found none; run inside the project") from error
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path}: expected UTF-8 text, got other bytes; save it as UTF-8") from error
    except YAMLError as error:
        raise ParameterError(f"{path} is not valid YAML{_where(error)}") from error


def _where(error: YAMLError) -> str:
    """What is wrong in a YAML file, where, and what it mostly is."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    at = f" at line {mark.line + 1}" if mark is not None else ""
    what = " ".join(str(problem or str(error).splitlines()[0]).split())
    return f"{at}: {what}; mend that line: indent with blanks alone, and put text with : {{ or > into quotes"


def explain(problem: ValidationError, model: type[BaseModel], path: str | Path) -> str:
    """One line for the first thing wrong, with the nearest right name for an unknown key."""
    errors = problem.errors()
    # a renamed key is both missing and unknown: the unknown one can be answered with the right name
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        return f"{path}: unknown key '{where}'{nearest(str(first['loc'][-1]), known)}"
    if first["type"] == "missing":
        return f"{path}: expected the key '{where}', found none; add it"
    given = "" if isinstance(first["input"], dict) else f", got {first['input']!r}"
    return f"{path}: '{where}': {first['msg'].removeprefix('Value error, ')}{given}"


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = model
    for part in loc:
        if isinstance(part, str) and part in current.model_fields:
            inner = current.model_fields[part].annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                current = inner
    return [info.alias or name for name, info in current.model_fields.items()]


def checked(model: type[Model], plain: object, where: str | Path) -> Model:
    """Plain data as a record; `ParameterError` names the first thing wrong."""
    try:
        return model.model_validate(plain)
    except ValidationError as problem:
        raise ParameterError(explain(problem, model, where)) from problem


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read and check all parameters; `ParameterError` names the first thing wrong."""
    return checked(Params, read_yaml(path), path)
