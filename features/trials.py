"""Trial features: a SQL file over tables that hold only what was known before the cutoff, so that no SQL can leak.

For each cutoff a database of its own is made in memory, with the cut tables and nothing else: no files, no network, no
variables of this process, no settings to change; and only one SELECT is run in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from contracts import windows
from contracts.errors import ParameterError, nearest
from events.store import Events, Shelf

Values = npt.NDArray[np.float32]
PREFIX = "trial_"
KEY = "customer_id"
INSTANTS = {
    "purchases": "ordered_at",
    "returns": "ordered_at",
    "contacts": "sent_at",
    "responses": "responded_at",
    "interactions": "happened_at",
}
"""The tables of dated rows, each with its instant."""
LATER = ("undone_at", "repair", "source", "source_line", "undoes_source", "undoes_line")
"""Columns that tell of the future, or only where a line came from."""
RUN_DEPENDENT = re.compile(
    r"\b(now|today|current_date|current_timestamp|current_time|get_current_timestamp|get_current_time|localtime"
    r"|localtimestamp|transaction_timestamp|age|random|setseed|uuid|uuidv4|uuidv7|gen_random_uuid|sample|tablesample)\b",
    re.IGNORECASE,
)
"""What gives another answer at another run: the day of the run is not the cutoff, and chance is not the customer."""
COMMENTS_AND_TEXTS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
LOCKS = (
    "SET threads = 1",
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)


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
    trials = tuple(Trial(name, (folder / f"{name}.sql").read_text(encoding="utf-8")) for name in names)
    for trial in trials:
        refuse_careless(trial)
    return trials


def refuse_careless(trial: Trial) -> None:
    """Raise `ParameterError` unless the file is one SELECT that hangs on nothing but the tables."""
    try:
        statements = duckdb.extract_statements(trial.sql)
    except duckdb.Error as error:
        raise ParameterError(f"{trial.name}.sql: {_one_line(error)}") from None
    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        got = ", ".join(str(kind).rsplit(".", maxsplit=1)[-1] for kind in kinds) or "nothing"
        raise ParameterError(f"{trial.name}.sql: expected one SELECT, got {got}")
    found = RUN_DEPENDENT.search(COMMENTS_AND_TEXTS.sub(" ", trial.sql))
    if found:
        raise ParameterError(
            f"{trial.name}.sql: expected what hangs on the past alone, got {found.group()}, which hangs on the run; "
            "take cutoff_on from the table cutoff, and date_diff for ages"
        )


def cut_tables(events: Events, cutoff: date) -> dict[str, pd.DataFrame]:
    """What was known before the cutoff, by table; products are those that a purchase before it names."""
    zone = events.time_zone
    cut = {
        name: windows.rows_before(getattr(events, name), cutoff, zone, instant) for name, instant in INSTANTS.items()
    }
    campaigns, promotions = events.campaigns, events.promotions
    cut["campaigns"] = campaigns[windows.days_before(windows.day_numbers(campaigns["starts_on"]), cutoff)]
    begun = promotions[windows.days_before(windows.day_numbers(promotions["starts_on"]), cutoff)]
    cut["promotions"] = windows.known_before(begun, cutoff, zone)
    named: list[str] = list(cut["purchases"].get("product_id", pd.Series(dtype="str")).dropna().unique())
    cut["products"] = events.products[events.products["product_id"].isin(named)]
    return {name: frame.drop(columns=[column for column in LATER if column in frame]) for name, frame in cut.items()}


def trial_columns(trials: Iterable[Trial], events: Events, cutoff: date) -> pd.DataFrame:
    """One row a customer that some trial knows (index customer_id), one float column a trial feature.

    Raises:
        ParameterError: SQL that fails, a result without customer_id, twice the same customer, or no numbers.
    """
    with duckdb.connect(":memory:") as database:
        for name, frame in cut_tables(events, cutoff).items():
            database.register("given", pa.Table.from_pandas(frame, preserve_index=False))
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM given")  # noqa: S608  # a name of our own list
            database.unregister("given")
        database.execute("CREATE TABLE cutoff AS SELECT ?::DATE AS cutoff_on", [cutoff])
        for lock in LOCKS:
            database.execute(lock)
        found = [_result(database, trial) for trial in trials]
    return pd.concat(found, axis=1) if found else pd.DataFrame()


def _result(database: duckdb.DuckDBPyConnection, trial: Trial) -> pd.DataFrame:
    try:
        table: pd.DataFrame = database.sql(trial.sql).to_arrow_table().to_pandas()
    except duckdb.Error as error:
        raise ParameterError(f"{trial.name}.sql: {_one_line(error)}") from None
    if KEY not in table.columns or table.shape[1] < 2:
        raise ParameterError(
            f"{trial.name}.sql: expected the column {KEY} and a feature, got {', '.join(table.columns)}"
        )
    if table[KEY].duplicated().any():
        raise ParameterError(f"{trial.name}.sql: expected one row a customer, got several; add GROUP BY {KEY}")
    columns = table.set_index(KEY)
    texts = [name for name in columns if not pd.api.types.is_numeric_dtype(columns[name])]
    try:
        numbers = columns.astype(dict.fromkeys(texts, "float64")).astype("float64")
    except (TypeError, ValueError):
        raise ParameterError(
            f"{trial.name}.sql: expected numbers in {', '.join(map(str, texts))}, got others"
        ) from None
    return numbers.replace([np.inf, -np.inf], np.nan).add_prefix(PREFIX)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def with_trials(
    batches: Iterator[tuple[pd.DataFrame, Values]], trials: Sequence[Trial], shelf: Shelf, cutoffs: Iterable[date]
) -> tuple[tuple[str, ...], Iterator[tuple[pd.DataFrame, Values]]]:
    """The names of the trial features, and the batches with their columns appended.

    Raises:
        ParameterError: two trials give the same column.
    """
    if not trials:
        return (), batches
    events = shelf.whole()
    tables = {pd.Timestamp(cutoff): trial_columns(trials, events, cutoff) for cutoff in cutoffs}
    names = tuple(dict.fromkeys(name for table in tables.values() for name in table.columns))
    for table in tables.values():
        if table.columns.duplicated().any():
            raise ParameterError(f"featurize.trials: two give {table.columns[table.columns.duplicated()][0]}")
    return names, _appended(batches, names, tables)


def _appended(
    batches: Iterable[tuple[pd.DataFrame, Values]], names: Sequence[str], tables: dict[pd.Timestamp, pd.DataFrame]
) -> Iterator[tuple[pd.DataFrame, Values]]:
    for rows, values in batches:
        more = np.full((len(rows), len(names)), np.nan, dtype=np.float32)
        place = np.arange(len(rows))
        for cutoff, part in rows.reset_index(drop=True).groupby("cutoff_on"):
            table = tables[pd.Timestamp(str(cutoff))].reindex(part[KEY].to_numpy(dtype=object))
            more[place[part.index]] = table.reindex(columns=list(names)).to_numpy(dtype=np.float32)
        yield rows, np.hstack([values, more])
