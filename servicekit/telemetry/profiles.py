import asyncio
import hmac

from aiohttp import web

from servicekit.telemetry.messages import MAX_PROFILE_SECONDS, ProfileRequest
from servicekit.telemetry.workers import WorkerEnded, Workers

_MARGIN = 30.0  # seconds beside those of the profile, for a busy worker
_TYPES = {"html": "text/html", "speedscope": "application/json"}


class ProfileEndpoint:
    """`POST /profile?seconds=5&format=html` with the secret: one worker's, one at a time."""

    def __init__(self, workers: Workers, secret: str | None) -> None:
        self._workers = workers
        self._secret = secret
        self._running = False

    async def respond(self, request: web.Request) -> web.Response:
        if self._secret is None:
            raise web.HTTPNotFound(text="Profiling is off: PROFILE_SECRET is not set.\n")
        given = request.headers.get("authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {self._secret}".encode()):
            self._workers.profiles_refused += 1
            raise web.HTTPUnauthorized(
                text="The secret is not right.\n", headers={"www-authenticate": "Bearer"}
            )
        wanted = _profile_request(request)
        if self._running:
            raise web.HTTPConflict(text="A profile is being taken; try again after it.\n")
        self._running = True
        try:
            return await self._taken(wanted)
        finally:
            self._running = False

    async def _taken(self, wanted: ProfileRequest) -> web.Response:
        worker = self._workers.any()
        if worker is None:
            raise web.HTTPServiceUnavailable(text="No worker is running.\n")
        try:
            async with asyncio.timeout(wanted.seconds + _MARGIN):
                profile = await worker.profile(wanted)
        except WorkerEnded:
            raise web.HTTPServiceUnavailable(text="The worker ended meanwhile.\n") from None
        except TimeoutError:
            raise web.HTTPGatewayTimeout(text="The worker did not answer in time.\n") from None
        return web.Response(body=profile, content_type=_TYPES[wanted.form], charset="utf-8")


def _profile_request(request: web.Request) -> ProfileRequest:
    try:
        seconds = float(request.query.get("seconds", "5"))
    except ValueError:
        seconds = 0
    if not 0 < seconds <= MAX_PROFILE_SECONDS:
        raise web.HTTPBadRequest(
            text=f"`seconds` is above 0 and at most {MAX_PROFILE_SECONDS:.0f}.\n"
        )
    form = request.query.get("format", "html")
    if form == "html" or form == "speedscope":
        return ProfileRequest(seconds, form)
    raise web.HTTPBadRequest(text="`format` is html or speedscope.\n")
