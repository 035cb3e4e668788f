"""What surrounds every request: a limit of its size, safe headers, metrics, and a log line that names no customer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.problems import unforeseen

LOG = logging.getLogger("regulars.desk.access")
AsPage = Callable[[Request, Response], Response]
MOST_BYTES = 10_000_000
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000",
}


@dataclass(frozen=True)
class Metrics:
    """Counters of one application; routes are named by their pattern, so that no id becomes a label."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)

    def __post_init__(self) -> None:
        labels = ["method", "route", "status"]
        requests = Counter("desk_requests", "Requests answered.", labels, registry=self.registry)
        seconds = Histogram("desk_request_seconds", "Seconds to answer.", ["route"], registry=self.registry)
        object.__setattr__(self, "requests", requests)
        object.__setattr__(self, "seconds", seconds)


class Watch:
    """The outermost layer: nothing escapes it but answers."""

    def __init__(self, app: ASGIApp, metrics: Metrics, as_page: AsPage) -> None:
        self.app, self.metrics, self.as_page = app, metrics, as_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, seen = time.perf_counter(), _Seen()
        try:
            await self.app(scope, _limited(receive), seen.sending(send))
        except Exception as error:
            await self._fail(error, seen, scope, receive, send)
        self._note(scope, seen.status, time.perf_counter() - started)

    async def _fail(self, error: Exception, seen: _Seen, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Response = unforeseen(error)
        if not seen.status:
            answer = self._shown(scope, answer)
        else:
            raise ConnectionAbortedError("cut off: the answer had begun") from None
        await answer(scope, receive, seen.sending(send))

    def _shown(self, scope: Scope, answer: Response) -> Response:
        """A page for whoever asks with a browser, unless what failed is the page itself."""
        try:
            return self.as_page(Request(scope), answer)
        except Exception as error:
            return unforeseen(error)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        self.metrics.requests.labels(scope["method"], route, status).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        LOG.info("%s %s %d %.0f ms", scope["method"], route, status, 1000 * seconds)


class _Seen:
    """The status that was sent, 0 before."""

    def __init__(self) -> None:
        self.status = 0

    def sending(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                message["headers"] = _with_headers(message.get("headers", []))
            await send(message)

        return sent


def _with_headers(given: Any) -> list[tuple[bytes, bytes]]:
    held = {name.lower() for name, _ in given}
    more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    return [*given, *(pair for pair in more if pair[0] not in held)]


def _limited(receive: Receive) -> Receive:
    n_bytes = 0

    async def received() -> Message:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > MOST_BYTES:
            raise HTTPException(413, f"expected at most {MOST_BYTES} bytes, got more; send it in parts")
        return message

    return received
