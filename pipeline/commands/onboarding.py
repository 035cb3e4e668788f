"""Looking at a shop's data before anything runs: what was found, what is left open, and what the parameters should be.

`regulars init` writes what is proposed; `regulars check` shows the same for the parameters in force.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.errors import ParameterError, nearest
from contracts.event_tables import SIDE_TABLES
from contracts.files import digest
from contracts.params import Params, checked
from events.building import build_store
from events.proposals.proposal import Proposal, Question
from events.proposals.proposing import propose, sample_of
from events.proposals.proposing_shop import charge_codes
from events.proposals.rhythm import Rhythm, rhythm_of
from events.raw.parsing import MAPPABLE
from events.raw.parts import Part, find_parts
from events.recipe import recipe
from events.side_tables import plain_name
from events.store import read_store
from events.tombstones import Tombstones
from features.customer_days import DayBook, day_book
from features.snapshots import label_counts, lay_out
from pipeline.sources import named_source

Changes = dict[str, dict[str, Any]]
DEFAULT_ZONE = "UTC"
DEFAULT_CURRENCY = "EUR"
MOST_TEST_CUTOFFS = 4
USUAL_CAPACITY = 300


@dataclass(frozen=True)
class Wishes:
    """What a person has said on the command line; None leaves it to the data."""

    columns: dict[str, str] = field(default_factory=dict)
    time_zone: str | None = None
    currency: str | None = None
    date_order: str | None = None
    horizon_days: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class Look:
    """What a look at the data gave: sentences, questions with the answers assumed, and parameters to change."""

    found: list[str]
    questions: list[Question]
    changes: Changes
    has_model: bool


def look_at_files(paths: Sequence[Path], base: Params, wishes: Wishes, today: date, say: Callable[[str], None]) -> Look:
    """Look at purchase files and propose parameters for them.

    Raises:
        SourceError: the files cannot be read, or lack customer, date or amount.
        ParameterError: files in different folders.
    """
    path, include = common_place(paths)
    tables = further_tables(path) if path.is_dir() else {}
    others = {part.name for pattern in tables.values() for part in find_parts(path, [pattern])}
    parts = [part for part in find_parts(path, include) if part.name not in others]
    say(f"reading {len(parts):,} files")
    rows = sample_of(parts)
    refuse_unknown_columns(wishes.columns, [str(title) for title in rows.columns])
    made = propose(rows, wishes.columns)
    made.date_order = wishes.date_order or made.date_order
    made.non_goods, odd = _charges(parts, made)
    made.questions[:] = [asked for asked in made.questions if asked.where != "ingest.rules.non_goods"]
    if odd:
        what = f"are these product codes goods? {', '.join(odd[:12])}{' …' if len(odd) > 12 else ''}"
        made.questions.append(Question(what, "goods", "ingest.rules.non_goods"))
    made.non_goods = sorted({*made.non_goods, *(base.ingest.rules.non_goods if base.ingest.source == "files" else [])})
    changes = _source_changes(path, include, tables, made, wishes)
    say("cleaning them into a store, to count what they hold")
    look = look_at_source(changed(base, changes), wishes, today)
    asked = [*made.questions, *_unknown_place(made, wishes), *look.questions, *_assumptions(base)]
    changes = merged(changes, look.changes)
    changes = merged(changes, {"register": {"model_name": _model_name(base, changed(base, changes))}})
    return Look([*made.found, *look.found], asked, changes, look.has_model)


def _model_name(base: Params, wanted: Params) -> str:
    """The registered model's name: its own for each shop and label, so that no other shop's champion ever scores."""

    def identity(params: Params) -> tuple[object, ...]:
        task, ingest = params.task, params.ingest
        return (ingest.source, ingest.path, task.label, task.horizon_days, params.store.currency)

    if identity(base) == identity(wanted):
        return base.register_.model_name
    shop = plain_name(Path(wanted.ingest.path).stem)[:24] or "shop"
    return f"regulars-churn-{shop}-{digest(*map(str, identity(wanted)))[:6]}"


def _assumptions(base: Params) -> list[Question]:
    """What no data tell, and what every amount and message rests on."""
    return [
        Question(
            "what is your margin, as a share of what is paid? Every worth at stake rests on it",
            f"{base.store.margin_rate:g}, an example of a grocer",
            "store.margin_rate",
        ),
        Question(
            "who sends, what may be offered, and what are your goods called? offers.yaml and words.yaml are examples",
            "the example shop's; look through both before anything is sent",
            "offers.yaml, words.yaml, plan.budget",
        ),
    ]


def refuse_unknown_columns(columns: dict[str, str], titles: list[str]) -> None:
    """Raise `ParameterError` for a name of ours, or of the file's, that there is none of."""
    for name, title in columns.items():
        if name not in MAPPABLE:
            raise ParameterError(
                f"--column {name}={title}: unknown name '{name}'{nearest(name, MAPPABLE)}; see docs/DATA.md"
            )
        if title not in titles:
            shown = ", ".join(f"'{given}'" for given in titles[:20])
            raise ParameterError(f"--column {name}={title}: expected a column of the files, got none; there is {shown}")


def common_place(paths: Sequence[Path]) -> tuple[Path, list[str]]:
    """One file or folder as it is; several as their folder and their names below it."""
    for path in paths:
        if not path.exists():
            raise ParameterError(f"expected a file or folder at {path}, found none")
    if any(path.resolve() in (Path("/"), Path.home()) for path in paths):
        raise ParameterError(
            "expected a folder of exports, got the whole disk or home; name the folder that holds them"
        )
    if len(paths) == 1:
        return paths[0], []
    folder = Path(os.path.commonpath([path.resolve().parent if path.is_file() else path.resolve() for path in paths]))
    if folder == Path(folder.anchor) or folder == Path.home():
        raise ParameterError("expected files of one folder, got files that share none; put them into one")
    names = [path.resolve().relative_to(folder).as_posix() for path in paths]
    return folder, [name if path.is_file() else f"{name}/*" for name, path in zip(names, paths, strict=True)]


def further_tables(folder: Path) -> dict[str, str]:
    """Files named like one of the further tables (`customers.csv`), by table."""
    found = {}
    for name in SIDE_TABLES:
        named = sorted(path for path in folder.iterdir() if path.is_file() and path.name.split(".")[0].lower() == name)
        if named:
            found[name] = named[0].name
    return found


def _charges(parts: Sequence[Part], made: Proposal) -> tuple[list[str], list[str]]:
    """Product codes that are no goods, and odd ones, from every line (a charge may be rare)."""
    if "product_id" not in made.columns:
        return [], []
    titles = [made.columns[name] for name in ("product_id", "product_name") if name in made.columns]
    seen = [chunk.reindex(columns=titles).drop_duplicates() for part in parts for chunk in part.chunks()]
    pairs = pd.concat(seen, ignore_index=True).drop_duplicates().astype("str")
    return charge_codes(pairs[titles[0]], pairs[titles[-1]])


def _source_changes(path: Path, include: list[str], tables: dict[str, str], made: Proposal, wishes: Wishes) -> Changes:
    inside = path.resolve().is_relative_to(Path.cwd())
    where = path.resolve().relative_to(Path.cwd()) if inside else path.resolve()
    return {
        "store": {
            "time_zone": wishes.time_zone or made.time_zone or DEFAULT_ZONE,
            "currency": wishes.currency or made.currency or DEFAULT_CURRENCY,
        },
        "ingest": {
            "source": "files",
            "path": where.as_posix(),
            "include": include,
            "tables": tables,
            "query": "",
            "sample_customers": None,
            "format": made.format().model_dump(mode="json"),
            "rules": {"non_goods": made.non_goods},
        },
        "portray": {"unnamed_categories": [], "unnamed_product_types": []},
    }


def _unknown_place(made: Proposal, wishes: Wishes) -> list[Question]:
    questions = []
    if not (wishes.time_zone or made.time_zone):
        questions.append(Question("in which time zone are the times?", DEFAULT_ZONE, "store.time_zone (--time-zone)"))
    if not (wishes.currency or made.currency):
        questions.append(
            Question("in which currency are the amounts?", DEFAULT_CURRENCY, "store.currency (--currency)")
        )
    return questions


def look_at_source(params: Params, wishes: Wishes, today: date) -> Look:
    """Clean the source that parameters name into a store of its own, and say what it allows."""
    source = named_source(params)
    rules = params.ingest.rules.model_copy(update={"max_reject_share": 1.0})
    ingest = params.ingest.model_copy(update={"rules": rules, "hash_ids": False})
    trial = params.model_copy(update={"ingest": ingest})
    with tempfile.TemporaryDirectory(prefix="regulars-") as folder:
        facts = build_store(source, Path(folder) / "events", recipe(trial, source, Tombstones(), today))
        events = read_store(Path(folder) / "events")
    book = day_book(events.purchases, events.time_zone)
    rhythm = rhythm_of(events.purchases.loc[events.purchases["undone_at"].isna(), ["customer_id", "ordered_on"]])
    changes = _task_changes(rhythm, book, wishes, params)
    chosen, why, n_labels, n_lapsed = _most_test_cutoffs(changed(params, changes), book, facts)
    changes = merged(changes, {"snapshot": {"n_test_cutoffs": chosen}})
    found = [*_counted(facts), rhythm.why, *_labels(why, n_labels, n_lapsed, changed(params, changes))]
    return Look(found, _questions(facts, rhythm, wishes), changes, not why)


def _counted(facts: dict[str, Any]) -> list[str]:
    rejected = ", ".join(f"{rule} {n:,}" for rule, n in sorted(facts["rejected_by_rule"].items(), key=lambda x: -x[1]))
    lines = (
        f"{facts['lines_in']:,} lines = {facts['lines_accepted']:,} accepted + {facts['lines_repaired']:,} repaired + "
        f"{facts['lines_rejected']:,} rejected" + (f" ({rejected})" if rejected else "")
    )
    customers = (
        f"{facts['customers']:,} customers, {facts['orders']:,} orders, {facts['first_sale_on']} to "
        f"{facts['last_sale_on']}; {facts['lines_returned']:,} lines undo or give back"
    )
    return [lines, customers, f"not recorded: {', '.join(facts['absent']) or 'nothing'}"]


def _task_changes(rhythm: Rhythm, book: DayBook, wishes: Wishes, params: Params) -> Changes:
    horizon = wishes.horizon_days or rhythm.proposed_horizon_days
    label = wishes.label or ("own_rhythm" if rhythm.proposes_own_rhythm else "flat")
    n_days = book.final.count()
    often = n_days[n_days >= params.portray.regular_days]
    devoted = max(params.portray.regular_days + 1, int(np.quantile(often, 0.7)) if len(often) else 0)
    n_customers = int((n_days > 0).sum())
    capacity = max(10, min(USUAL_CAPACITY, n_customers // 10))
    return {
        "task": {
            "label": label,
            "horizon_days": horizon,
            "max_horizon_days": 2 * horizon,
            "active_days": max(rhythm.proposed_active_days, 2 * horizon),
            "value_horizon_days": max(91, horizon),
        },
        "snapshot": {"min_history_days": 2 * horizon},
        "portray": {"devoted_days": devoted, "lapsing_min_days": max(7, horizon // 2)},
        "evaluate": {"capacity": capacity},
        "plan": {"capacity": max(10, capacity * 2 // 3)},
        "publish": {"list_size": capacity},
    }


def _most_test_cutoffs(params: Params, book: DayBook, facts: dict[str, Any]) -> tuple[int, str, int, int]:
    """As many test cutoffs as the history allows; why there is no model ('' if there is one); labels, lapsed ones."""
    first, end = (date.fromisoformat(facts[name]) for name in ("first_sale_on", "data_end_on"))
    why = ""
    for n_test in range(MOST_TEST_CUTOFFS, 0, -1):
        tried = params.snapshot.model_copy(update={"n_test_cutoffs": n_test})
        laid = lay_out(book, first, end, params.task, tried)
        n_labels, n_lapsed, _ = label_counts(laid.rows)
        if not laid.why:
            return n_test, "", n_labels, n_lapsed
        why = why or laid.why
    return 1, why, 0, 0


def _labels(why: str, n_labels: int, n_lapsed: int, params: Params) -> list[str]:
    task = params.task
    horizon = f"{task.horizon_days} days"
    if task.label == "own_rhythm":
        own = f"{task.rhythm_multiple:g} of a customer's own usual gaps"
        horizon = f"{own}, {task.horizon_days} to {task.max_horizon_days} days"
    said = [
        f"proposed: lapsed = no purchase in {horizon}; eligible with a purchase in the last {task.active_days} days"
    ]
    if why:
        return [*said, f"NO MODEL: {why}; the list comes from due dates and silence, without probabilities"]
    left = (
        f"that leaves {n_labels:,} labels to learn from, {n_lapsed:,} of them lapsed (a model needs at least "
        f"{params.snapshot.min_labels:,}, with {params.snapshot.min_outcomes:,} of each outcome), and "
        f"{params.snapshot.n_test_cutoffs} test cutoffs"
    )
    return [*said, left]


def _questions(facts: dict[str, Any], rhythm: Rhythm, wishes: Wishes) -> list[Question]:
    questions = []
    if rhythm.proposes_own_rhythm and wishes.label is None:
        what = (
            f"may each customer have a horizon of their own? A flat one of {rhythm.proposed_horizon_days} days would "
            f"mislabel {rhythm.n_mislabelled:,} of {rhythm.n_with_rhythm:,} customers with a rhythm"
        )
        questions.append(Question(what, "yes: own_rhythm", "task.label (--label flat)"))
    judged = facts["lines_in"] - facts["rejected_by_rule"].get("duplicate", 0)
    share = (facts["lines_rejected"] - facts["rejected_by_rule"].get("duplicate", 0)) / max(judged, 1)
    if share > 0.1:
        what = f"{share:.1%} of the lines are rejected, as counted above: is that what these data are like?"
        questions.append(Question(what, "yes", "ingest.rules; look at them with `regulars rejects`"))
    return questions


def changed(params: Params, changes: Changes) -> Params:
    """Parameters with changes, checked."""
    return checked(Params, merged(params.model_dump(by_alias=True, mode="json"), changes), "init")


def merged(plain: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A mapping with another's values put in, at any depth; `columns` and `tables` are replaced as a whole."""
    result = dict(plain)
    for key, value in changes.items():
        deeper = (
            isinstance(value, dict)
            and isinstance(result.get(key), dict)
            and key not in ("columns", "tables", "keep_rows")
        )
        result[key] = merged(result[key], value) if deeper else value
    return result


def differences(params: Params, changes: Changes) -> list[str]:
    """Where parameters in force differ from what the data propose."""
    now = params.model_dump(by_alias=True, mode="json")
    return [
        f"{section}.{key}: {now[section][key]} in force, {value} proposed"
        for section, values in changes.items()
        for key, value in values.items()
        if now[section][key] != value
    ]
