"""What a browser's form sends: read once and kept with the request, so that its CSRF token is seen before all else."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Depends, Request
from starlette.responses import RedirectResponse

from contracts.errors import ParameterError

MOST_FIELDS = 100
MEDIA = "application/x-www-form-urlencoded"
Form = dict[str, str]


async def read_form(request: Request) -> Form:
    """The fields of a form as a browser sends it; empty for any other body."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA:
        return {}
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise ParameterError("expected a form as a browser sends it, got another text") from None
    request.state.form = dict(pairs)
    return dict(pairs)


READ = Depends(read_form)
"""Named first by every route that takes a form: the rights are checked with what it holds."""
Fields = Annotated[Form, READ]


def field(form: Form, name: str, longest: int = 200) -> str:
    """A field's text without outer spaces; '' where it is missing.

    Raises:
        ParameterError: it is too long, or no text.
    """
    text = form.get(name, "").strip().replace("\r\n", "\n")
    if len(text) > longest or "\x00" in text:
        raise ParameterError(f"{name}: expected at most {longest} characters of text, got others")
    return text


def needed(form: Form, name: str, longest: int = 200) -> str:
    """A field that must be filled in."""
    text = field(form, name, longest)
    if not text:
        raise ParameterError(f"{name}: expected something, got nothing; fill it in")
    return text


def local_path(text: str) -> str:
    """A place of our own pages to go on to; the first page for anything else.

    >>> local_path("/weeks/latest/list?tier=regular"), local_path("//else.where/"), local_path("https://else.where")
    ('/weeks/latest/list?tier=regular', '/', '/')
    """
    parts = urlsplit(text)
    is_ours = text.startswith("/") and not text.startswith("//") and not (parts.scheme or parts.netloc)
    return text if is_ours and "\\" not in text and text.isprintable() else "/"


def go_on(form: Form, done: str = "", otherwise: str = "/") -> RedirectResponse:
    """After a change: back to where the form was, which then says what was done."""
    place = local_path(form.get("next", "") or otherwise)
    path, _, query = place.partition("?")
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("done="))
    asked = "&".join(part for part in (kept, f"done={quote(done)}" if done else "") if part)
    return RedirectResponse(f"{path}?{asked}" if asked else path, status_code=303)


def place_of(request: Request) -> str:
    """The request's own path and query, to come back to."""
    query = str(request.url.query)
    path: Any = quote(request.scope["path"])
    return f"{path}?{query}" if query else str(path)
