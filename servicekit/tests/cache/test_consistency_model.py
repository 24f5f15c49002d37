"""Random reads, writes, failures and cancellations on three nodes, held against a plain dict."""

import asyncio
import os
import random
import time
from contextlib import AsyncExitStack

import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.cache.entries import CachePolicy, OriginResponse
from servicekit.cache.invalidations import listen_for_invalidations
from servicekit.cache.leases import Leases
from servicekit.cache.two_level import TwoLevelCache
from servicekit.cache.valkey import Valkey
from servicekit.errors import DeadlineExceeded
from servicekit.testing.service import with_empty_cache

SECONDS = 4.0
NOTICE = 0.6  # seconds, for a busy machine; a write takes about 22 ms to reach all nodes
BUSY: tuple[str, ...] = ("a", "b", "c")  # all nodes ask for them at once
QUIET: tuple[str, ...] = tuple("defghijklmnopqrstuvw")  # one node finds what another has stored


class OriginFailed(Exception):
    pass


class World:
    """The origin's truth, and when each version was acknowledged, by which node."""

    def __init__(self, rng: random.Random, nodes: list[TwoLevelCache]) -> None:
        self.rng = rng
        self.nodes = nodes
        self.versions: dict[str, int] = dict.fromkeys(BUSY + QUIET, 0)
        self.acknowledged: dict[str, list[tuple[float, int, int]]] = {
            key: [(0.0, 0, -1)] for key in BUSY + QUIET
        }
        self.reads = self.failures = self.cancelled = 0
        self.sources: set[str] = set()

    async def load(self, key: str) -> OriginResponse:
        version = self.versions[key]
        await asyncio.sleep(self.rng.uniform(0, 0.02))
        if self.rng.random() < 0.1:
            raise OriginFailed
        return OriginResponse(b"%d" % version, f'"{version}"')

    async def write(self, node: int, key: str) -> None:
        await asyncio.sleep(self.rng.uniform(0, 0.01))
        self.versions[key] += 1
        version = self.versions[key]
        await self.nodes[node].invalidate(key)
        self.acknowledged[key].append((time.monotonic(), version, node))

    async def read(self, node: int, key: str) -> None:
        began = time.monotonic()
        oldest = max(
            version
            for when, version, writer in self.acknowledged[key]
            if writer in {-1, node} or when < began - NOTICE
        )
        try:
            found = await self.nodes[node].get(key, lambda: self.load(key))
        except (OriginFailed, DeadlineExceeded):
            self.failures += 1
            return
        version = int(found.entry.body)
        assert oldest <= version <= self.versions[key], (node, key, found.source)
        self.reads += 1
        self.sources.add(found.source)

    def ended(self, until: float) -> bool:
        """A slow machine plays on until each layer has answered."""
        now = time.monotonic()
        return now > until + 4 * SECONDS or (now > until and len(self.sources) == 3)

    async def client(self, until: float) -> None:
        while not self.ended(until):
            node = self.rng.randrange(len(self.nodes))
            key = self.rng.choice(BUSY if self.rng.random() < 0.8 else QUIET)
            if self.rng.random() < 0.05:
                await self.write(node, key)
            elif self.rng.random() < 0.1:
                reader = asyncio.create_task(self.read(node, key))
                await asyncio.sleep(self.rng.uniform(0, 0.01))
                self.cancelled += reader.cancel()
                await asyncio.wait([reader])
                if not reader.cancelled():
                    reader.result()
            else:
                await self.read(node, key)
            await asyncio.sleep(self.rng.uniform(0, 0.005))


@pytest.mark.parametrize("leased", [False, True])
async def test_reader_sees_no_version_older_than_the_bound(
    settings: Settings, leased: bool
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    # memory outlives the test, so that notices alone can bring writes to other nodes
    patient = replace(with_empty_cache(settings), memory_cache_ttl=60.0, request_timeout=0.3)
    life = CachePolicy(ttl=0.2, stale_ttl=5.0, negative_ttl=1.0)
    async with AsyncExitStack() as opened:
        nodes: list[TwoLevelCache] = []
        for _ in range(3):
            valkey = Valkey(patient)
            await opened.enter_async_context(valkey.lifespan())
            leases = Leases(valkey, 0.1) if leased else None
            nodes.append(TwoLevelCache("model", life, patient, valkey, leases))
            await opened.enter_async_context(listen_for_invalidations(valkey, nodes[-1]))
        world = World(rng, nodes)
        until = time.monotonic() + SECONDS
        await asyncio.gather(*(world.client(until) for _ in range(12)))

    assert world.sources == {"memory", "cache", "external"}
    assert world.reads > 1000
    assert world.failures > 0
    assert world.cancelled > 0
