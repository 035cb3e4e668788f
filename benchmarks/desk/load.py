"""Readers and writers over HTTP, each one request at a time on a connection of its own, and how long each answer took.

With aiohttp: its parser is compiled, so that fifty readers take a fraction of what the server takes on the same two
cores. A tool of its own (Locust) would need some twenty packages more for the same numbers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import numpy as np

from benchmarks.desk.asking import CLAIM, RECORD, asks

TIMEOUT_S = 120


@dataclass
class Said:
    """What a run of readers and writers saw: milliseconds by kind, errors by kind and status, keys acknowledged."""

    took: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    acknowledged: list[str] = field(default_factory=list)

    def note(self, kind: str, ms: float, status: int) -> None:
        """Keep one answer."""
        self.took.setdefault(kind, []).append(ms)
        if status >= 400 or not status:
            self.errors[f"{kind}: {status or 'no answer'}"] = self.errors.get(f"{kind}: {status or 'no answer'}", 0) + 1


@dataclass(frozen=True)
class Place:
    """Where the server is, with a token; how many entries it holds, how many readers ask, and how long they think."""

    address: str
    token: str
    n_entries: int
    n_readers: int
    think_s: float = 0.0


async def run(place: Place, until: Callable[[], bool]) -> Said:
    """Read and write until told to stop."""
    said = Said()
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    headers = {"Authorization": f"Bearer {place.token}", "Accept": "text/html,application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(place.address, headers=headers, timeout=timeout, connector=connector) as session:
        readers = [_read(session, place, said, seed, until) for seed in range(place.n_readers)]
        await asyncio.gather(*readers, _write(session, place, said, until))
    return said


async def _read(session: aiohttp.ClientSession, place: Place, said: Said, seed: int, until: Callable[[], bool]) -> None:
    draw, ask = np.random.default_rng(1000 + seed), asks(seed, place.n_entries)
    await asyncio.sleep(float(draw.random()) * (place.think_s or 1.0))
    while not until():
        wanted = ask()
        await _timed(said, wanted.kind, lambda path=wanted.path: session.get(path))  # type: ignore[misc]
        if place.think_s:
            await asyncio.sleep(float(draw.exponential(place.think_s)))


async def _write(session: aiohttp.ClientSession, place: Place, said: Said, until: Callable[[], bool]) -> None:
    """Record an outcome, and every tenth time claim: five times a second, as a whole team would."""
    draw, run_key = np.random.default_rng(5), f"{time.time_ns()}"
    n = 0
    while not until():
        name, key = f"C{int(draw.integers(place.n_entries)):08d}", f"{run_key}-{n}"
        body, headers = {"customer_id": name, "kind": "contacted"}, {"Idempotency-Key": key}
        status = await _timed(
            said,
            RECORD,
            lambda body=body, headers=headers: session.post("/v1/outcomes", json=body, headers=headers),  # type: ignore[misc]
        )
        if status in (200, 201):
            said.acknowledged.append(key)
        if n % 10 == 0:
            await _timed(said, CLAIM, lambda name=name: session.post("/v1/claims", json={"customer_id": name}))  # type: ignore[misc]
        n += 1
        await asyncio.sleep(0.2)


async def _timed(
    said: Said, kind: str, send: Callable[[], aiohttp.client._RequestContextManager | Awaitable[aiohttp.ClientResponse]]
) -> int:
    begun, status = time.perf_counter(), 0
    try:
        answer = await send()
        await answer.read()
        status = answer.status
        answer.release()
    except (aiohttp.ClientError, TimeoutError):
        status = 0
    said.note(kind, 1000 * (time.perf_counter() - begun), status)
    return status
