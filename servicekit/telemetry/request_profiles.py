import cProfile
import hmac
import io
import pstats
import re
import time
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from litestar.types import HTTPScope, Message, Receive, Scope, Send

from servicekit.cache.cached_routes import HotAnswers
from servicekit.http.problems import problem_response
from servicekit.http.request_id import request_id
from servicekit.http.responses import RawResponse, header
from servicekit.telemetry.sampling import Sampler
from servicekit.telemetry.signature import HEADER, signature

_LONGEST_VALIDITY = 300  # seconds that a signature may be good for
_SIGNED = re.compile(rb"(\d{1,12})\.([0-9a-f]{64})")
_NAME = HEADER.lower().encode()


class RequestProfiles:
    """Answers a request that carries a valid signature with the profile of what it did.

    Only steps of the request itself are in it; what it shares with others (batches, loads of a
    cache) runs in tasks of their own.
    """

    def __init__(self, app: HotAnswers, secret: str, sampler: Sampler) -> None:
        self.app = app.app
        self.refused = 0
        self._app = app
        self._secret = secret
        self._sampler = sampler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        signed = header(cast("HTTPScope", scope), _NAME) if scope["type"] == "http" else None
        if signed is None:
            return await self._app(scope, receive, send)
        scope = cast("HTTPScope", scope)
        if not self._valid(scope, signed):
            self.refused += 1
            rejection = _rejection(scope, HTTPStatus.UNAUTHORIZED, "The signature is not valid.")
            return await rejection(scope, receive, send)
        if self._sampler.sampling:
            rejection = _rejection(scope, HTTPStatus.CONFLICT, "The worker is being sampled.")
            return await rejection(scope, receive, send)
        profile = cProfile.Profile()

        async def unsent(_message: Message) -> None: ...

        await _Stepwise(self._app(scope, receive, unsent), profile)
        text = _table(profile).encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
        length = (b"content-length", b"%d" % len(text))
        await RawResponse(HTTPStatus.OK, [*headers, length], text)(scope, receive, send)

    def _valid(self, scope: HTTPScope, signed: bytes) -> bool:
        parts = _SIGNED.fullmatch(signed)
        expires = int(parts[1]) if parts else 0
        expected = signature(self._secret, scope["method"], scope["path"], expires)
        genuine = hmac.compare_digest(expected.encode(), signed)
        return genuine and 0 < expires - time.time() <= _LONGEST_VALIDITY


class _Stepwise:
    """Awaits `work` with `profile` on in its own steps alone, as others run in between."""

    def __init__(self, work: Coroutine[Any, Any, None], profile: cProfile.Profile) -> None:
        self._work = work
        self._profile = profile

    def __await__(self) -> Generator[Any, Any, None]:
        step: Callable[[], Any] = partial(self._work.send, None)
        while True:
            self._profile.enable()
            try:
                awaited = step()
            except StopIteration:
                return
            finally:
                self._profile.disable()
            try:
                step = partial(self._work.send, (yield awaited))
            except BaseException as error:  # a cancellation: the work is to hear of it
                step = partial(self._work.throw, error)


def _table(profile: cProfile.Profile) -> str:
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("cumulative").print_stats(60)
    return text.getvalue()


def _rejection(scope: HTTPScope, status: HTTPStatus, detail: str) -> RawResponse:
    own_id = request_id(scope)
    scope.setdefault("state", {})["request_id"] = own_id.decode()
    answer = problem_response(scope, status, detail)
    answer.headers.append((b"x-request-id", own_id))
    return answer
