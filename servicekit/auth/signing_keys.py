import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import msgspec

from servicekit.http.client import client_session, read_bounded

logger = logging.getLogger(__name__)

LIFETIME = 300.0  # seconds for which a fetched key set is used
_FETCH_TIMEOUT = 2.0  # seconds
_FETCH_AGAIN = 10.0  # seconds, at least, between two fetches, whatever tokens name
_FIRST_FETCH_AGAIN = 1.0  # the same while there are no keys
_MAX_BYTES = 1_000_000  # of a key set
_MAX_KEYS = 32  # an unknown token costs at most one verification for each

# Signature algorithms by key type and curve. `none` and the shared secrets (HS256) are not here:
# a published key must not be usable as a secret.
_ALGORITHMS: Mapping[tuple[str, str | None], Sequence[str]] = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("OKP", "Ed448"): ("EdDSA",),
}


class _KeySet(msgspec.Struct, frozen=True):
    """A JWK set, RFC 7517, section 5."""

    keys: list[Any]


class SigningKey(msgspec.Struct, frozen=True):
    kid: str | None
    algorithms: Sequence[str]  # that this key verifies
    public_key: Any
    members: Mapping[str, Any]  # of its JWK


class SigningKeys:
    """The issuer's public keys, fetched from its JWK set.

    A key that left the set is gone within `LIFETIME`. A fetch that fails, or that brings something
    other than a JWK set, keeps the keys of the one before, and is repeated after 10 seconds.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: Sequence[SigningKey] = ()
        self._loaded = False
        self._fetch_at = 0.0  # when the keys have to be fetched again
        self._fetch_allowed_at = 0.0  # before that, no token causes a fetch
        self._fetching = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self.on_change: Callable[[], object] = lambda: None

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        async with client_session(connections=1) as self._session:
            yield

    def up_to_date(self) -> bool:
        return self._clock() < self._fetch_at

    async def candidates(self, kid: str | None, algorithm: object) -> Sequence[SigningKey] | None:
        """Keys that may have signed a token with these headers; None if no key set was fetched yet.

        A `kid` is optional in a token and in a key (RFC 7515, section 4.1.4; RFC 7517, section
        4.5), so a key without one may have signed any token.
        """
        if not self.up_to_date() or (kid is not None and not self._named(kid)):
            await self.fetch()
        if not self._loaded:
            return None
        keys = self._keys if kid is None else self._named(kid) or self._nameless()
        return [key for key in keys if algorithm in key.algorithms]

    async def fetch(self) -> bool:
        """Fetches the key set, at most once in 10 seconds. True if the keys changed."""
        before = self._keys
        async with self._fetching:
            now = self._clock()
            if now >= self._fetch_allowed_at:
                again = _FETCH_AGAIN if self._loaded else _FIRST_FETCH_AGAIN
                self._fetch_allowed_at = now + again
                self._fetch_at = max(self._fetch_at, now + again)
                await self._load()
        return self._keys is not before

    async def _load(self) -> None:
        try:
            keys = _signing_keys(await self._download())
        except (
            *(aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError),
            *(UnicodeDecodeError, RecursionError),  # of the JSON
        ) as error:
            logger.warning("fetching the signing keys failed", extra={"error": repr(error)})
            return
        self._loaded = True
        self._fetch_allowed_at = self._clock() + _FETCH_AGAIN
        self._fetch_at = self._clock() + LIFETIME
        if [key.members for key in keys] != [key.members for key in self._keys]:
            self._keys = keys
            self.on_change()

    async def _download(self) -> bytes:
        assert self._session
        async with (
            asyncio.timeout(_FETCH_TIMEOUT),
            self._session.get(self._url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise aiohttp.ClientPayloadError(f"status {response.status}")
            return await read_bounded(response, _MAX_BYTES)

    def _named(self, kid: str) -> Sequence[SigningKey]:
        return [key for key in self._keys if key.kid == kid]

    def _nameless(self) -> Sequence[SigningKey]:
        return [key for key in self._keys if key.kid is None]


def _signing_keys(body: bytes) -> Sequence[SigningKey]:
    keys = msgspec.json.decode(body, type=_KeySet).keys
    read = (_signing_key(members) for members in keys)
    return [key for key in read if key is not None][:_MAX_KEYS]


def _signing_key(members: Any) -> SigningKey | None:
    """None for a key that can't or must not verify signatures."""
    if not isinstance(members, dict) or "d" in members or "k" in members:
        return None  # a published private or shared key proves nothing
    try:
        if members.get("use", "sig") != "sig" or "verify" not in members.get("key_ops", ["verify"]):
            return None
        algorithms = _ALGORITHMS[members["kty"], members.get("crv")]
        if "alg" in members:
            algorithms = [name for name in algorithms if name == members["alg"]]
        key = jwt.PyJWK(members, algorithms[0]).key
    except Exception as error:  # whatever is wrong with one key, the others are of use
        logger.info("a key of the issuer is not usable", extra={"error": repr(error)})
        return None
    kid = members.get("kid")
    return SigningKey(kid if isinstance(kid, str) else None, algorithms, key, members)
