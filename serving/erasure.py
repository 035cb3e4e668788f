"""Taking customers out of published weeks: the week is re-issued as a revision without the row.

Old revisions that hold the row lose their files; their manifests stay with the files' hashes, and say why the files are
gone. So a week is never changed silently, and never holds who asked to be forgotten.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from contracts.files import read_json, read_table, write_json
from contracts.tables import AT_RISK, FULL_WEEK
from serving.published import MANIFEST, Revision, is_valid, latest_revision, read_revision, reissue

REASON = "a customer asked to be erased"


def holding_revisions(published: Path, customer_ids: Collection[str]) -> list[Path]:
    """Folders of every revision, of every week, whose files hold one of the customers."""
    tables = sorted(published.glob("*/customers.parquet")) + sorted(published.glob("*/revision-*/customers.parquet"))
    return [path.parent for path in tables if _holds(path, customer_ids)]


def _holds(path: Path, customer_ids: Collection[str]) -> bool:
    ids = pq.read_table(path, columns=["customer_id"])["customer_id"].to_pylist()
    return not set(customer_ids).isdisjoint(ids)


def erase_from_weeks(published: Path, customer_ids: Collection[str], provenance: Mapping[str, Any]) -> list[Revision]:
    """Re-issue every week that holds one of the customers; return the new revisions. Twice is as once."""
    holding = holding_revisions(published, customer_ids)
    homes = sorted({folder.parent if folder.name.startswith("revision-") else folder for folder in holding})
    issued = []
    for home in homes:
        latest = latest_revision(home)
        if latest is not None and _holds(latest.folder / "customers.parquet", customer_ids):
            issued.append(_reissued(published, latest, customer_ids, provenance))
    for folder in holding:
        _empty(folder)
    return issued


def _reissued(
    published: Path, latest: Revision, customer_ids: Collection[str], provenance: Mapping[str, Any]
) -> Revision:
    tables = {}
    for name, table in (("at_risk", AT_RISK), ("customers", FULL_WEEK)):
        frame = read_table(latest.folder / f"{name}.parquet", table)
        tables[name] = frame[~frame["customer_id"].isin(list(customer_ids))].reset_index(drop=True)
    said = {"reissued_from": latest.number, "reissued_because": REASON, **provenance}
    return reissue(published, latest, tables["at_risk"], tables["customers"], said)


def _empty(folder: Path) -> None:
    """Mark the manifest first, then delete the files that it names: a kill between leaves what can be done again."""
    manifest = read_json(folder / MANIFEST)
    write_json(folder / MANIFEST, {**manifest, "files_deleted_because": REASON})
    for name in manifest["files"]:
        (folder / name).unlink(missing_ok=True)
    for draft in folder.glob(".*"):
        shutil.rmtree(draft, ignore_errors=True)


def published_rows(published: Path, customer_id: str) -> list[dict[str, Any]]:
    """What every valid published revision says of the customer, one entry a revision."""
    found = []
    for folder in holding_revisions(published, {customer_id}):
        if is_valid(folder):
            revision = read_revision(folder)
            row = revision.customer(customer_id)
            found.append({"revision": revision.number, **{str(name): row[name] for name in row.index}})
    return found
