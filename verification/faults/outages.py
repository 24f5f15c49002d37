"""Rows 3 to 7 and 15: PostgreSQL and Valkey die, freeze, forget, and come back."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
from redis.asyncio import Redis

from app.items.models import Item
from load.generator import LoadPlan, RequestSpec
from servicekit.cache.entries import EntryCodec
from verification.faults.store import Store
from verification.faults.system import ServiceUnderTest, System
from verification.faults.table import Observation, Scale, at_most, none, within
from verification.faults.traffic import (
    cached,
    ended,
    last_failure,
    loading,
    not_ok,
    pages,
    warm,
    writes,
)
from verification.faults.write_audit import WriteAudit
from verification.outcomes import ObservedRequests

_RATE = 400  # requests per second
_DATABASE = ("pages", "writes")
_NO_MEMORY = {"memory_cache_entries": 0}  # so that each read requests Valkey


async def postgres_killed(system: System, scale: Scale) -> Observation:
    calm, down = scale.pick((5.0, 10.0), (1.0, 3.0))
    async with system.service() as service, WriteAudit.kept(service) as audit:
        async with loading(await _mixed(system, service, calm + down + 5)) as load:
            await asyncio.sleep(calm)
            killed = time.monotonic()
            await asyncio.to_thread(system.postgres.kill)
            await asyncio.sleep(down)
            await asyncio.to_thread(system.postgres.start)
            back = time.monotonic()
            outcome = await ended(load)
        await audit.close()
        database = outcome.only(*_DATABASE)
        failed = database.between(killed, back).with_status(503)
        checks = [
            none("cached routes: not ok", not_ok(outcome.only("cached"))),
            none("database routes: neither ok nor 503", not_ok(database, "shed 503")),
            within("database routes: p99 of 503", failed.percentile(99), 0.3),
            at_most("success after it accepts", last_failure(database, back) - back, 2, " s"),
            *await audit.checks(system),
        ]
    return Observation(f"{_RATE}/s, down {down:.0f} s", checks, outcome.lateness())


async def postgres_frozen(system: System, scale: Scale) -> Observation:
    calm, frozen, opens = scale.pick((5.0, 30.0, 5.0), (1.0, 7.0, 5.0))
    async with system.service() as service, WriteAudit.kept(service) as audit:
        async with loading(await _mixed(system, service, calm + frozen + 4)) as load:
            await asyncio.sleep(calm)
            began, thawed = await _freeze(system.postgres, frozen)
            outcome = await ended(load)
        await audit.close()
        database = outcome.only(*_DATABASE)
        late = database.between(began + opens, thawed - 0.1)
        checks = [
            none("cached routes: not ok", not_ok(outcome.only("cached"))),
            none("database routes: neither ok nor 503", not_ok(database, "shed 503")),
            within("until the breaker opens: slowest", max(database.took), 2.6),
            within(f"after {opens:.0f} s: p99", late.percentile(99), 0.05),
            at_most("recovered after it thaws", last_failure(database, thawed) - thawed, 1, " s"),
            *await audit.checks(system),
        ]
    return Observation(f"{_RATE}/s, frozen {frozen:.0f} s", checks, outcome.lateness())


async def backends_terminated(system: System, scale: Scale) -> Observation:
    times = scale.pick(5, 2)
    async with (
        system.service(**_NO_MEMORY, shared_cache="false") as service,
        loading(await _mixed(system, service, times * 1.5 + 1)) as load,
    ):
        ended_sessions = 0
        for _ in range(times):
            await asyncio.sleep(1.5)
            ended_sessions += len(
                await system.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'app'"
                )
            )
        outcome = await ended(load)
    checks = [none("not ok, reads and keyed writes", not_ok(outcome))]
    return Observation(f"{_RATE}/s, {times} times, {ended_sessions} sessions", checks)


async def valkey_killed(system: System, scale: Scale) -> Observation:
    calm, down = scale.pick((10.0, 10.0), (3.0, 3.0))
    async with (
        system.service(**_NO_MEMORY) as service,
        loading(await _mixed(system, service, calm + down + 4)) as load,
    ):
        await asyncio.sleep(calm)
        killed = time.monotonic()
        await asyncio.to_thread(system.valkey.kill)
        await asyncio.sleep(down)
        await asyncio.to_thread(system.valkey.start)
        back = time.monotonic()
        used = await _in_use_again(service, (await system.items(1))[0])
        outcome = await ended(load)
    reads = outcome.only("cached")
    before = reads.between(load.began, killed).usual_percentile(99)
    checks = [
        none("not ok", not_ok(outcome)),
        within("breaker open: p99, p99₀ + 5 ms", _steady(reads, killed + 1, back), before + 0.005),
        at_most("in use after its return", used - back, 2, " s"),
    ]
    return Observation(f"{_RATE}/s, down {down:.0f} s", checks, outcome.lateness())


async def valkey_frozen(system: System, scale: Scale) -> Observation:
    calm, frozen = scale.pick((10.0, 30.0), (3.0, 4.0))
    async with (
        system.service(**_NO_MEMORY) as service,
        loading(await _mixed(system, service, calm + frozen + 3)) as load,
    ):
        await asyncio.sleep(calm)
        began, thawed = await _freeze(system.valkey, frozen)
        outcome = await ended(load)
    reads = outcome.only("cached")
    before = reads.between(load.began, began)
    first = reads.between(began, began + 1).percentile(99)
    checks = [
        none("not ok", not_ok(outcome)),
        within("first second: p99, p99₀ + 250 ms", first, before.percentile(99) + 0.25),
        within(
            "breaker open: p99, p99₀ + 5 ms",
            _steady(reads, began + 1, thawed),
            before.usual_percentile(99) + 0.005,
        ),
    ]
    return Observation(f"{_RATE}/s, frozen {frozen:.0f} s", checks, outcome.lateness())


async def cache_corrupted(system: System, scale: Scale) -> Observation:
    seconds = scale.pick(8.0, 3.0)
    async with system.service(**_NO_MEMORY) as service:
        plan = await _mixed(system, service, seconds)
        async with loading(plan) as load, Redis.from_url(system.valkey.url) as valkey:
            await asyncio.sleep(1)
            keys = [key async for key in valkey.scan_iter(f"{service.prefix}item:*", 1000)]
            noise = scale.random()
            for key in keys:
                await valkey.set(key, noise.randbytes(noise.randrange(1, 300)), keepttl=True)
            outcome = await ended(load)
            asked = [f"{service.prefix}item:{path[7:]}" for path in plan.requests[0].paths]
            values: list[Any] = await valkey.mget(asked)
    decode = EntryCodec(Item).decode
    unread = [key for key, value in zip(asked, values, strict=True) if decode(value or b"") is None]
    checks = [none("not ok", not_ok(outcome)), none("entries not rewritten", unread)]
    return Observation(f"{_RATE}/s, {len(keys)} entries", checks)


async def _mixed(system: System, service: ServiceUnderTest, seconds: float) -> LoadPlan:
    paths = await system.items(100)
    await warm(service, [*paths, "/items?limit=20"])
    requests: Sequence[RequestSpec] = [cached(paths), pages(), writes()]
    return LoadPlan(port=service.port, requests=requests, rate=_RATE, seconds=seconds)


async def _freeze(store: Store, seconds: float) -> tuple[float, float]:
    """The moments in which it froze and thawed."""
    store.freeze()
    began = time.monotonic()
    try:
        await asyncio.sleep(seconds)
    finally:
        store.thaw()
    return began, time.monotonic()


async def _in_use_again(service: ServiceUnderTest, path: str) -> float:
    """The moment in which an answer came from Valkey."""
    deadline = time.monotonic() + 10
    async with aiohttp.ClientSession(service.url) as client:
        while time.monotonic() < deadline:
            async with client.get(path) as answer:
                if "valkey; hit" in answer.headers.get("Cache-Status", ""):
                    return time.monotonic()
            await asyncio.sleep(0.02)
    return float("inf")


def _steady(outcome: ObservedRequests, begin: float, end: float) -> float:
    return outcome.between(begin, end).usual_percentile(99)
