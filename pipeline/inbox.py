"""What the pipeline reads from `inbox/`: valid, empty files at first."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa

from contracts.errors import ContractError
from contracts.files import read_table, read_text, write_json, write_table, write_text
from contracts.wave_tables import WAVES
from contracts.windows import is_later, iso_week, monday_at_or_before
from events.tombstones import Tombstones, write_tombstones

WISH = Path("inbox") / "champion.json"
TOMBSTONES = Path("inbox") / "tombstones.json"
EXCLUDED = Path("inbox") / "excluded.txt"
WAVES_FOLDER = Path("inbox") / "waves"
RECORDED = Path("inbox") / "desk"
"""Contacts and responses that the desk recorded, as `regulars pull` brings them."""
KEPT_WAVES = Path("ledger") / "waves"
"""What releases record; `pull_waves` brings it into the inbox before the next run: no run changes its own input."""


def ensure_inbox(root: Path) -> None:
    """Write the files that are not there yet."""
    if not (root / WISH).exists():
        write_json(root / WISH, {"model_hash": None})
    if not (root / TOMBSTONES).exists():
        write_tombstones(root / TOMBSTONES, Tombstones())
    if not (root / EXCLUDED).exists():
        write_text(root / EXCLUDED, "")
    for folder in (WAVES_FOLDER, RECORDED):
        (root / folder).mkdir(parents=True, exist_ok=True)


def excluded_accounts(path: Path) -> list[str]:
    """The ids of `inbox/excluded.txt`, one a line: accounts of the till, staff or wholesale that do not count."""
    return [line.strip() for line in read_text(path).split("\n") if line.strip() and not line.startswith("#")]


def keep_wave(root: Path, wave: Path, week: str, today: date) -> str:
    """Record a published week's experiment in the ledger, a file a week; return a line if the kept one stands.

    A revision takes the former's place until the first day of sending has come; from then on the record is of what was
    sent, and stands. A week without anyone drawn leaves no file; one that was built before there were experiments
    changes nothing.

    Raises:
        ContractError: the kept file is damaged, or of another week.
    """
    if not wave.exists():
        return ""
    rows = read_table(wave, WAVES)
    place = root / KEPT_WAVES / f"{week}.parquet"
    kept = _read_wave(place) if place.exists() else WAVES.empty()
    if kept.equals(rows) or (kept.empty and rows.empty):
        return ""
    if _is_sent(kept, today):
        return (
            f"the experiment of {week} stays as it was first sent ({kept['send_on'].min():%Y-%m-%d}); "
            "who was drawn anew is not recorded"
        )
    if rows.empty:
        place.unlink()
        (root / WAVES_FOLDER / place.name).unlink(missing_ok=True)
    else:
        write_table(place, rows, WAVES)
    return ""


def pull_waves(root: Path) -> int:
    """Bring the ledger's experiments into the inbox, which the stages read; return how many files changed.

    A file of the inbox that the ledger does not know stays: it may come from a backup.
    """
    (root / WAVES_FOLDER).mkdir(parents=True, exist_ok=True)
    n_changed = 0
    for kept in sorted((root / KEPT_WAVES).glob("*.parquet")):
        there = root / WAVES_FOLDER / kept.name
        if not there.exists() or there.read_bytes() != kept.read_bytes():
            write_table(there, _read_wave(kept), WAVES)
            n_changed += 1
    return n_changed


def _is_sent(kept: pd.DataFrame, today: date) -> bool:
    """Whether the first day of sending has come: from its morning on, messages may be out."""
    first = kept["send_on"].min()
    return not pd.isna(first) and not is_later(first.date(), today)


def read_waves(folder: Path) -> pd.DataFrame:
    """WAVES of every published week, the first first.

    Raises:
        ContractError: a file is damaged, or does not hold the one week that its name says.
    """
    parts = [_read_wave(path) for path in sorted(folder.glob("*.parquet"))]
    if not parts:
        return WAVES.empty()
    waves = pd.concat(parts, ignore_index=True)
    # weeks from before there were such columns: of them nobody knows what else could have been drawn
    return WAVES(waves.fillna({"options": ""}) if "options" in waves.columns else waves)


def _read_wave(path: Path) -> pd.DataFrame:
    """The table of one week's file; without rows if everyone in it was erased."""
    try:
        rows = read_table(path)
    except (ContractError, pa.ArrowException, OSError):
        raise _not_the_wave(path, "no Parquet file that can be read") from None
    try:
        rows = WAVES(rows)
    except ContractError as error:
        raise _not_the_wave(path, str(error)) from None
    waves, mondays = rows["wave"].unique(), rows["cutoff_on"].unique()
    if len(mondays) > 1:
        raise _not_the_wave(path, f"{len(mondays)} Mondays")
    if len(rows) and list(waves) != [path.stem]:
        raise _not_the_wave(path, f"that of {waves[0]}")
    for day in (pd.Timestamp(monday).date() for monday in mondays):
        if iso_week(day) != path.stem or monday_at_or_before(day) != day:
            raise _not_the_wave(path, f"the Monday {day}")
    return rows


def _not_the_wave(path: Path, what: str) -> ContractError:
    return ContractError(f"expected the wave of {path.stem} in {path}, got {what}; restore it or delete it")
