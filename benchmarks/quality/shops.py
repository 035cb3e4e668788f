"""The shops that are judged, and how each becomes a project: source, store and task; all else is the product's own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from contracts.errors import ParameterError
from contracts.params import Params, load_params

DATA_VARIABLE = "REGULARS_BENCHMARK_DATA"
RETAIL_CUTOFFS = (date(2011, 7, 18), date(2011, 8, 1), date(2011, 8, 15), date(2011, 8, 29))
RETAIL_TASK = {"horizon_days": 90, "active_days": 180, "min_purchase_days": 3, "label": "flat"}
SIZES, LARGE_SIZE = (300, 3_000, 30_000), 300_000
OF_THE_SHOP = ("store", "ingest", "task", "snapshot")
"""The sections of a given project that are about its data and its task; the others stay the product's defaults."""
STATE = ("tombstones.json", "excluded.txt")
NAME = re.compile(r"[A-Za-z0-9_-]+")

Changes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Shop:
    """One data set. `init` are the arguments of `regulars init`, if it is brought so; `changes` come after it.

    `test_cutoffs` replace the product's own where figures are published for other ones. `given` is a project folder
    whose inbox (erased customers, accounts that do not count) holds here too. `why_not`: why it cannot be judged.
    """

    name: str
    changes: Changes = field(default_factory=dict)
    init: tuple[str, ...] = ()
    test_cutoffs: tuple[date, ...] = ()
    given: Path | None = None
    is_simulated: bool = False
    why_not: str = ""


def complete_journey() -> Shop:
    """The packaged data: the product as it comes."""
    return Shop("complete_journey")


def online_retail_ii(environment: Mapping[str, str]) -> Shop:
    """A gift wholesaler's two files, brought by `regulars init` as a shop would."""
    name, home = "online_retail_ii", environment.get(DATA_VARIABLE, "")
    if not home:
        return Shop(name, why_not=f"{DATA_VARIABLE} is not set: expected the folder that holds {name}/")
    folder = Path(home).resolve() / name
    if not folder.is_dir():
        return Shop(name, why_not=f"{DATA_VARIABLE} is set, but there is no folder {name}/ in it")
    wishes = ("--time-zone", "Europe/London", "--currency", "GBP", "--horizon-days", "90", "--label", "flat")
    return Shop(name, {"task": RETAIL_TASK}, ("init", str(folder), "--yes", *wishes), RETAIL_CUTOFFS)


def simulated(n_customers: int) -> Shop:
    """A store with known truth, of any size; its customers are the first of the next larger one's."""
    source = {"source": "simulation", "simulation": {"n_customers": n_customers}}
    return Shop(f"simulated_{n_customers}", {"ingest": source}, is_simulated=True)


def given(argument: str) -> Shop:
    """A project that was made with `regulars init`, as `name=folder` or `name=folder@test cutoffs`.

    Raises:
        ParameterError: a name that cannot name a folder.
    """
    name, _, place = argument.partition("=")
    where, _, days = place.partition("@")
    folder = Path(where).resolve()
    cutoffs = tuple(date.fromisoformat(day) for day in days.split(",") if day)
    if not NAME.fullmatch(name):
        raise ParameterError(f"expected name=folder with a name of letters, digits, _ and -, got '{argument}'")
    if not (folder / "params.yaml").is_file():
        return Shop(name, why_not="expected a folder of a project, with params.yaml; found none there")
    params = load_params(folder / "params.yaml")
    return Shop(name, sections_of(params, folder), (), cutoffs, folder, params.ingest.source == "simulation")


def sections_of(params: Params, folder: Path) -> dict[str, dict[str, Any]]:
    """A project's data and task as changes to the product's parameters; its path as seen from anywhere."""
    plain = params.model_dump(by_alias=True, mode="json")
    sections: dict[str, dict[str, Any]] = {name: plain[name] for name in OF_THE_SHOP}
    if params.ingest.path:
        sections["ingest"]["path"] = os.path.normpath(folder / params.ingest.path)
    return sections


def all_shops(extra: list[str], environment: Mapping[str, str], *, is_large: bool) -> list[Shop]:
    """Real shops, simulated ones by size, then those given on the command line.

    Raises:
        ParameterError: two shops of one name, or a name that cannot name a folder.
    """
    sizes = (*SIZES, LARGE_SIZE) if is_large else SIZES
    own = [complete_journey(), online_retail_ii(environment), *map(simulated, sizes)]
    more = [given(argument) for argument in extra]
    names = [shop.name for shop in (*own, *more)]
    taken = sorted({name for name in names if names.count(name) > 1})
    if taken:
        raise ParameterError(f"expected a name of its own for each shop, got '{taken[0]}' twice; choose another")
    return [*own, *more]
