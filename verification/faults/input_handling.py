"""Fault 17: hostile bytes, and requests generated from the service's own schema."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from verification.faults.hostile_inputs import Attack, attacks
from verification.faults.system import ServiceUnderTest, System
from verification.faults.table import FaultCheck, Observation, Scale, at_least, at_most, none

_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5][0-9][0-9]) ")
_ANSWERED = 0.5  # seconds without another byte after which an answer is taken for whole
_MB = 2**20


async def hostile_input(system: System, scale: Scale) -> Observation:
    corpus, examples = attacks(), scale.pick(100, 5)
    await system.items(1)
    async with system.service(expose_schema="true", request_timeout=3) as service:
        statuses = await _all(service, corpus)  # what is allocated once is no growth
        before = _resident(service)
        for _ in range(scale.pick(5, 1)):
            statuses = await _all(service, corpus)
        grown = (_resident(service) - before) / _MB
        found = await asyncio.to_thread(_schemathesis, service, examples, scale.seed)
        log = await asyncio.to_thread(service.log.read_text)
    answers = list(zip(corpus, statuses, strict=True))
    checks = [
        none("5xx", [attack.name for attack, got in answers if any(s >= 500 for s in got)]),
        none(
            "answered twice", [attack.name for attack, got in answers if len(got) > attack.requests]
        ),
        none("accepted", [a.name for a, got in answers if a.refused and any(s < 400 for s in got)]),
        none("items table lost", await _lost(system)),
        none("tracebacks in the log", log.count("Traceback")),
        none(
            "log lines that are no JSON", [line for line in log.splitlines() if not _is_json(line)]
        ),
        at_most("memory", grown, 50, " MB"),
        *found,
    ]
    return Observation(f"{len(corpus)} attacks, {examples} examples per operation", checks)


async def _all(service: ServiceUnderTest, corpus: Sequence[Attack]) -> list[list[int]]:
    """The statuses that each got, in order; ten at once."""
    slots = asyncio.Semaphore(10)

    async def send(attack: Attack) -> list[int]:
        async with slots:
            return await _send(service, attack)

    return await asyncio.gather(*(send(attack) for attack in corpus))


async def _send(service: ServiceUnderTest, attack: Attack) -> list[int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writing = asyncio.create_task(_write(writer, attack.sent))
    got, limit = b"", 5.0  # a request that is never whole ends by its deadline
    try:
        while True:
            async with asyncio.timeout(limit):
                data = await reader.read(65536)
            if not data:
                break
            got, limit = got + data, _ANSWERED
    except (TimeoutError, ConnectionError):
        pass
    writing.cancel()
    await asyncio.wait([writing])
    writer.transport.abort()
    return [int(status) for status in _STATUS.findall(got)]


async def _write(writer: asyncio.StreamWriter, sent: bytes) -> None:
    try:
        writer.write(sent)
        await writer.drain()
    except ConnectionError:
        pass  # it has heard enough


async def _lost(system: System) -> bool:
    return not await system.sql("SELECT 1 FROM items LIMIT 1")


def _schemathesis(service: ServiceUnderTest, examples: int, seed: int) -> list[FaultCheck]:
    """Every operation of the service's own document, with valid and invalid input."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/schema/openapi.json",
        "--checks", "not_a_server_error", "--phases", "fuzzing,coverage",
        "--max-examples", str(examples), "--seed", str(seed), "--no-color",
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=service.log.parent, capture_output=True, text=True)
    generated = re.search(r"([0-9,]+) generated", ran.stdout)
    failures = re.findall(r"^- Server error.*|^_{5,} .* _{5,}$", ran.stdout, re.MULTILINE)
    if ran.returncode and not failures:
        failures = [ran.stdout[-2000:] + ran.stderr[-2000:]]
    cases = int(generated[1].replace(",", "")) if generated else 0
    return [none("schemathesis: 5xx", failures), at_least("schemathesis: requests", cases, 1)]


def _resident(service: ServiceUnderTest) -> int:
    return sum(worker.memory_info().rss for worker in service.workers())


def _is_json(line: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except msgspec.DecodeError:
        return False
