"""What clients request while something fails."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from load.generator import Load, RequestSpec, Sending
from verification.faults.system import Service
from verification.outcomes import ObservedRequests


def cached(paths: Sequence[str], share: int = 8) -> RequestSpec:
    return RequestSpec(name="cached", paths=paths, share=share)


def pages(limit: int = 20, share: int = 1) -> RequestSpec:
    """Reads that no cache holds."""
    return RequestSpec(name="pages", paths=[f"/items?limit={limit}"], share=share)


def writes(share: int = 1) -> RequestSpec:
    """Each can be repeated without harm, as its key is its own."""
    return RequestSpec(
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
async def loading(arrivals: Load) -> AsyncIterator[Sending]:
    with await asyncio.to_thread(Sending, arrivals) as sending:
        yield sending


async def ended(load: Sending) -> ObservedRequests:
    return ObservedRequests(await asyncio.to_thread(load.outcomes))


def not_ok(outcome: ObservedRequests, *allowed: str) -> dict[str, int]:
    """How many requests ended otherwise, by how they ended."""
    return {name: n for name, n in outcome.counts().items() if name not in ("ok", *allowed)}


def last_failure(outcome: ObservedRequests, otherwise: float) -> float:
    """The moment in which the last request was due that was not answered with 2xx."""
    ends = zip(outcome.due, outcome.status, strict=True)
    return max((due for due, end in ends if not 200 <= end < 300), default=otherwise)
