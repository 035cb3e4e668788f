"""How the shop's own names and dates read in a sentence to a customer. `words.yaml` holds the names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.errors import ParameterError
from contracts.params import explain, read_yaml


class WordsFile(BaseModel):
    """`words.yaml`: whole names first, then the shorthand inside names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: dict[str, str] = {}
    shorthand: dict[str, str] = {}


@dataclass(frozen=True)
class Words:
    """Turns the shop's names into plain words."""

    names: dict[str, str]
    shorthand: dict[str, str]

    def plain(self, name: str) -> str:
        """A category or product type in plain lower-case words; an unknown shorthand is left as it is.

        >>> Words({"LEAN": "lean beef"}, {"FRZN": "frozen"}).plain("FRZN PIZZA/PIES (EXC")
        'frozen pizza, pies'
        """
        if name in self.names:
            return self.names[name]
        text = re.sub(r"\(.*", "", name)
        for short, long in sorted(self.shorthand.items(), key=lambda pair: (-len(pair[0]), pair[0])):
            text = re.sub(rf"(?<![\w]){re.escape(short)}(?![\w])", long, text)
        text = re.sub(r"\s*[/:,]\s*", ", ", text)
        return re.sub(r"\s*-\s*|\s+", " ", text).strip(" ,").lower()

    def column(self, names: pd.Series) -> pd.Series:
        """`plain` for a whole column, each distinct name once."""
        return names.map({name: self.plain(name) for name in names.unique()}).astype("str")


def load_words(path: str | Path) -> Words:
    """Read `words.yaml`; `ParameterError` names the first thing wrong."""
    try:
        read = WordsFile.model_validate(read_yaml(path) or {})
    except ValidationError as problem:
        raise ParameterError(explain(problem, WordsFile, path)) from problem
    return Words(read.names, read.shorthand)


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
