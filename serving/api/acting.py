"""Routes that change something: claims, outcomes, suppressions, erasure, recent activity."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Annotated

from fastapi import Body, FastAPI, Header, Response
from pydantic import ValidationError

from contracts.errors import ParameterError
from serving.api.access import Admin, Agent, Manager, OpenDesk
from serving.api.reading import week_named
from serving.api.shapes import (
    MOST_AT_ONCE,
    ActivityIn,
    Batch,
    Claim,
    ClaimIn,
    Erased,
    ErasureIn,
    HandOver,
    Key,
    KeyedOutcome,
    Made,
    Number,
    OutcomeIn,
    Recorded,
    Suppression,
    SuppressionIn,
    Taken,
)
from serving.desk import audit, erasing, sending, work
from serving.desk.clock import now, read_day
from serving.desk.work import Outcome


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.post("/v1/claims", response_model=Claim, tags=["work"])(claim)
    app.post("/v1/claims/give-back", response_model=Claim, tags=["work"])(give_back)
    app.post("/v1/claims/hand-over", response_model=Claim, tags=["work"])(hand_over)
    app.post("/v1/outcomes", response_model=Recorded, status_code=201, tags=["work"])(record_one)
    app.post("/v1/outcomes/batch", response_model=Recorded, tags=["work"])(record_batch)
    app.post("/v1/outcomes/csv", response_model=Recorded, tags=["work"])(record_csv)
    app.get("/v1/suppressions", response_model=list[Suppression], tags=["rights"])(list_suppressions)
    app.post("/v1/suppressions", response_model=Made, status_code=201, tags=["rights"])(suppress)
    app.delete("/v1/suppressions/{number}", status_code=204, tags=["rights"])(lift)
    app.post("/v1/erasures", response_model=Erased, tags=["rights"])(erase)
    app.post("/v1/activity", response_model=Taken, tags=["recent activity"])(take_activity)


def claim(actor: Agent, desk: OpenDesk, given: ClaimIn) -> dict[str, str]:
    """Take a customer of the list on; refused if a colleague works on them."""
    with desk.writing() as connection:
        work.claim(connection, actor, week_named(connection, given.week), given.customer_id)
    return {"claimed_by": actor.name}


def give_back(actor: Agent, desk: OpenDesk, given: ClaimIn) -> dict[str, str]:
    """Give a customer back; a colleague's only by a manager."""
    with desk.writing() as connection:
        work.release(connection, actor, week_named(connection, given.week), given.customer_id)
    return {"claimed_by": ""}


def hand_over(actor: Agent, desk: OpenDesk, given: HandOver) -> dict[str, str]:
    """Hand a claimed customer over to a colleague; a colleague's only by a manager."""
    with desk.writing() as connection:
        work.hand_over(connection, actor, week_named(connection, given.week), given.customer_id, given.to)
    return {"claimed_by": given.to}


def record_one(
    actor: Agent,
    desk: OpenDesk,
    response: Response,
    given: OutcomeIn,
    *,
    idempotency_key: Annotated[Key, Header(description="the sender's own; sent again, it counts once")],
) -> dict[str, object]:
    """Record one outcome: 201 when it is new, 200 when it was there under the same key."""
    found = _recorded(actor, desk, [Outcome(key=idempotency_key, **given.model_dump())])
    if not found["n_recorded"]:
        response.status_code = 200
    return found


def record_batch(actor: Agent, desk: OpenDesk, given: Batch) -> dict[str, object]:
    """Record outcomes together, all or none; each counts once under its key."""
    return _recorded(actor, desk, [Outcome(**one.model_dump()) for one in given.outcomes])


def record_csv(
    actor: Agent,
    desk: OpenDesk,
    given: Annotated[
        bytes,
        Body(
            media_type="text/csv",
            description="UTF-8; columns key, customer_id, kind, and if wanted reason, channel, note, happened_at, week",
        ),
    ],
) -> dict[str, object]:
    """Record the lines of a CSV together, all or none; each counts once under its key."""
    return _recorded(actor, desk, csv_outcomes(given))


def _recorded(actor: Agent, desk: OpenDesk, given: Sequence[Outcome]) -> dict[str, object]:
    with desk.writing() as connection:
        results = work.record(connection, actor, week_named(connection, "latest"), given)
    return {"results": results, "n_recorded": results.count("recorded")}


def csv_outcomes(raw: bytes) -> list[Outcome]:
    """The outcomes of a CSV file; `ParameterError` names the first line that does not fit."""
    try:
        lines = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise ParameterError("expected a CSV file in UTF-8 with a header, got something else") from None
    if not 1 <= len(lines) <= MOST_AT_ONCE:
        raise ParameterError(f"expected 1 to {MOST_AT_ONCE} lines below a header, got {len(lines)}; send it in parts")
    return [_of_line(number, line) for number, line in enumerate(lines, start=2)]


def _of_line(number: int, line: dict[str, str]) -> Outcome:
    try:
        return Outcome(**KeyedOutcome.model_validate(line).model_dump())
    except (ValidationError, TypeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else "more cells than the header"
        raise ParameterError(f"line {number}: {said}") from None


def list_suppressions(_: Manager, desk: OpenDesk) -> list[dict[str, object]]:
    """Every suppression in force or for a past day that was not lifted."""
    with desk.reading() as connection:
        return work.suppressed(connection)


def suppress(actor: Agent, desk: OpenDesk, given: SuppressionIn) -> dict[str, int]:
    """Let nobody contact a customer any more, by one channel or all."""
    with desk.writing() as connection:
        return {"id": work.suppress(connection, actor, **given.model_dump())}


def lift(actor: Manager, desk: OpenDesk, number: Number) -> None:
    """End a suppression."""
    with desk.writing() as connection:
        work.lift(connection, actor, number)


def erase(actor: Admin, desk: OpenDesk, given: ErasureIn) -> dict[str, int]:
    """Erase a customer at the desk at once; event store and published weeks follow with `regulars pull`."""
    with desk.writing() as connection:
        n_deleted = erasing.erase(connection, actor.told, given.customer_id)
        return {"n_deleted": n_deleted, "n_awaited": len(erasing.awaited(connection))}


def take_activity(actor: Manager, desk: OpenDesk, given: ActivityIn) -> dict[str, int]:
    """Take in what customers did since a week was published: whoever bought, complained or withdrew is dropped."""
    rows = [row.model_dump() for row in given.rows]
    for day in {given.through_on, *(row["happened_on"] for row in rows)}:
        read_day(day)
    with desk.writing() as connection:
        n_new = sending.take_activity(connection, rows, given.through_on, now())
        audit.append(connection, actor.told, "activity loaded", detail={"through_on": given.through_on, "n": n_new})
    return {"n_new": n_new}
