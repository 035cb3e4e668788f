"""What all matured waves say, as plain numbers: overall, by offer and slice, with what is awaited and what went wrong.

No customer is named. Numbers that nobody can know yet are missing (null).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from contracts.files import atomic_folder, rounded, write_json, write_text
from contracts.params.acting import Collect
from offers.catalogue import NONE, Catalogue
from offers.effects.awaited import learning, running
from offers.effects.breaches import contacts_to_controls
from offers.effects.difference import Difference, of_rows
from offers.effects.learned import learned
from offers.effects.moves import cannibalised, full_price, moves, reasons
from offers.effects.page import page
from offers.effects.rows import Floats, Outcome, Rows, rows_of
from offers.effects.sentences import in_words
from offers.effects.sequence import Sequence, residuals, weekly
from offers.effects.verdicts import Looks, both_looks, corrected, proposed_for_stopping, verdict

Plain = dict[str, Any]
REPORT_FILE, PAGE_FILE = "effects.json", "effects.html"
SLICES = ("group", "channel", "tier", "model_version")
OVERALL = "any offer"
Differences = tuple[Difference, Difference]
"""Of retention and margin."""


def effects_report(  # noqa: PLR0917 – the stage's inputs, in the order in which they are read
    outcomes: pd.DataFrame,
    waves: pd.DataFrame,
    beliefs: pd.DataFrame,
    catalogue: Catalogue,
    collect: Collect,
    cutoff: date,
    currency: str,
    before_lapses: list[Plain] | None = None,
    programme: Plain | None = None,
    contacts_name_offers: bool = True,
) -> Plain:
    """The report as JSON takes it. `outcomes` is WAVE_OUTCOMES, `waves` all of WAVES, `beliefs` is BELIEFS by `cutoff`.

    `before_lapses` are the records of offers.effects.before, `programme` is that of offers.effects.programme;
    `contacts_name_offers`: the shop's contacts say which offer they carried. Comparisons overall and by slice are of
    those whom the plan selected; by offer, exploration's draws join them.
    """
    rows = rows_of(outcomes)
    offered = {offer.id for offer in catalogue.offers}
    left = residuals(rows)
    records = partial(_records, left, collect, currency)
    drawn = records({name: rows.of_offer(name) for name in _drawn(rows)})
    offers = [one | {"is_offered": one["name"] in offered} for one in drawn]
    found: Plain = {
        "week_on": cutoff.isoformat(),
        "currency": currency,
        "n_matured_waves": len(rows.waves),
        "first_wave": rows.waves[0] if rows.waves else None,
        "last_wave": rows.waves[-1] if rows.waves else None,
        "smallest_effect": collect.smallest_effect,
        "min_arm": collect.min_arm,
        "overall": records({OVERALL: rows.planned()})[0],
        "offers": offers,
        "slices": {name: records(_slices(name, outcomes, rows)) for name in SLICES},
        "proposed_for_stopping": proposed_for_stopping({one["name"]: one["verdict"] for one in offers}, offered),
        "programme": programme,
        "weekly": _weekly(rows, left),
        "running": running(waves, outcomes, cutoff),
        "learning": learning(waves, collect.smallest_effect),
        "moves": moves(outcomes),
        "full_price": full_price(outcomes),
        "cannibalised": cannibalised(outcomes),
        "breaches": contacts_to_controls(outcomes),
        "contacts_name_offers": contacts_name_offers,
        "reasons": reasons(outcomes),
        "beliefs": learned(beliefs, catalogue, outcomes),
        "before_lapses": before_lapses or [],
    }
    plain: Plain = rounded(known(found))
    return plain


def write_effects(folder: Path, report: Plain) -> None:
    """Write effects.json and effects.html in one step."""
    with atomic_folder(folder) as draft:
        write_json(draft / REPORT_FILE, report)
        write_text(draft / PAGE_FILE, page(report))


def known(value: Any) -> Any:
    """The same plain data with None for every number that is none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items()}
    return [known(item) for item in value] if isinstance(value, list | tuple) else value


def _drawn(rows: Rows) -> list[str]:
    return sorted(set(rows.offers) - {NONE})


def _records(left: Mapping[Outcome, Floats], collect: Collect, currency: str, parts: Mapping[str, Rows]) -> list[Plain]:
    """One record a part; the parts are looked at together, and their q-values know it."""
    looks = {name: both_looks(part, left) for name, part in parts.items()}
    found = []
    for (name, pair), q in zip(looks.items(), corrected(list(looks.values())), strict=True):
        own = (of_rows(parts[name], "lapsed"), of_rows(parts[name], "margin"))
        said = {"verdict": verdict(*pair, *q, collect), "sentence": in_words(name, *own, currency)}
        found.append(_record(name, own, pair, q) | said)
    return found


def _record(name: str, own: Differences, looks: Looks, q: tuple[float, float]) -> Plain:
    retention, margin = own
    return {
        "name": name,
        "n_treated": retention.n_treated,
        "n_control": retention.n_control,
        "lapse_rate_treated": retention.treated_mean,
        "lapse_rate_control": retention.control_mean,
        "retention": _measure(retention, looks[0], q[0]),
        "margin": _measure(margin, looks[1], q[1]),
        "margin_total": {
            "estimate": margin.n_treated * margin.estimate,
            "low": margin.n_treated * margin.low,
            "high": margin.n_treated * margin.high,
        },
    }


def _measure(found: Difference, look: Sequence, q: float) -> Plain:
    return {
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "anytime_estimate": look.estimate,
        "anytime_low": look.low,
        "anytime_high": look.high,
        "q_value": q,
    }


def _slices(name: str, outcomes: pd.DataFrame, rows: Rows) -> dict[str, Rows]:
    """The selected customers of each value of a column that any of them has."""
    values = outcomes[name].to_numpy()
    shown = sorted(set(values[~rows.is_explored]) - {""})
    return {str(value): rows.at((values == value) & ~rows.is_explored) for value in shown}


def _weekly(rows: Rows, left: Mapping[Outcome, Floats]) -> list[Plain]:
    """The look at all offers together at the end of each wave."""
    own = rows.planned()
    return [
        {"wave": wave, "estimate": look.estimate, "low": look.low, "high": look.high}
        for wave, look in weekly(own, left["lapsed"][own.place], "lapsed")
    ]
