import math

from litestar.types import HTTPScope, Receive, Send

from servicekit.auth.middleware import PUBLIC_PATHS
from servicekit.cache.valkey import Valkey
from servicekit.errors import RateLimited
from servicekit.http.client_address import UNKNOWN, canonical_client
from servicekit.http.problems import error_response
from servicekit.http.responses import HttpApp
from servicekit.settings import Settings

# The generic cell rate algorithm (GCRA). The key holds the time (ms) at which the client's whole
# burst is available again. One script reads, decides and writes, by the server's clock, so all
# workers share one limit. A later time than that is foreign, or of a server whose clock was ahead.
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local free = tonumber(redis.call('GET', KEYS[1]) or 0)
if free > now + each * burst + 1000 then free = now end
free = math.max(free, now) + each
local wait = free - now - each * burst
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', free), 'PX', math.ceil(free - now))
return 0
"""


class RateLimitMiddleware:
    """Rejects a client's requests beyond RATE_LIMIT a second and a burst of RATE_BURST with 429.

    A client is the subject of its token, or else its address in canonical form. Without Valkey
    every request is let through.
    """

    def __init__(self, app: HttpApp, valkey: Valkey, limit: Settings) -> None:
        self._app = app
        self._valkey = valkey
        self._each = 1000 / limit.rate_limit  # ms
        self._burst = limit.rate_burst

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if scope["path"] not in PUBLIC_PATHS:
            key = f"rate:{_client(scope)}"
            wait = await self._valkey.run(_SCRIPT, key, self._each, self._burst)
            if wait:
                error = RateLimited("Too many requests; try again later.", math.ceil(wait / 1000))
                return await error_response(scope, error)(scope, receive, send)
        await self._app(scope, receive, send)


def _client(scope: HTTPScope) -> str:
    claims = scope["state"].get("claims")
    if claims:
        return f"sub:{claims['sub']}"
    address = scope["client"][0] if scope["client"] else UNKNOWN
    return f"address:{canonical_client(address)}"
