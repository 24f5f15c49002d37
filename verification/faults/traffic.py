"""What clients request while something fails."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from load.generator import LoadPlan, RequestSpec, Sending
from verification.faults.system import ServiceUnderTest
from verification.outcomes import ObservedRequests


def cached(paths: Sequence[str], share: int = 8) -> RequestSpec:
    return RequestSpec(name="cached", paths=paths, share=share)


def pages(limit: int = 20, share: int = 1) -> RequestSpec:
    """Reads that no cache holds."""
    return RequestSpec(name="pages", paths=[f"/items?limit={limit}"], share=share)


def writes(share: int = 1) -> RequestSpec:
    """Creates, each with an Idempotency-Key of its own, so that it is safe to retry."""
    return RequestSpec(
        name="writes",
        paths=["/items"],
        method="POST",
        headers={"Idempotency-Key": f"{secrets.token_hex(4)}-{{n}}"},
        body='{"name": "tea {n}", "price_cents": 1}',
        share=share,
    )


async def warm(service: ServiceUnderTest, paths: Sequence[str]) -> None:
    async with aiohttp.ClientSession(service.url) as client:
        for path in paths:
            async with client.get(path) as answer:
                assert answer.status == 200, (path, answer.status)


@asynccontextmanager
async def loading(plan: LoadPlan) -> AsyncIterator[Sending]:
    with await asyncio.to_thread(Sending, plan) as sending:
        yield sending


async def ended(load: Sending) -> ObservedRequests:
    return ObservedRequests(await asyncio.to_thread(load.outcomes))


def not_ok(outcome: ObservedRequests, *allowed: str) -> dict[str, int]:
    """How many requests had another outcome than ok or `allowed`, by outcome."""
    return {name: n for name, n in outcome.counts().items() if name not in ("ok", *allowed)}


def last_failure(outcome: ObservedRequests, otherwise: float) -> float:
    """The moment at which the last request without a 2xx was due."""
    ends = zip(outcome.due, outcome.status, strict=True)
    return max((due for due, end in ends if not 200 <= end < 300), default=otherwise)
