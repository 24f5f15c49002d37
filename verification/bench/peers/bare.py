"""The ceiling: an ASGI application that sends one response, always the same bytes.

`BARE_RESPONSE` names a JSON file: {"status": 200, "headers": [["name", "value"], …], "body": "…"};
`BARE_DELAY` is how many seconds it waits before it responds.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_response = json.loads(Path(os.environ["BARE_RESPONSE"]).read_text())
_headers = [(name.encode(), value.encode()) for name, value in _response["headers"]]
_start = {"type": "http.response.start", "status": _response["status"], "headers": _headers}
_health_start = {**_start, "status": 200}  # a 304 would look like a failed start
_delay = float(os.environ.get("BARE_DELAY", "0"))
_body = {"type": "http.response.body", "body": _response["body"].encode(), "more_body": False}


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    health = scope["path"] == "/health"
    if _delay and not health:
        await asyncio.sleep(_delay)
    await send(_health_start if health else _start)
    await send(_body)
