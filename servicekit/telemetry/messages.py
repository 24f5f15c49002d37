"""Messages between the workers and their supervisor, on a Unix socket."""

import asyncio
from typing import Literal

import msgspec

from servicekit.telemetry.metrics import Sample

ProfileFormat = Literal["html", "speedscope"]
MAX_PROFILE_SECONDS = 60.0  # seconds

_LENGTH = 4  # bytes before each message


class Snapshot(msgspec.Struct, frozen=True, tag=True):
    """All samples of a worker, counted since its start."""

    pid: int
    samples: list[Sample]


class ProfileRequest(msgspec.Struct, frozen=True, tag=True):
    """Asks a worker for a profile of `seconds`."""

    seconds: float
    form: ProfileFormat


class ProfileResult(msgspec.Struct, frozen=True, tag=True):
    profile: bytes


Message = Snapshot | ProfileRequest | ProfileResult
_DECODER = msgspec.msgpack.Decoder(Message)


def packed(message: Message) -> bytes:
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(_LENGTH, "big") + body


async def received(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None at the end of the connection."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
        return _DECODER.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
