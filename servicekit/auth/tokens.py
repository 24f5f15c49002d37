import math
import time
from collections.abc import Callable
from typing import Any

import jwt
from litestar.types import HTTPScope

from servicekit.auth.signing_keys import SigningKeys
from servicekit.errors import Unauthorized, Unavailable
from servicekit.http.responses import header
from servicekit.settings import Auth

_LEEWAY = 10  # seconds by which clocks may differ
_MAX_TOKEN = 8192  # bytes
_MAX_CACHED = 10_000  # tokens

Claims = dict[str, Any]


class TokenVerifier:
    """Verifies bearer tokens: JWTs of one issuer for one audience.

    The claims of a verified token are kept until it expires or the issuer's keys change, so the
    signature is verified once. `clock` gives seconds, and times the lifetime of the keys.
    """

    def __init__(self, auth: Auth, clock: Callable[[], float] = time.monotonic) -> None:
        self._auth = auth
        self._keys = SigningKeys(auth.jwks_url, clock)
        self._cached: dict[str, Claims] = {}
        self._keys.on_change = self._cached.clear
        self.lifespan = self._keys.lifespan

    def cached_claims(self, authorization: str) -> Claims | None:
        """The claims of this header if its token was verified before, without any I/O."""
        claims = self._cached.get(authorization)
        if claims and time.time() < claims["exp"] and self._keys.up_to_date():
            return claims
        return None

    async def verify(self, scope: HTTPScope) -> Claims:
        """The claims of the request's token. Raises Unauthorized, or Unavailable without keys."""
        given = header(scope, b"authorization") or b""
        if (claims := self.cached_claims(given.decode("latin-1"))) is not None:
            return claims
        scheme, _, token = given.partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer" or not token:
            raise Unauthorized("A bearer token is needed.")
        if len(token) > _MAX_TOKEN:
            raise Unauthorized("The token is too long.")
        claims = await self._verified(token)
        if given == b"Bearer " + token:  # in any other spelling, one token could fill the cache
            self._keep(given.decode("latin-1"), claims)
        return claims

    def _keep(self, given: str, claims: Claims) -> None:
        if len(self._cached) >= _MAX_CACHED:
            self._cached.clear()
        self._cached[given] = claims

    async def _verified(self, token: bytes) -> Claims:
        try:
            claims = await self._decoded(token)
            if claims is None and await self._keys.fetch():
                claims = await self._decoded(token)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            # All that a hostile header or payload can make the decoder raise.
            raise Unauthorized("The token is not valid.") from error
        if claims is None or not _has_valid_types(claims):
            raise Unauthorized("The token is not valid.")
        return claims

    async def _decoded(self, token: bytes) -> Claims | None:
        """None if no key of the issuer has signed the token."""
        headers = jwt.get_unverified_header(token)
        kid = headers.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise jwt.InvalidTokenError("kid")
        keys = await self._keys.candidates(kid, headers.get("alg"))
        if keys is None:
            raise Unavailable("The signing keys of the token issuer are not available.")
        for key in keys:
            try:
                return jwt.decode(
                    token,
                    key.public_key,
                    algorithms=list(key.algorithms),
                    issuer=self._auth.issuer,
                    audience=self._auth.audience,
                    leeway=_LEEWAY,
                    options={"require": ["exp", "iss", "aud", "sub"]},
                )
            except jwt.InvalidSignatureError:
                continue
        return None


def _has_valid_types(claims: Claims) -> bool:
    """Dates are numbers (RFC 7519, section 2), and `sub` is text and not empty. The decoder also
    takes a string of digits for a date, and lone surrogates for text."""
    dates = (claims.get(name, 0) for name in ("exp", "nbf", "iat"))
    text = claims["sub"].encode(errors="ignore").decode()
    return bool(text) and text == claims["sub"] and all(_is_date(date) for date in dates)


def _is_date(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
