"""Rows 1, 2, 9, 13 and 14: more requests than the service can take."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean
from urllib.parse import urlsplit

import aiohttp
import asyncpg

from load.generator import LoadPlan, RequestSpec
from verification import machine
from verification.client_processes import HerdReport
from verification.client_processes import run as run_herd
from verification.clients import ThunderingHerd
from verification.faults.proxy import Proxy
from verification.faults.system import ServiceUnderTest, System
from verification.faults.table import (
    FaultCheck,
    Observation,
    Scale,
    at_least,
    at_most,
    none,
    within,
)
from verification.faults.traffic import cached, ended, loading, not_ok, pages, warm
from verification.outcomes import ObservedRequests

_DESCRIPTION = 2_000  # characters of each item, so that a page of 100 has 200 kB
_CALLERS = 32  # in flight when the peak is measured; MAX_IN_FLIGHT is twice as many
_POOL = 10
_REJECTION_BOUND = 0.05  # seconds until a 503
_DISTANCE = 0.05  # seconds that each answer of the distant database takes
_TTL = 1.0  # seconds, of a cached entry
_UPSTREAM_DELAY = 0.2  # seconds


async def many_clients(system: System, scale: Scale) -> Observation:
    clients = scale.pick(10_000, 2_000)
    files = machine.raise_open_files()
    room = machine.connections_per_worker(clients, 1, files)
    async with system.service(granian_backpressure=room, max_in_flight=room) as service:
        paths = await system.items(100)
        await warm(service, paths)
        overflows = machine.listen_overflows()
        herd = ThunderingHerd(
            port=service.port, paths=paths, clients=clients, rounds=scale.pick(5, 2)
        )
        report = await asyncio.to_thread(run_herd, herd, machine.generators(clients))
        checks = [
            none("never served", report.never_answered - report.errors),
            none("refused or reset", report.errors),
            none("5xx", report.bad_status),
            none("listen overflows of the kernel", machine.listen_overflows() - overflows),
        ]
    return Observation(f"{clients:,} clients of 1 worker", checks)


async def overload(system: System, scale: Scale) -> Observation:
    """Two limits: the pool of a distant database, and the worker's CPU, which rejections need, too.

    The generator shares the machine. A distant database leaves it enough CPU to send five times
    the peak without slowing the requests that are served."""
    pool, pool_late = await _distant_database(system, scale, await _pages(system, 20))
    large = await _pages(system, 100, "x" * _DESCRIPTION)
    cpu, cpu_late = await _busy_worker(system, scale, large)
    size = f"pool of {_POOL} {_DISTANCE * 1000:.0f} ms away; CPU, 200 kB each"
    return Observation(size, [*pool, *cpu], max(pool_late, cpu_late))


async def _pages(system: System, limit: int, description: str = "") -> list[str]:
    """A hundred pages, each its own: callers of one page share it."""
    items = await system.items(100 + limit, description)
    first = int(items[0].removeprefix("/items/"))
    return [f"/items?after={first + n - 1}&limit={limit}" for n in range(100)]


async def _distant_database(
    system: System, scale: Scale, paths: Sequence[str]
) -> tuple[list[FaultCheck], float]:
    async with Proxy.serving(system.postgres.url, scale.seed) as distance:
        distance.toxin, distance.delay = "slow", _DISTANCE
        port, proxy_port = (urlsplit(each).port for each in (system.postgres.url, distance.url))
        url = system.postgres.url.replace(f":{port}", f":{proxy_port}")
        async with system.service(database_url=url, db_pool_size=_POOL) as service:
            return await _overloaded(service, scale, "far", lambda peak, _factor: peak, paths, 1)


async def _busy_worker(
    system: System, scale: Scale, paths: Sequence[str]
) -> tuple[list[FaultCheck], float]:
    """Each request is for a page of 200 kB. Rejections leave less CPU for the pages."""
    async with system.service(max_in_flight=1) as service:
        rejections = await _rejections_per_second(service, scale, paths)
    async with system.service(max_in_flight=2 * _CALLERS) as service:

        def attainable(peak: float, factor: int) -> float:
            rejecting = peak / rejections
            return peak * max(0.0, 1 - factor * rejecting) / (1 - rejecting)

        return await _overloaded(service, scale, "CPU", attainable, paths, scale.pick(6, 3))


async def _overloaded(
    service: ServiceUnderTest,
    scale: Scale,
    name: str,
    attainable: Callable[[float, int], float],
    paths: Sequence[str],
    turns: int,
) -> tuple[list[FaultCheck], float]:
    """`attainable` gives the goodput per second at a peak, and under a load of so many peaks.
    Overloads and measurements of the peak alternate, and their means are compared, since a
    machine's speed changes within seconds."""
    peak = await _peak(service, paths, 1.0)
    before = await _arrive(service, peak / 2, scale.pick(5.0, 2.0), paths)
    observed: dict[int, list[ObservedRequests]] = {2: [], 5: []}
    goodput: dict[int, list[float]] = {2: [], 5: []}
    for factor in turns * [2, 5]:
        observed[factor].append(await _arrive(service, factor * peak, scale.pick(3.0, 2.0), paths))
        await _arrive(service, peak / 2, 1.0, paths)
        earlier, peak = peak, await _peak(service, paths, scale.pick(1.5, 1.0), peak)
        goodput[factor].append(attainable((earlier + peak) / 2, factor))
    await _arrive(service, 5 * peak, 2.0, paths)
    after = await _arrive(service, peak / 2, 7.0, paths)
    later = after.between(after.due[0] + 5, after.due[-1])
    checks = [
        *(
            check
            for factor in observed
            for check in _rejected(observed[factor], goodput[factor], f"{name}, {factor}x")
        ),
        none(f"{name}, after 5 s: not ok", not_ok(later)),
        within(
            f"{name}, after 5 s: p99, p99₀ x 2",
            later.usual_percentile(99),
            2 * before.usual_percentile(99),
        ),
    ]
    return checks, ObservedRequests.joined([*observed[2], *observed[5]]).lateness()


def _rejected(
    outcomes: Sequence[ObservedRequests], goodput: Sequence[float], name: str
) -> list[FaultCheck]:
    """`goodput` is the attainable one of each outcome, per second."""
    settled = [each.between(each.due[0] + 1, each.due[-1]) for each in outcomes]
    seconds = sum(each.due[-1] - each.due[0] for each in settled)
    work, health = (ObservedRequests.joined(settled).only(asked) for asked in ("pages", "health"))
    shed = work.with_status(503)
    enough = at_least(f"{name}: goodput per s", work.count("ok") / seconds, 0.9 * mean(goodput))
    return [
        replace(enough, timed=True),
        none(f"{name}: neither ok nor 503", not_ok(work, "shed 503")),
        within(f"{name}: p99 of 503", shed.percentile(99) if len(shed) else 0, _REJECTION_BOUND),
        within(f"{name}: p99 of /health", health.percentile(99), 0.1),
    ]


async def _rejections_per_second(
    service: ServiceUnderTest, scale: Scale, paths: Sequence[str]
) -> float:
    """Of a worker at capacity, which answers each request with 503."""
    _, upload = await asyncio.open_connection("127.0.0.1", service.port)
    upload.write(b"POST /items HTTP/1.1\r\nHost: faults\r\nContent-Length: 9\r\n\r\n{")
    await upload.drain()
    await asyncio.sleep(0.2)  # until it fills the worker
    report = await _request_in_turn(service, int(scale.pick(20_000, 6_000) / _CALLERS), paths)
    upload.close()
    assert report.ok == 0
    return report.bad_status / report.wall


async def _peak(
    service: ServiceUnderTest, paths: Sequence[str], seconds: float, about: float = 0.0
) -> float:
    """Answers per second that `_CALLERS` clients get, each waiting for one before the next. `about`
    is a recent value, from which the number of requests follows."""
    if not about:
        await warm(service, paths)
        recent = await _request_in_turn(service, 20, paths)
        about = recent.ok / recent.wall
    report = await _request_in_turn(service, max(20, int(about * seconds / _CALLERS)), paths)
    return report.ok / report.wall


async def _request_in_turn(
    service: ServiceUnderTest, rounds: int, paths: Sequence[str]
) -> HerdReport:
    herd = ThunderingHerd(port=service.port, paths=paths, clients=_CALLERS, rounds=rounds)
    return await asyncio.to_thread(run_herd, herd, 1)


async def _arrive(
    service: ServiceUnderTest, rate: float, seconds: float, paths: Sequence[str]
) -> ObservedRequests:
    """The number of connections follows from the bound of a 503; further requests wait for one, as
    behind a load balancer with a pool. Thousands of new connections take half a second."""
    health = RequestSpec(name="health", paths=["/health"])
    share = max(1, int(rate / 50))  # about 50 health checks per second
    connections = max(100, int(rate * _REJECTION_BOUND))
    plan = LoadPlan(
        port=service.port,
        requests=[RequestSpec(name="pages", paths=paths, share=share), health],
        rate=rate,
        seconds=seconds,
        connections=connections,
        max_connections=connections,
    )
    async with loading(plan) as load:
        return await ended(load)


async def slow_queries(system: System, scale: Scale) -> Observation:
    callers, pool, acquire, command = scale.pick(500, 200), 10, 0.5, 2.0
    lock_seconds = scale.pick(6.0, 3.0)
    given = {
        "db_pool_size": pool, "db_acquire_timeout": acquire, "db_command_timeout": command
    }  # fmt: skip
    async with system.service(**given) as service:
        await warm(service, ["/items?limit=20"])
        blocker = await asyncpg.connect(system.postgres.url)
        plan = LoadPlan(
            port=service.port,
            requests=[pages()],
            rate=callers / 0.5,
            seconds=0.5,
            connections=callers,
        )
        async with loading(plan) as load, blocker.transaction():
            await blocker.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
            outcome = await ended(load)
            await asyncio.sleep(max(0.0, lock_seconds - 3.0))
        await blocker.close()
        took = sorted(outcome.took)
        statuses = await _at_once(service, pool)
        checks = [
            none("neither ok nor 503", not_ok(outcome, "shed 503")),
            within(f"slowest of all but {pool}", took[-pool - 1], acquire + 0.1),
            within("slowest", took[-1], acquire + command + 0.1),
            none(f"{pool} callers afterwards: not ok", [s for s in statuses if s != 200]),
            at_most("connections of the pool", await _sessions(system), pool),
            none("of these busy", await _sessions(system, "AND state <> 'idle'")),
        ]
    return Observation(f"{callers} callers in 0.5 s, pool of {pool}", checks, outcome.lateness())


async def _at_once(service: ServiceUnderTest, count: int) -> list[int]:
    async def ask(client: aiohttp.ClientSession) -> int:
        async with client.get("/items?limit=20") as answer:
            return answer.status

    async with aiohttp.ClientSession(service.url) as client:
        return await asyncio.gather(*(ask(client) for _ in range(count)))


async def _sessions(system: System, where: str = "") -> int:
    rows = await system.sql(
        f"SELECT 1 FROM pg_stat_activity WHERE application_name = 'app' {where}"
    )
    return len(rows)


async def hot_key_expires(system: System, scale: Scale) -> Observation:
    clients, workers = scale.pick(5_000, 500), 2
    system.upstream.delay = _UPSTREAM_DELAY
    given = {"data_ttl": _TTL, "stale_ttl": 0.001, "memory_cache_ttl": _TTL}
    async with system.service(web_concurrency=workers, **given) as service:
        await warm(service, ["/data/hot"])
        system.upstream.calls.clear()
        plan = LoadPlan(
            port=service.port,
            requests=[cached(["/data/hot"])],
            rate=scale.pick(2_500, 500),
            seconds=scale.pick(8.0, 4.0),
            connections=clients,
        )
        async with loading(plan) as load:
            outcome = await ended(load)
    system.upstream.delay = 0.05
    lifetimes = plan.seconds / (_TTL * 0.9) + 1  # a tenth is jitter
    checks = [
        none("not ok", not_ok(outcome)),
        at_most(
            f"origin calls, {workers} processes", system.upstream.calls["hot"], lifetimes * workers
        ),
        within("slowest", max(outcome.took), _UPSTREAM_DELAY + 0.05),
    ]
    size = f"{clients:,} clients, {plan.rate:,.0f}/s, {workers} workers"
    return Observation(size, checks, outcome.lateness())


async def cold_start(system: System, scale: Scale) -> Observation:
    count, limit = scale.pick(5_000, 1_000), 20
    paths = await system.items(count // 2)
    requests = [
        RequestSpec(name="data", paths=[f"/data/cold{n}" for n in range(count)]),
        RequestSpec(name="items", paths=paths),
    ]
    system.upstream.peak = 0
    async with system.service(upstream_connections=limit) as service:
        plan = LoadPlan(
            port=service.port, requests=requests, rate=count, seconds=1.0, connections=0
        )
        async with loading(plan) as load:
            outcome = await ended(load)
    checks = [
        at_most("calls of the upstream at once", system.upstream.peak, limit),
        none("neither ok nor 503", not_ok(outcome, "shed 503")),
        at_least("ok", outcome.count("ok"), 1),
    ]
    return Observation(f"{count:,} arrivals in 1 s, all cold", checks)
