"""The ceiling: an ASGI application that only gives one answer, always the same bytes.

`BARE_ANSWER` names a JSON file: {"status": 200, "headers": [["name", "value"], …], "body": "…"};
`BARE_DELAY` is for how many seconds it waits before it answers.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_answer = json.loads(Path(os.environ["BARE_ANSWER"]).read_text())
_headers = [(name.encode(), value.encode()) for name, value in _answer["headers"]]
_start = {"type": "http.response.start", "status": _answer["status"], "headers": _headers}
_delay = float(os.environ.get("BARE_DELAY", "0"))
_body = {"type": "http.response.body", "body": _answer["body"].encode(), "more_body": False}


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    if _delay and scope["path"] != "/health":
        await asyncio.sleep(_delay)
    await send(_start)
    await send(_body)
