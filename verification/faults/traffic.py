"""What clients ask for while something fails."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager

import aiohttp

from load.arrivals import Arrivals, Ask, Load, arriving
from load.outcome import Outcome
from verification.faults.system import Service


def cached(paths: Sequence[str], share: int = 8) -> Ask:
    return Ask(name="cached", paths=paths, share=share)


def pages(limit: int = 20, share: int = 1) -> Ask:
    """Reads that no cache holds."""
    return Ask(name="pages", paths=[f"/items?limit={limit}"], share=share)


def writes(share: int = 1) -> Ask:
    """Each can be repeated without harm, as its key is its own."""
    return Ask(
        name="writes",
        paths=["/items"],
        method="POST",
        headers={"Idempotency-Key": f"{secrets.token_hex(4)}-{{n}}"},
        body='{"name": "tea {n}", "price_cents": 1}',
        share=share,
    )


async def warm(service: Service, paths: Sequence[str]) -> None:
    async with aiohttp.ClientSession(service.url) as client:
        for path in paths:
            async with client.get(path) as answer:
                assert answer.status == 200, (path, answer.status)


@asynccontextmanager
async def loading(arrivals: Arrivals) -> AsyncIterator[Load]:
    with ExitStack() as started:
        yield await asyncio.to_thread(started.enter_context, arriving(arrivals))


async def ended(load: Load) -> Outcome:
    return await asyncio.to_thread(load.outcome)


def not_ok(outcome: Outcome, *allowed: str) -> dict[str, int]:
    """How many requests ended otherwise, by how they ended."""
    return {name: n for name, n in outcome.counts().items() if name not in ("ok", *allowed)}


def last_failure(outcome: Outcome, otherwise: float) -> float:
    """The moment in which the last request was due that was not answered with 2xx."""
    ends = zip(outcome.due, outcome.end, strict=True)
    return max((due for due, end in ends if not 200 <= end < 300), default=otherwise)
