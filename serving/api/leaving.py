"""Routes that hand rows out: exports, streamed, and the presets that they may follow."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from serving.api.access import Agent, OpenDesk, Viewer
from serving.api.reading import On, Wanted, week_named
from serving.api.shapes import WeekName, Word
from serving.desk import exporting, sending
from serving.desk.exporting import FORMATS, Export, Row

Format = Literal["csv", "xlsx", "parquet", "ndjson"]
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind.partition(";")[0]: {} for kind in FORMATS.values()}, "description": "The rows."}
}
Parts = Callable[[Iterator[Row], tuple[exporting.Column, ...]], Iterator[bytes]]


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.get("/v1/weeks/{week}/export", response_class=Response, responses=_CONTENT, tags=["exports"])(export)
    app.get("/v1/presets", tags=["exports"])(list_presets)


def list_presets(_: Viewer) -> list[dict[str, Any]]:
    """The mapping files: which columns a gateway or CRM expects."""
    return list(exporting.presets().values())


def export(
    actor: Agent,
    request: Request,
    desk: OpenDesk,
    wanted: Wanted,
    on: On,
    *,
    week: WeekName,
    kind: Annotated[Format, Query(alias="format")] = "csv",
    preset: Word = "plain",
) -> Response:
    """The rows that may still be sent, as a file. Agents export what they claimed (`claimed_by` their own name)."""
    sending.refuse_past(actor, on, request.app.state.today())
    with desk.writing() as connection:
        named = week_named(connection, week)
        found = exporting.prepare(connection, actor, named, wanted, on, preset=preset)
    headers = {
        "Content-Disposition": f'attachment; filename="{named.week}-{preset}.{kind}"',
        "X-Contract": exporting.CONTRACT,
    }
    if kind in exporting.STREAMED:
        return StreamingResponse(
            _parts(desk, found, exporting.STREAMED[kind]), headers=headers, media_type=FORMATS[kind]
        )
    path = _written(desk, found, kind)
    return FileResponse(path, headers=headers, media_type=FORMATS[kind], background=BackgroundTask(path.unlink))


def _parts(desk: OpenDesk, found: Export, parts: Parts) -> Iterator[bytes]:
    with desk.reading() as connection:
        yield from parts(exporting.rows(connection, found), found.columns)


def _written(desk: OpenDesk, found: Export, kind: str) -> Path:
    """The export as a file of its own, deleted after it was sent."""
    with tempfile.NamedTemporaryFile(prefix="regulars-", suffix=f".{kind}", delete=False) as file:
        path = Path(file.name)
    try:
        with desk.reading() as connection:
            exporting.WRITTEN[kind](exporting.rows(connection, found), found.columns, path)
    except BaseException:
        path.unlink()
        raise
    return path
