"""Errors over HTTP: one shape (problem details, RFC 9457), one sentence, never a customer's data."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from contracts.errors import RegularsError, StateError, UnknownNameError
from serving.desk.database import BusyError
from serving.desk.errors import ForbiddenError, SignInError, TooManyError

MEDIA = "application/problem+json"
LOG = logging.getLogger("regulars.desk")


class Fault(BaseModel):
    """One part of a request that is not as expected."""

    where: str = Field(description="place in the request, as body.kind")
    expected: str = Field(description="what is wrong with it")


class Problem(BaseModel):
    """Why a request was not carried out."""

    type: str = Field(default="about:blank", description="kind of problem; the status says it all")
    title: str = Field(description="the status in words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="one sentence: expected, got, what to do")
    errors: list[Fault] = Field(default=[], description="of a request that does not fit: each place")


RESPONSES: dict[int | str, dict[str, Any]] = {
    name: {"description": words, "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for name, words in (("4XX", "The request was not carried out."), ("5XX", "The desk could not answer."))
}
STATUSES: tuple[tuple[type[RegularsError], int], ...] = (
    (SignInError, 401),
    (ForbiddenError, 403),
    (UnknownNameError, 404),
    (TooManyError, 429),
    (BusyError, 503),
    (StateError, 409),
    (RegularsError, 422),
)
"""Which status each family has; the first that fits counts."""


def problem(
    status: int, detail: str, errors: list[Fault] | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """A problem as a response."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or [])
    return JSONResponse(body.model_dump(), status, headers, media_type=MEDIA)


def add_handlers(app: FastAPI) -> None:
    """Turn every refusal into a problem."""
    app.add_exception_handler(RegularsError, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _of_http)


def _refused(_: Request, error: Exception) -> JSONResponse:
    status = next(status for family, status in STATUSES if isinstance(error, family))
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    if isinstance(error, TooManyError):
        headers = {"Retry-After": str(error.wait_seconds)}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": "5"}
    return problem(status, str(error), headers=headers)


def _unfit(_: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    faults = [Fault(where=".".join(str(part) for part in one["loc"]), expected=str(one["msg"])) for one in found]
    return problem(422, "expected a request as the API describes it, got another; see errors", faults)


def _of_http(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    said = status.description if error.detail == status.phrase else error.detail
    return problem(status, said or status.phrase, headers=dict(error.headers or {}))


def unforeseen(error: Exception) -> JSONResponse:
    """A mistake of ours: noted by kind and place, without its message, which might hold a customer's data."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "an unknown place"
    LOG.error("%s at %s", type(error).__name__, place)
    return problem(500, "the desk failed to answer; its log names the place")
