"""Trial features: a SQL file over tables that hold only what was known before the cutoff, so that no SQL can leak.

For each cutoff a database of its own is made in memory, with the cut tables and nothing else: no files, no network, no
variables of this process, no settings to change; and only one SELECT is run in it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from contracts import windows
from contracts.errors import ParameterError
from events.store import Events, Shelf
from features.reference.dated import INSTANTS
from features.trial_files import Trial, one_line

Values = npt.NDArray[np.float32]
PREFIX = "trial_"
KEY = "customer_id"
LATER = ("undone_at", "repair", "source", "source_line", "undoes_source", "undoes_line")
"""Columns that tell of the future, or only where a line came from."""
LATER_OF_RETURNS = "kind"
"""Whether the purchase was found, which may have become known long after its return."""
MEMORY, MOST_SECONDS = "4GB", 120.0
NAME = re.compile(r"[a-z][a-z0-9_]*")
SAYABLE = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.PermissionException,
)
"""Errors about the statement's own words. Others may quote a row."""
LOCKS = (
    "SET threads = 1",
    f"SET memory_limit = '{MEMORY}'",
    "SET temp_directory = ''",
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
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
    cut["returns"] = cut["returns"].drop(columns=LATER_OF_RETURNS, errors="ignore")
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
        database.execute(f"SET TimeZone = '{ZoneInfo(events.time_zone).key}'")
        for lock in LOCKS:
            database.execute(lock)
        found = [_result(database, trial) for trial in trials]
    return pd.concat(found, axis=1) if found else pd.DataFrame()


def _result(database: duckdb.DuckDBPyConnection, trial: Trial) -> pd.DataFrame:
    table = _answer(database, trial)
    if KEY not in table.columns or table.shape[1] < 2:
        raise ParameterError(
            f"{trial.name}.sql: expected the column {KEY} and a feature, got {', '.join(map(str, table.columns))}"
        )
    if table[KEY].isna().any() or table[KEY].duplicated().any():
        raise ParameterError(f"{trial.name}.sql: expected one row a customer, got several; add GROUP BY {KEY}")
    columns = table.set_index(KEY)
    _refuse_unfit(trial, columns)
    with np.errstate(over="ignore"):  # what does not fit is empty
        numbers = columns.astype("float64").to_numpy().astype(np.float32)
    known = np.where(np.isfinite(numbers), numbers, np.nan)
    return pd.DataFrame(known, index=columns.index, columns=[f"{PREFIX}{name}" for name in columns])


def _answer(database: duckdb.DuckDBPyConnection, trial: Trial) -> pd.DataFrame:
    """What the SELECT gives; stopped when it takes too long, and its values kept out of messages."""
    watch = threading.Timer(MOST_SECONDS, database.interrupt)
    watch.start()
    try:
        table: pd.DataFrame = database.sql(trial.sql).to_arrow_table().to_pandas()
    except duckdb.InterruptException:
        raise ParameterError(
            f"{trial.name}.sql: expected an answer within {MOST_SECONDS:g} s a cutoff, got none; make it cheaper"
        ) from None
    except SAYABLE as error:
        raise ParameterError(f"{trial.name}.sql: {one_line(error)}") from None
    except duckdb.Error as error:
        kind = type(error).__name__.removesuffix("Exception")
        raise ParameterError(
            f"{trial.name}.sql: {kind} while it ran; expected a SELECT that every row allows (as try_cast)"
        ) from None
    finally:
        watch.cancel()
    return table


def _refuse_unfit(trial: Trial, columns: pd.DataFrame) -> None:
    """Raise `ParameterError` for columns that are no numbers, or whose names no model could keep."""
    kinds = {str(name): columns[name] for name in columns}
    texts = [name for name, column in kinds.items() if not _is_number(column)]
    if texts:
        raise ParameterError(f"{trial.name}.sql: expected numbers in {', '.join(texts)}, got others; cast them")
    odd = [name for name in kinds if not NAME.fullmatch(name)]
    if odd:
        raise ParameterError(
            f"{trial.name}.sql: expected names of a-z, 0-9 and _ for its columns, got another; write AS my_feature"
        )


def _is_number(column: pd.Series) -> bool:
    is_decimal = column.dtype == object and column.dropna().map(lambda value: isinstance(value, Decimal)).all()
    return bool(pd.api.types.is_numeric_dtype(column) or is_decimal)


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
    _refuse_strangers(tables, names, events)
    for table in tables.values():
        if table.columns.duplicated().any():
            twice = table.columns[table.columns.duplicated()][0]
            raise ParameterError(f"featurize.trials: two give {twice}; rename one")
    return names, _appended(batches, names, tables)


def _refuse_strangers(tables: dict[pd.Timestamp, pd.DataFrame], names: Sequence[str], events: Events) -> None:
    """Raise `ParameterError` for a trial whose keys are no customers' ids: all its values would be lost unseen."""
    customers = set(events.purchases["customer_id"])
    for name in names:
        found = [key for table in tables.values() if name in table for key in table.index]
        if found and not customers & set(found):
            raise ParameterError(f"featurize.trials: {name}: expected ids of customers in {KEY}, got none that is one")


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
