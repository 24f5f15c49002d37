"""The Idempotency-Key header: the same request, sent again, gets the first one's response."""

import hashlib
from typing import Any

import msgspec
from litestar import Request

from servicekit.http.request import decoded_json


class IdempotencyKey(msgspec.Struct, frozen=True):
    """`key` is unique to its caller. `fingerprint` identifies the body that was sent with it."""

    key: str
    fingerprint: bytes


async def idempotency_key_of(request: Request[Any, Any, Any], header: str) -> IdempotencyKey:
    """A caller is identified by the subject of its token. Without authentication, all callers
    share one name space.

    The fingerprint is of the JSON as it was sent: not of a model, whose defaults differ between
    two versions of the service. White space and the order of fields do not count.
    """
    sent = decoded_json(await request.body(), Any)
    canonical = msgspec.json.encode(sent, order="deterministic")
    return IdempotencyKey(_scoped(request, header), hashlib.sha256(canonical).digest())


def _scoped(request: Request[Any, Any, Any], header: str) -> str:
    claims = request.scope["state"].get("claims")
    if not claims:
        return header
    caller = hashlib.sha256(claims["sub"].encode()).hexdigest()
    return f"{caller}:{header}"
