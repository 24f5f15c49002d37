"""Random reads, writes, failures and cancellations on three nodes, held against a plain dict."""

import asyncio
import os
import random
import secrets
from collections import Counter
from contextlib import AsyncExitStack
from typing import Literal

import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.cache.entries import CachePolicy, OriginResponse
from servicekit.cache.invalidations import listen_for_invalidations
from servicekit.cache.leases import Leases
from servicekit.cache.two_level import TwoLevelCache
from servicekit.cache.valkey import Valkey
from servicekit.testing.service import with_empty_cache
from servicekit.testing.waiting import HANG, until

READS = 2_000
BUSY: tuple[str, ...] = ("a", "b", "c")  # all nodes ask for them at once
QUIET: tuple[str, ...] = tuple("defghijklmnopqrstuvw")  # one node finds what another has stored


class OriginFailed(Exception):
    pass


class CacheNode:
    """One worker's cache, and the invalidations that have reached it."""

    def __init__(self, cache: TwoLevelCache, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = cache
        self.received: Counter[str] = Counter()  # by key, of other nodes' writes
        self.expected: Counter[str] = Counter()  # the same, once all have arrived
        self.oldest: Counter[str] = Counter()  # the oldest version that a read may see
        evict = cache.evict

        def counted(key: str, origin: Literal["local", "remote"]) -> None:
            evict(key, origin)
            self.received[key] += origin == "remote"

        monkeypatch.setattr(cache, "evict", counted)

    def is_up_to_date(self, key: str) -> bool:
        return self.received[key] >= self.expected[key]


class ReferenceModel:
    """The state of the origin, and which version each node has to know."""

    def __init__(self, rng: random.Random, nodes: list[CacheNode]) -> None:
        self.rng = rng
        self.nodes = nodes
        self.versions: dict[str, int] = dict.fromkeys(BUSY + QUIET, 0)
        self.acknowledged: Counter[str] = Counter()  # the last version by key
        self.reads = self.failures = self.cancelled = 0
        self.sources: set[str] = set()

    async def load(self, key: str) -> OriginResponse:
        version = self.versions[key]
        await asyncio.sleep(self.rng.uniform(0, 0.02))
        if self.rng.random() < 0.1:
            raise OriginFailed
        return OriginResponse(b"%d" % version, f'"{version}"')

    async def write(self, writer: CacheNode, key: str) -> None:
        await asyncio.sleep(self.rng.uniform(0, 0.01))
        self.versions[key] += 1
        version = self.versions[key]
        for node in self.nodes:
            node.expected[key] += node is not writer
        await writer.cache.invalidate(key)
        self.acknowledged[key] = max(self.acknowledged[key], version)
        writer.oldest[key] = max(writer.oldest[key], version)

    async def read(self, node: CacheNode, key: str) -> None:
        if node.is_up_to_date(key):
            node.oldest[key] = self.acknowledged[key]
        oldest = node.oldest[key]
        try:
            found = await node.cache.get(key, lambda: self.load(key))
        except OriginFailed:
            self.failures += 1
            return
        version = int(found.entry.body)
        assert oldest <= version <= self.versions[key], (key, found.source)
        self.reads += 1
        self.sources.add(found.source)

    def is_complete(self) -> bool:
        seen = self.failures and self.cancelled and len(self.sources) == 3
        return bool(seen and self.reads > READS)

    async def client(self) -> None:
        while not self.is_complete():
            node = self.rng.choice(self.nodes)
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
@pytest.mark.slow("thousands of random reads")
async def test_reader_sees_no_version_older_than_the_last_invalidation_that_reached_its_node(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, leased: bool
) -> None:
    seed = int(os.environ.get("SEED", secrets.randbelow(2**32)))
    print(f"SEED={seed}")
    # memory outlives the test, so that invalidations alone can bring writes to other nodes
    patient = replace(with_empty_cache(settings), memory_cache_ttl=10 * HANG)
    policy = CachePolicy(ttl=0.2, stale_ttl=5.0, negative_ttl=1.0)
    async with AsyncExitStack() as opened:
        nodes: list[CacheNode] = []
        for _ in range(3):
            valkey = Valkey(patient)
            await opened.enter_async_context(valkey.lifespan())
            leases = Leases(valkey, 0.1) if leased else None
            nodes.append(
                CacheNode(TwoLevelCache("model", policy, patient, valkey, leases), monkeypatch)
            )
            await opened.enter_async_context(listen_for_invalidations(valkey, nodes[-1].cache))
        model = ReferenceModel(random.Random(seed), nodes)
        async with asyncio.timeout(2 * HANG):
            await asyncio.gather(*(model.client() for _ in range(12)))
        await until(lambda: all(node.is_up_to_date(key) for node in nodes for key in BUSY))
