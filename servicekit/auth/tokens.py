import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
from litestar.types import HTTPScope

from servicekit.errors import Unauthorized, Unavailable
from servicekit.http.responses import header
from servicekit.settings import Auth

# Those whose verifying key can be public; `none` and the shared secrets are not among them.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"]
_FETCH_TIMEOUT = 2.0  # seconds
_KEYS_LIFE = 300.0  # seconds
_FETCH_AGAIN = 10.0  # seconds, at least, between two fetches, whatever tokens ask for
_LEEWAY = 10  # seconds by which clocks may differ
_MOST_KNOWN = 10_000  # tokens

Claims = dict[str, Any]


class TokenVerifier:
    """Bearer tokens: JWTs signed by a key that the issuer publishes, for our audience.

    A token is verified once and known until it expires. Keys that can't be fetched anew serve on.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = -_KEYS_LIFE
        self._fetching = asyncio.Lock()
        self._known: dict[bytes, Claims] = {}
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=_FETCH_TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as self._session:
            yield

    def cached_claims(self, scope: HTTPScope) -> Claims | None:
        """The claims of a request whose token was verified before."""
        claims = self._known.get(header(scope, b"authorization") or b"")
        return claims if claims and time.time() < claims["exp"] else None

    async def verify(self, scope: HTTPScope) -> Claims:
        """The claims of the request's token; `Unauthorized` says what is wrong with it."""
        if (claims := self.cached_claims(scope)) is not None:
            return claims
        given = header(scope, b"authorization") or b""
        scheme, _, token = given.partition(b" ")
        if scheme.lower() != b"bearer" or not token:
            raise Unauthorized("A bearer token is needed.")
        claims = await self._verified(token.strip())
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[given] = claims
        return claims

    async def _verified(self, token: bytes) -> Claims:
        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid"))
            return jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                issuer=self._auth.issuer,
                audience=self._auth.audience,
                leeway=_LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, UnicodeDecodeError) as error:
            raise Unauthorized("The token is not valid.") from error

    async def _key(self, kid: object) -> jwt.PyJWK:
        if kid not in self._keys or time.monotonic() - self._fetched > _KEYS_LIFE:
            async with self._fetching:
                pause = _FETCH_AGAIN if self._keys else 1.0
                if time.monotonic() - self._fetched > pause:
                    await self._fetch()
        if not self._keys:
            raise Unavailable("The keys of the tokens' issuer can't be had.")
        if not isinstance(kid, str) or kid not in self._keys:
            raise Unauthorized("The token is not signed by its issuer.")
        return self._keys[kid]

    async def _fetch(self) -> None:
        assert self._session
        self._fetched = time.monotonic()
        try:
            async with self._session.get(self._auth.jwks_url) as answer:
                answer.raise_for_status()
                keys = jwt.PyJWKSet.from_dict(await answer.json(content_type=None)).keys
        except (aiohttp.ClientError, TimeoutError, ValueError, jwt.PyJWTError):
            return  # those that we have may still do
        self._keys = {key.key_id: key for key in keys if key.key_id}
