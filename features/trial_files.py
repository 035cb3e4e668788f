"""The files of trial features: SQL that is read, parsed and refused before any of it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from contracts.errors import ParameterError, nearest

RUN_DEPENDENT = frozenset(
    {"now", "today", "current_date", "current_timestamp", "current_time", "current_localtime", "current_localtimestamp"}
    | {"get_current_timestamp", "get_current_time", "transaction_timestamp", "localtime", "localtimestamp", "random"}
    | {"setseed", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "txid_current", "nextval", "currval", "query"}
    | {"query_table", "error", "version", "pg_backend_pid", "current_setting", "getvariable", "current_query"}
)
"""Functions that give another answer at another run, or run what is not written in the file."""
NILADIC = frozenset({"current_date", "current_timestamp", "current_time", "localtime", "localtimestamp"})
"""These are called without brackets."""


@dataclass(frozen=True)
class Trial:
    """One SQL file: a SELECT that gives customer_id and one column of numbers a feature."""

    name: str
    sql: str


def read_trials(folder: Path, names: Sequence[str]) -> tuple[Trial, ...]:
    """The named SQL files (without '.sql') of the folder.

    Raises:
        ParameterError: there is no such file, or it does not hold just one SELECT.
    """
    known = sorted(path.stem for path in folder.glob("*.sql"))
    for name in names:
        if name not in known:
            raise ParameterError(
                f"featurize.trials: expected a file {name}.sql in {folder.name}/, found none{nearest(name, known)}"
            )
    trials = tuple(Trial(name, _sql(folder / f"{name}.sql")) for name in names)
    for trial in trials:
        refuse_careless(trial)
    return trials


def _sql(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path.name}: expected UTF-8 text, got other bytes; save it as UTF-8") from error


def refuse_careless(trial: Trial) -> None:
    """Raise `ParameterError` unless the file is one SELECT that hangs on nothing but the tables."""
    try:
        statements = duckdb.extract_statements(trial.sql)
    except duckdb.Error as error:
        raise ParameterError(f"{trial.name}.sql: {one_line(error)}") from None
    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        got = ", ".join(str(kind).rsplit(".", maxsplit=1)[-1] for kind in kinds) or "nothing"
        raise ParameterError(f"{trial.name}.sql: expected one SELECT, got {got}")
    called = RUN_DEPENDENT & set(_functions(trial))
    if called:
        raise ParameterError(
            f"{trial.name}.sql: expected what hangs on the past alone, got {min(called)}, which hangs on the run; "
            "take cutoff_on from the table cutoff, and date_diff for ages"
        )


def _functions(trial: Trial) -> Iterator[str]:
    """The functions that the statement calls, as the database itself parses it; sampling counts as random."""
    with duckdb.connect(":memory:") as parser:
        (told,) = parser.execute("SELECT json_serialize_sql(?)", [trial.sql]).fetchone() or ("{}",)
    plain = json.loads(told)
    if plain.get("error", True):
        raise ParameterError(f"{trial.name}.sql: expected a plain SELECT, got one that cannot be looked through")
    yield from _called(plain)


def _called(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for inner in node:
            yield from _called(inner)
    if isinstance(node, dict):
        name = node.get("function_name")
        if isinstance(name, str):
            lone_age = name.lower() == "age" and len(node.get("arguments") or node.get("children") or []) == 1
            yield "today" if lone_age else name.lower()
        if node.get("type") == "COLUMN_REF" and len(node.get("column_names") or []) == 1:
            yield from (word for word in node["column_names"] if word.lower() in NILADIC)
        if node.get("sample"):
            yield "random"
        for inner in node.values():
            yield from _called(inner)


def one_line(error: Exception) -> str:
    """The first line: what follows shows the statement again."""
    return " ".join(str(error).partition("\n")[0].split())
