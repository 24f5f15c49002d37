"""FaultTest 18: everything at once, for long, in an order that the seed decides."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from random import Random

import aiohttp

from load.generator import LoadPlan, RequestSpec
from servicekit.dev.processes import listens
from verification.faults.proxy import Toxin
from verification.faults.store import Store
from verification.faults.system import ServiceUnderTest, System
from verification.faults.table import FaultCheck, Observation, Scale, at_most, none
from verification.faults.traffic import cached, ended, loading, not_ok, pages, warm, writes
from verification.faults.write_audit import WriteAudit

_MB = 2**20
_TASKS = re.compile(r"^asyncio_tasks\{.*\} (.*)$", re.MULTILINE)
_WARM_UP = 0.25  # of the time, before it; from then on memory is to be flat
_LONGEST = 4.0  # seconds of a fault, and of the pause before it
# Memory is full before the warm-up ends.
_SERVICE = {"web_concurrency": 2, "upstream_timeout": 1, "memory_cache_entries": 500}
_TOXINS: tuple[Toxin, ...] = ("slow", "black hole", "half reset", "refused")


@dataclass(frozen=True, kw_only=True)
class ResourceUse:
    """Of all workers together."""

    moment: float
    resident: int  # bytes
    files: int
    tasks: int


async def soak(system: System, scale: Scale) -> Observation:
    seconds, rate = scale.pick(scale.minutes * 60 * (1 + _WARM_UP), 12.0), scale.pick(300, 150)
    samples: list[ResourceUse] = []
    async with (
        system.service(**_SERVICE, admin_port=_two_free_ports(scale.random())) as service,
        WriteAudit.kept(service) as audit,
    ):
        paths = await system.items(200)
        await warm(service, [*paths, "/items?limit=20"])
        before = await _now(service)
        upstream = RequestSpec(
            name="upstream", paths=[f"/data/soak{n}" for n in range(3_000)], share=2
        )
        requests = [cached(paths, 14), pages(share=2), writes(2), upstream]
        plan = LoadPlan(port=service.port, requests=requests, rate=rate, seconds=seconds)
        async with loading(plan) as load:
            sampling = asyncio.create_task(_sample(service, samples))
            try:
                done = await _faults(system, scale.random(), load.began + seconds * 0.9)
                outcome = await ended(load)
            finally:
                sampling.cancel()
            await asyncio.sleep(scale.pick(20, 2))  # kept-alive connections of the upstream end
        await audit.close()
        after = await _now(service)
        checks = [
            none("never served", outcome.count("never served", "refused", "reset", "foreign")),
            none("cached: neither ok nor 503", not_ok(outcome.only("cached"), "shed 503")),
            none(
                "database: neither ok nor 503", not_ok(outcome.only("pages", "writes"), "shed 503")
            ),
            *_flat(before, after, samples, scale),
            *await audit.checks(system),
        ]
    return Observation(f"{seconds / 60:.1f} min, {rate}/s, {done} faults", checks)


async def _faults(system: System, random: Random, until: float) -> int:
    """One fault after the other, of 1 to 4 seconds, with as long a pause between them. Each comes
    once at its longest before any comes again: by then memory has been as full as they make it."""
    faults = _all_faults(system)
    first = random.sample(faults, len(faults))
    done = 0
    while time.monotonic() + 2 * _LONGEST < until:
        await asyncio.sleep(random.uniform(1, _LONGEST))
        if done < len(first):
            await first[done](_LONGEST)
        else:
            await random.choice(faults)(random.uniform(1, _LONGEST))
        done += 1
    return done


def _all_faults(system: System) -> list[Callable[[float], Awaitable[None]]]:
    async def frozen(store: Store, seconds: float) -> None:
        store.freeze()
        await asyncio.sleep(seconds)
        store.thaw()

    async def killed(store: Store, seconds: float) -> None:
        await asyncio.to_thread(store.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(store.start)

    async def sick(toxin: Toxin, seconds: float) -> None:
        system.proxy.toxin = toxin
        await asyncio.sleep(seconds)
        system.proxy.toxin = "none"

    stores = (system.postgres, system.valkey)
    return [
        *(partial(fault, store) for fault in (frozen, killed) for store in stores),
        *(partial(sick, toxin) for toxin in _TOXINS),
    ]


def _two_free_ports(random: Random) -> int:
    """The first of two that nobody has, below those that the kernel gives to connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        if not any(listens(each) for each in (port, port + 1)):
            return port


async def _sample(service: ServiceUnderTest, samples: list[ResourceUse]) -> None:
    while True:
        samples.append(await _now(service))
        await asyncio.sleep(1)


async def _now(service: ServiceUnderTest) -> ResourceUse:
    workers = service.workers()
    return ResourceUse(
        moment=time.monotonic(),
        resident=sum(worker.memory_info().rss for worker in workers),
        files=sum(worker.num_fds() for worker in workers),
        tasks=await _tasks(service),
    )


async def _tasks(service: ServiceUnderTest) -> int:
    async with (
        aiohttp.ClientSession(service.admin_url) as client,
        client.get("/metrics") as answer,
    ):
        metrics = await answer.text()
    return int(sum(float(value) for value in _TASKS.findall(metrics)))


def _flat(
    before: ResourceUse, after: ResourceUse, samples: list[ResourceUse], scale: Scale
) -> list[FaultCheck]:
    """Before and after there is no load, and so no request or connection of clients."""
    checks = [
        at_most("open files, after - before", after.files - before.files, 10),
        at_most("asyncio tasks, after - before", after.tasks - before.tasks, 5),
    ]
    if scale.full:  # a slope of seconds tells nothing about minutes
        warm = samples[int(len(samples) * _WARM_UP / (1 + _WARM_UP)) :]
        checks.append(
            at_most("memory, per 10 min after warm-up", _slope(warm) * 600 / _MB, 5, " MB")
        )
    return checks


def _slope(samples: list[ResourceUse]) -> float:
    """Bytes per second, by least squares."""
    moments = [sample.moment for sample in samples]
    sizes = [sample.resident for sample in samples]
    moment, size = sum(moments) / len(moments), sum(sizes) / len(sizes)
    spread = sum((one - moment) ** 2 for one in moments)
    pairs = zip(moments, sizes, strict=True)
    return sum((one - moment) * (other - size) for one, other in pairs) / spread
