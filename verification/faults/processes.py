"""Rows 10 to 12: the service's own processes are stopped, killed and replaced."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import replace

import psutil

from load.generator import LoadPlan
from servicekit.dev.processes import StartError, free_port
from verification.balancer import Balancer, balancing
from verification.faults.system import ServiceUnderTest, System
from verification.faults.table import FaultCheck, NotRun, Observation, Scale, at_most, none
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

_RATE = 300  # requests per second
_NODES = 3
_STOPS = 60.0  # seconds, at most, until a service has stopped


async def rolling_restart(system: System, scale: Scale) -> Observation:
    """Each node once after the balancer drained it, as an ALB deregisters a target before ECS stops
    it; in the full table then once more with the node's /ready as the only notice."""
    checks: list[FaultCheck] = []
    for drained in scale.pick((True, False), (True,)):
        name = "drained" if drained else "by /ready"
        async with AsyncExitStack() as nodes:
            ports = [free_port() for _ in range(_NODES)]
            running = {port: await _node(system, nodes, port) for port in ports}
            paths = await system.items(100)
            await warm(running[ports[0]], paths)
            async with _balanced(system, ports) as balancer:
                requests = [cached(paths), pages(), writes()]
                plan = LoadPlan(port=balancer.port, requests=requests, rate=_RATE, seconds=600)
                restarting = asyncio.create_task(
                    _restart_all(system, nodes, running, balancer, drained)
                )
                checks += await _while_it_lasts(name, plan, restarting)
    return Observation(f"{_NODES} nodes behind haproxy, {_RATE}/s", checks)


async def _while_it_lasts(
    name: str, plan: LoadPlan, restarting: "asyncio.Task[None]"
) -> list[FaultCheck]:
    async with loading(plan) as load:
        await restarting
        await asyncio.sleep(0.5)
        load.stop()
        outcome = await ended(load)
    return [none(f"{name}: not ok, of {len(outcome):,}", not_ok(outcome))]


async def _restart_all(
    system: System,
    nodes: AsyncExitStack,
    running: dict[int, ServiceUnderTest],
    balancer: Balancer,
    drained: bool,
) -> None:
    await asyncio.sleep(1)
    for port, service in list(running.items()):
        if drained:
            balancer.set_state(f"n{port}", "drain")
            await asyncio.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(service.process.wait, _STOPS)
        running[port] = await _node(system, nodes, port)
        if drained:
            balancer.set_state(f"n{port}", "ready")
        await _all_up(balancer)


async def _node(system: System, nodes: AsyncExitStack, port: int) -> ServiceUnderTest:
    given = {"port": port, "cache_prefix": "nodes:", "drain_time": 2}
    return await nodes.enter_async_context(system.service(**given))


@asynccontextmanager
async def _balanced(system: System, ports: list[int]) -> AsyncIterator[Balancer]:
    nodes = [(f"n{port}", port) for port in ports]
    try:
        running = balancing(system.folder, nodes, check="/ready", retries=0)
        with ExitStack() as started:
            yield await asyncio.to_thread(started.enter_context, running)
    except StartError as error:
        raise NotRun(str(error)) from None


async def _all_up(balancer: Balancer) -> None:
    async with asyncio.timeout(10):
        while balancer.nodes_up() < _NODES:  # noqa: ASYNC110 (another process's state)
            await asyncio.sleep(0.1)


async def stalled_uploads(system: System, scale: Scale) -> Observation:
    uploads, kill_timeout = 50, scale.pick(30, 4)
    async with system.service(
        granian_workers_kill_timeout=kill_timeout, request_timeout=600
    ) as service:
        writers = [await _stalled(service) for _ in range(uploads)]
        begun = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(service.process.wait, kill_timeout + 30)
            took = time.monotonic() - begun
        except psutil.TimeoutExpired:
            took = float("inf")
        for writer in writers:
            writer.transport.abort()
    checks = [at_most("gone, kill timeout + 2 s", took, kill_timeout + 2, " s")]
    return Observation(f"{uploads} stalled uploads, kill timeout {kill_timeout} s", checks)


async def _stalled(service: ServiceUnderTest) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"name": '
    )
    await writer.drain()
    return writer


async def worker_killed(system: System, scale: Scale) -> Observation:
    connections = scale.pick(200, 60)
    async with system.service(web_concurrency=2) as service:
        paths = await system.items(100)
        await warm(service, [*paths, "/items?limit=20"])
        requests = [cached(paths), pages(), writes()]
        plan = LoadPlan(
            port=service.port, requests=requests, rate=_RATE, seconds=scale.pick(12.0, 8.0),
            connections=connections,
        )  # fmt: skip
        async with loading(plan) as load:
            await asyncio.sleep(2)
            [victim, _] = _serving(service)
            lost = len(_clients(victim, service.port))
            killed = time.monotonic()
            victim.kill()
            back = await _two_workers(service, victim)
            outcome = await ended(load)
    checks = [
        at_most("errors, that worker's connections", len(outcome) - outcome.count("ok"), lost),
        replace(at_most("two workers again", back - killed, 5, " s"), timed=True),
        at_most("last error", last_failure(outcome, killed) - killed, 5, " s"),
    ]
    size = f"2 workers, {connections} connections, {_RATE}/s"
    return Observation(size, checks, outcome.lateness())


def _serving(service: ServiceUnderTest) -> list[psutil.Process]:
    return [worker for worker in service.workers() if _clients(worker, service.port, "LISTEN")]


def _clients(worker: psutil.Process, port: int, status: str = "ESTABLISHED") -> list[object]:
    try:
        found = worker.net_connections("tcp4")
    except psutil.Error:  # it has just ended
        return []
    return [one for one in found if one.laddr.port == port and one.status == status]


async def _two_workers(service: ServiceUnderTest, victim: psutil.Process) -> float:
    """The moment in which another process than `victim` serves beside the one that is left. Only
    new connections can reach it."""
    deadline = time.monotonic() + 20
    opened: list[asyncio.StreamWriter] = []
    try:
        while time.monotonic() < deadline:
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            opened.append(writer)  # a forgotten one would be closed
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            with suppress(OSError):
                await asyncio.wait_for(reader.read(100), 1)
            others = [worker for worker in _serving(service) if worker.pid != victim.pid]
            if len([worker for worker in others if _clients(worker, service.port)]) == 2:
                return time.monotonic()
            await asyncio.sleep(0.02)
    finally:
        for writer in opened:
            writer.transport.abort()
    return float("inf")
