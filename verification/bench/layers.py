"""`make bench ONLY=layers`: the CPU time of each layer around routing, in one process.

A handler that does nothing is called through all layers, then with each layer switched off in turn,
then through Litestar alone and through a bare ASGI application. All are called as Granian does it,
by RSGI. Differences of medians count.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from statistics import median
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import uvloop
from litestar import Controller, get

from app.settings import Settings
from servicekit import pipeline
from servicekit.domain import Domain
from servicekit.http.rsgi import RsgiService
from servicekit.parts import Parts
from servicekit.pipeline import Layer
from servicekit.settings import read_settings
from verification.bench.testbed import Testbed

PROMISED = 0.4  # the sum of all layers, as a part of Litestar's own CPU time
_REQUESTS = 2_000  # of one measurement
_LINE = "{:<28} {:>10} {:>26}"
_OUTERMOST = "MemoryFastPath"  # around the list of layers


class NothingController(Controller):
    path = "/nothing"

    @get("/")
    async def nothing(self) -> bytes:
        return b""


def measure_layers(bed: Testbed, rounds: int) -> bool:
    """Prints the cost of each layer; whether their sum is as small as promised."""
    given = {"DB_POOL_SIZE": "1", "ADMIN_PORT": "9100", "TRUSTED_PROXIES": "10.0.0.0/8"}
    # Nothing else is printed, and the loop is never late enough to shed load.
    given |= {"ACCESS_LOG_SHARE": "0", "REQUEST_TIMEOUT": "3000"}
    taken = uvloop.run(_measure(read_settings(Settings, {**bed.environment, **given}), rounds))
    costs = {name: median(each) for name, each in taken.items()}
    framework = costs["Litestar alone"] - costs["bare ASGI"]
    around = costs["all layers"] - costs["Litestar alone"]
    print("µs of CPU for each request, as median (lowest..highest); cost is the difference")
    print(_LINE.format("", "cost", "request"))
    for name, each in taken.items():
        without = name.startswith("without ")
        cost = f"{costs['all layers'] - costs[name]:.1f}" if without else ""
        spread = f"{costs[name]:.1f} ({min(each):.1f}..{max(each):.1f})"
        print(_LINE.format(name, cost, spread))
    good = around <= PROMISED * framework
    print(
        f"The layers take {around:.1f} µs, {around / framework:.0%} of Litestar's"
        f" {framework:.1f} µs; promised: {PROMISED:.0%}{'' if good else ' SHORT'}",
        flush=True,
    )
    return good


async def _measure(settings: Settings, rounds: int) -> dict[str, list[float]]:
    async with AsyncExitStack() as running:
        variants = deque((await _variants(settings, running)).items())
        taken: dict[str, list[float]] = {name: [] for name, _ in variants}
        for _ in range(rounds + 1):
            variants.rotate()
            for name, app in variants:
                taken[name].append(await _cpu_per_request(app))
    return {name: each[1:] for name, each in taken.items()}  # the first round warms up


async def _variants(settings: Settings, running: AsyncExitStack) -> dict[str, Any]:
    names: list[str] = []
    original = pipeline.layers

    def recorded(*arguments: Any) -> list[Layer]:
        found = original(*arguments)
        names.extend(map(_name, found))
        return found

    variants = {"all layers": await _app(settings, running, recorded)}
    variants[f"without {_OUTERMOST}"] = _by_rsgi(variants["all layers"].app)
    for name in names:
        without = partial(_without, original, [name])
        variants[f"without {name}"] = await _app(settings, running, without)
    alone = await _app(settings, running, partial(_without, original, names))
    variants["Litestar alone"] = _by_rsgi(alone.app)
    variants["bare ASGI"] = _by_rsgi(_bare)
    return variants


async def _app(
    settings: Settings, running: AsyncExitStack, layers: Callable[..., list[Layer]]
) -> Any:
    with patch.object(pipeline, "layers", layers):
        service = pipeline.service(Parts(settings), [Domain(controller=NothingController)])
    await running.enter_async_context(service.app.lifespan())
    return service


def _by_rsgi(app: Any) -> RsgiService:
    alone: Any = partial(app)
    alone.app = app
    return RsgiService(alone, None)


def _without(
    original: Callable[..., list[Layer]], names: Sequence[str], *arguments: Any
) -> list[Layer]:
    return [layer for layer in original(*arguments) if _name(layer) not in names]


def _name(layer: Layer) -> str:
    made: Any = layer.func if isinstance(layer, partial) else layer
    return made.__name__


async def _cpu_per_request(app: RsgiService) -> float:
    """Microseconds."""
    sent: list[int] = []
    protocol = SimpleNamespace(response_bytes=lambda status, _headers, _body: sent.append(status))
    began = time.process_time()
    for _ in range(_REQUESTS):
        sent.clear()
        await app.__rsgi__(_Request, protocol)
    cpu = time.process_time() - began
    if sent != [200]:
        raise RuntimeError(f"a variant sends {sent}")
    await asyncio.sleep(0)
    return cpu / _REQUESTS * 1e6


class _Headers(dict[str, str]):
    def get_all(self, key: str) -> list[str]:
        return [self[key]] if key in self else []


class _Request:
    """As Granian gives it."""

    http_version = "1.1"
    method = "GET"
    scheme = "http"
    path = "/nothing"
    query_string = ""
    headers = _Headers({"host": "service", "user-agent": "wrk", "x-forwarded-for": "192.0.2.1"})
    client = "10.0.0.9:4711"


async def _bare(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
