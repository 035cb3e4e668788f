"""What a table's contract is: one row's meaning, key, columns with units and ranges, and how a breach is said."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError, SchemaErrors

from contracts.errors import ContractError

TEXT = "str"
DAY = "datetime64[us]"
INSTANT = "datetime64[us, UTC]"
FLAG = "bool"
MAYBE = "boolean"
NUMBER = "float64"
COUNT = "int64"


def column(dtype: str, meaning: str, *checks: pa.Check, nullable: bool = False) -> pa.Column:
    """A column with its meaning (unit included) and range."""
    return pa.Column(dtype, list(checks), nullable=nullable, coerce=True, description=meaning)


def share(meaning: str, *, nullable: bool = False) -> pa.Column:
    """A number between 0 and 1."""
    return column(NUMBER, meaning, pa.Check.in_range(0, 1), nullable=nullable)


def one_of(meaning: str, *values: str, nullable: bool = False) -> pa.Column:
    """A text from a closed list."""
    return column(TEXT, meaning, pa.Check.isin(list(values)), nullable=nullable)


def positive(meaning: str, *, nullable: bool = False) -> pa.Column:
    """A number of at least 0."""
    return column(NUMBER, meaning, pa.Check.ge(0), nullable=nullable)


@dataclass(frozen=True)
class Table:
    """A contract. Calling it checks a frame and returns it with the declared columns in the declared order.

    `optional` columns may be absent as a whole: a shop that does not record them has none.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: dict[str, pa.Column] = field(repr=False)
    more_columns: bool = False
    optional: frozenset[str] = frozenset()

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Check and return the frame; `ContractError` names the first breach."""
        missing = [name for name in self.columns if name not in frame.columns and name not in self.optional]
        if missing:
            raise ContractError(f"table {self.name}: expected the column '{missing[0]}', found none; rebuild the table")
        extra = [name for name in frame.columns if name not in self.columns]
        if extra and not self.more_columns:
            raise ContractError(
                f"table {self.name}: unexpected column '{extra[0]}'; declare it in its contract, or leave it out"
            )
        if frame.duplicated(list(self.key)).any():
            n_twice = int(frame.duplicated(list(self.key)).sum())
            raise ContractError(
                f"table {self.name}: {n_twice} rows repeat the key {', '.join(self.key)}; expected none"
            )
        try:
            checked: pd.DataFrame = self._schema(frame).validate(frame)
        except (SchemaError, SchemaErrors) as error:
            raise ContractError(f"table {self.name}: {_breach(error)}") from None
        return checked[[*self._present(checked), *extra]]

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The declared columns in the declared order and types, unchecked: for replays, which make thousands of tables.

        What leaves the project is checked.
        """
        found = frame[self._present(frame)]
        own = self._kinds
        return found.astype({name: own[name] for name, kind in found.dtypes.items() if kind != own[name]})

    @cached_property
    def _kinds(self) -> dict[Hashable, Any]:
        """The type that each column has once it has been checked."""
        return dict(self(self.empty()).dtypes)

    def _present(self, frame: pd.DataFrame) -> list[str]:
        return [name for name in self.columns if name in frame.columns]

    def _schema(self, frame: pd.DataFrame) -> pa.DataFrameSchema:
        return pa.DataFrameSchema({name: self.columns[name] for name in self._present(frame)}, strict=False)

    def empty(self) -> pd.DataFrame:
        """A valid table without rows."""
        return self._nothing.copy()

    @cached_property
    def _nothing(self) -> pd.DataFrame:
        return pd.DataFrame({name: pd.Series(dtype=str(kind.dtype)) for name, kind in self.columns.items()})


def _breach(error: SchemaError | SchemaErrors) -> str:
    schema = getattr(error, "schema", None)
    name = getattr(schema, "name", None) or "a column"
    check = getattr(error, "check", None)
    return f"column '{name}' breaks the rule {check}; its contract says what it may hold"
