"""The isolation tests, 8 and 16: a failing upstream or slow clients don't slow other requests."""

import asyncio
import time
from contextlib import AsyncExitStack
from itertools import pairwise

from load.generator import LoadPlan, RequestSpec
from verification import machine
from verification.faults.proxy import Toxin
from verification.faults.system import System
from verification.faults.table import FaultCheck, Observation, Scale, at_most, none, within
from verification.faults.traffic import cached, ended, loading, not_ok, pages, warm
from verification.outcomes import ObservedRequests

_RATE = 400  # requests per second
_UPSTREAM_TIMEOUT = 1.0  # seconds
_TOXINS: tuple[Toxin, ...] = ("slow", "black hole", "half reset")
_SLOW = (
    b"",
    b"GET /health HTTP/1.1\r\nHost: x\r\nX-",
    b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b'Content-Length: 40\r\n\r\n{"name": "te',
)


async def sick_upstream(system: System, scale: Scale) -> Observation:
    """Sickness and health take turns: a machine's speed changes within seconds."""
    turns, seconds = scale.pick((5, 4.0), (2, 2.0))  # of either
    checks: list[FaultCheck] = []
    late = 0.0
    async with system.service(upstream_timeout=_UPSTREAM_TIMEOUT) as service:
        paths = await system.items(100)
        await warm(service, [*paths, "/items?limit=20"])
        for toxin in _TOXINS:
            cold = [f"/data/{toxin.replace(' ', '-')}{n}" for n in range(5_000)]
            requests = [
                cached(paths, 14),
                pages(share=2),
                RequestSpec(name="upstream", paths=cold, share=4),
            ]
            whole = (2 * turns + 1) * seconds
            plan = LoadPlan(port=service.port, requests=requests, rate=_RATE, seconds=whole)
            changes = [float("-inf")]  # into sickness and back
            async with loading(plan) as load:
                for _ in range(turns):
                    for now in ("none", toxin):
                        system.proxy.toxin = now
                        await asyncio.sleep(seconds)
                        changes.append(time.monotonic())
                system.proxy.toxin = "none"
                outcome = await ended(load)
            spans = [outcome.between(*span) for span in pairwise([*changes, float("inf")])]
            calm, sick = ObservedRequests.joined(spans[::2]), ObservedRequests.joined(spans[1::2])
            checks += _contained(toxin, sick, calm)
            late = max(late, outcome.lateness())
    return Observation(f"{_RATE}/s, {_RATE / 5:.0f} upstream", checks, late)


def _contained(toxin: Toxin, sick: ObservedRequests, calm: ObservedRequests) -> list[FaultCheck]:
    that, others = sick.only("upstream"), sick.only("cached", "pages")
    usual = calm.only("cached", "pages").usual_percentile(99)
    allowed = that.with_status(200, 502, 503, 504)
    return [
        none(f"{toxin}: that route: not 200, 502, 503, 504", len(that) - len(allowed)),
        within(f"{toxin}: that route: slowest", max(that.took), _UPSTREAM_TIMEOUT + 0.1),
        none(f"{toxin}: other routes: not ok", not_ok(others)),
        within(f"{toxin}: other routes: p99, p99₀ x 1.2", others.usual_percentile(99), usual * 1.2),
    ]


async def slow_clients(system: System, scale: Scale) -> Observation:
    count, timeout = scale.pick((5_000, 60.0), (600, 4.0))
    given = {} if scale.full else {"granian_http1_header_read_timeout": 3_000, "request_timeout": 3}
    machine.raise_open_files()
    async with system.service(**given) as service, AsyncExitStack() as clients:
        paths = await system.items(100)
        await warm(service, [*paths, "/items?limit=20"])
        requests = [cached(paths), pages()]
        seconds = scale.pick((10.0, 20.0), (3.0, 4.0))
        plan = LoadPlan(port=service.port, requests=requests, rate=_RATE, seconds=sum(seconds))
        async with loading(plan) as load:
            await asyncio.sleep(seconds[0])
            began = time.monotonic()
            gone = [
                asyncio.create_task(_dawdle(service.port, _SLOW[n % 3], timeout + 10))
                for n in range(count)
            ]
            clients.push_async_callback(_forget, gone)
            outcome = await ended(load)
        normal = outcome.only("cached", "pages")
        before = normal.between(load.began, began)
        settled = normal.between(began + 1, float("inf"))
        kept = await asyncio.gather(*gone)
    return Observation(
        f"{count:,} slow clients beside {_RATE}/s",
        [
            none("normal: not ok", not_ok(normal)),
            within(
                "normal: p99, p99₀ x 2",
                settled.usual_percentile(99),
                before.usual_percentile(99) * 2,
            ),
            at_most("silent: gone after", max(kept[0::3]), timeout, " s"),
            at_most("half a header: gone after", max(kept[1::3]), timeout, " s"),
            at_most("half a body: gone after", max(kept[2::3]), timeout, " s"),
        ],
        outcome.lateness(),
    )


async def _dawdle(port: int, words: bytes, limit: float) -> float:
    """Says `words`, then nothing. The seconds until the server has enough of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    try:
        writer.write(words)
        async with asyncio.timeout(limit):
            while await reader.read(65536):
                pass
    except TimeoutError:
        return float("inf")
    except ConnectionError:
        pass  # reset: gone as well
    finally:
        writer.transport.abort()
    return time.monotonic() - began


async def _forget(tasks: list[asyncio.Task[float]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
