"""How the shop's own names and dates read in a sentence to a customer.

`words.yaml` holds the names, and no other name is spoken of:
what the shop calls its goods was not written for customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import ParameterError
from contracts.params import explain, read_yaml


class WordsFile(BaseModel):
    """`words.yaml`: the shop's name and the words for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: dict[str, Annotated[str, Field(min_length=2)]] = {}


@dataclass(frozen=True)
class Words:
    """Turns the shop's names into plain words."""

    names: dict[str, str]

    def plain(self, name: str) -> str:
        """The words for a category or product type; '' for a name that may not be spoken of.

        >>> words = Words({"FRZN PIZZA/PIES (EXC": "frozen pizza"})
        >>> words.plain("FRZN PIZZA/PIES (EXC"), words.plain("DIETARY AID")
        ('frozen pizza', '')
        """
        return self.names.get(name, "")

    def column(self, names: pd.Series) -> pd.Series:
        """`plain` for a whole column, each distinct name once."""
        return names.map({name: self.plain(name) for name in names.unique()}).astype("str")


def load_words(path: str | Path) -> Words:
    """Read `words.yaml`; `ParameterError` names the first thing wrong."""
    try:
        read = WordsFile.model_validate(read_yaml(path) or {})
    except ValidationError as problem:
        raise ParameterError(explain(problem, WordsFile, path)) from problem
    return Words(dict(read.names))


def day_text(days: pd.Series) -> pd.Series:
    """Dates as a person writes them, '5 December 2017'; '' where there is none."""
    parts = days.dt
    text = (
        parts.day.astype("Int64").astype("str")
        + " "
        + parts.month_name()
        + " "
        + parts.year.astype("Int64").astype("str")
    )
    said: pd.Series = text.where(days.notna(), "").astype("str")
    return said
