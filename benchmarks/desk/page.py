"""The page beside docs/benchmarks/desk.json: one table a database and thinking time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.files import read_json, write_text

ABOUT = """# The desk under load

`make bench-desk` draws a week, publishes it, and lets readers and one writer ask the real server over HTTP, first
alone, then while another process publishes the next revision of the same size. All of it shares one machine of {cores}
cores. Milliseconds are of whole answers as the reader sees them. Without thinking time readers ask again at once: the
server is saturated, and the figures say how long the queue is. With it they are people.
"""
Row = dict[str, Any]


def write_page(path: Path) -> None:
    """Write the page of a result."""
    held = read_json(path)
    write_text(path.with_suffix(".md"), "\n".join(_lines(held)) + "\n")


def _lines(held: dict[str, Any]) -> Iterator[str]:
    yield ABOUT.format(cores=held["cores"])
    yield from (f"{note}\n" for note in held.get("notes", []))
    cases = {(row["database"], row["entries"], row["users"], row["think_s"]): None for row in held["rows"]}
    for case in cases:
        names = ("database", "entries", "users", "think_s")
        yield from _case([row for row in held["rows"] if tuple(row[name] for name in names) == case])


def _case(rows: list[Row]) -> Iterator[str]:
    first = rows[0]
    thinking = f"{first['think_s']:g} s of thinking" if first["think_s"] else "no thinking time"
    kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[first["database"]]
    yield f"## {kind}, {first['entries']:,} entries, {first['users']} readers and a writer, {thinking}\n"
    yield f"*{first['measured_on']}*\n"
    for phase in ("quiet", "publishing"):
        found = [row for row in rows if row["phase"] == phase]
        yield f"**{'Nothing is published' if phase == 'quiet' else 'While a week is published'}.** {_said(found)}\n"
        yield "| request | requests | p50 ms | p95 ms | p99 ms |\n|---|---:|---:|---:|---:|"
        for route in dict.fromkeys(row["route"] for row in found if row["route"]):
            of = {row["metric"]: row["value"] for row in found if row["route"] == route}
            cells = (f"{of[name]:,.0f}" for name in ("requests", "p50_ms", "p95_ms", "p99_ms"))
            yield f"| {route} | {' | '.join(cells)} |"
        yield ""
    whole = {row["metric"]: row["value"] for row in rows if not row["phase"]}
    yield (
        f"Loading took {whole['load_s']:,.0f} s; exporting the whole list as CSV {whole['seconds']:,.0f} s for "
        f"{whole['mb']:,.0f} MB, with {whole['more_peak_mb']:,.0f} MB more memory. Of {whole['acknowledged']:,.0f} "
        f"outcomes that were acknowledged {whole['acknowledged_lost']:,.0f} are lost.\n"
    )


def _said(rows: list[Row]) -> str:
    of = {row["metric"]: row["value"] for row in rows if not row["route"]}
    load = f" The load took {of['load_s']:,.0f} s." if "load_s" in of else ""
    return (
        f"{of['requests_per_s']:,.0f} requests a second, {of['errors']:,.0f} errors, "
        f"{of['server_cpu_s']:,.0f} s of the server's CPU.{load}"
    )
