"""Which tokens are accepted, and for how long."""

import base64
import json
import math
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from litestar.types import HTTPScope

from servicekit.auth.tokens import TokenVerifier
from servicekit.errors import ServiceError, Unauthorized, Unavailable
from servicekit.settings import Auth
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.tests.auth.tokens import AUDIENCE, ISSUER, KEY, OTHER, jwk, jwks, token
from servicekit.tests.clock import ManualClock

RSA = rsa_key(65537, 2048)
P384 = generate_private_key(SECP384R1())


def scope_of(value: str) -> HTTPScope:
    return cast("HTTPScope", {"headers": [(b"authorization", b"Bearer " + value.encode())]})


class Issuer:
    """A verifier of tokens whose key set a test changes, with a clock that a test moves."""

    def __init__(self, upstream: FakeUpstream, clock: ManualClock) -> None:
        self._upstream = upstream
        self.clock = clock
        self.verifier = TokenVerifier(Auth(ISSUER, AUDIENCE, f"{upstream.url}/jwks"), clock)

    def publishes(self, *keys: Any) -> None:
        self.answers(msgspec.json.encode({"keys": keys}))

    def answers(self, body: bytes, status: int = 200, **headers: str) -> None:
        self._upstream.answers("jwks", body, status, headers=headers)

    @property
    def fetches(self) -> int:
        return self._upstream.calls["jwks"]

    async def status(self, value: str) -> int:
        """As a request sees it: the claims known from before, or a verification."""
        try:
            claims = self.verifier.cached_claims(f"Bearer {value}")
            claims = claims or await self.verifier.verify(scope_of(value))
        except Unauthorized:
            return 401
        except Unavailable:
            return 503
        assert claims["sub"] == "ann"
        return 200


@pytest.fixture
async def issuer(upstream: FakeUpstream) -> AsyncIterator[Issuer]:
    issuer = Issuer(upstream, ManualClock())
    issuer.publishes(*jwks("k1")["keys"])
    async with issuer.verifier.lifespan():
        yield issuer


async def test_known_token_is_invalid_once_its_key_left_the_key_set(issuer: Issuer) -> None:
    known = token(exp=time.time() + 3600)
    assert await issuer.status(known) == 200
    issuer.publishes(jwk(OTHER, kid="k2"))
    issuer.clock.advance(301)
    assert await issuer.status(known) == 401
    assert await issuer.status(token(OTHER, kid="k2")) == 200


async def test_known_token_is_invalid_once_its_kid_names_another_key(issuer: Issuer) -> None:
    known = token(exp=time.time() + 3600)
    assert await issuer.status(known) == 200
    issuer.publishes(jwk(OTHER, kid="k1"))
    issuer.clock.advance(301)
    assert await issuer.status(known) == 401


async def test_empty_key_set_withdraws_all_keys(issuer: Issuer) -> None:
    known = token(exp=time.time() + 3600)
    assert await issuer.status(known) == 200
    issuer.publishes()
    issuer.clock.advance(301)
    assert await issuer.status(known) == 401


async def test_known_token_is_not_verified_again_while_keys_are_the_same(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = token(exp=time.time() + 3600)
    assert await issuer.status(known) == 200
    issuer.clock.advance(301)
    assert await issuer.status(known) == 200
    assert issuer.fetches == 2
    assert issuer.verifier.cached_claims(f"Bearer {known}")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"1",
        b'"keys"',
        b"{}",
        b'{"keys": null}',
        b'{"keys": {}}',
        b'{"keys": "k1"}',
        b"[" * 100_000,
        b'{"keys":' + b"[" * 100_000,
        b'{"keys": [' + b'{"a":' * 50_000,
        b"<html>",
        b"",
        b'{"keys": ["\xff"]}',
        b'{"keys": []}' + b" " * 2_000_000,
    ],
    ids=lambda body: body[:20].decode(errors="replace"),
)
async def test_unusable_key_set_is_503_and_keys_are_kept(issuer: Issuer, body: bytes) -> None:
    issuer.answers(body)
    assert await issuer.status(token()) == 503

    issuer.publishes(jwk(kid="k1"))
    issuer.clock.advance(11)
    assert await issuer.status(token()) == 200

    issuer.answers(body)
    issuer.clock.advance(301)
    assert await issuer.status(token()) == 200
    assert await issuer.status(token(sub="ann", jti="2")) == 200


@pytest.mark.parametrize("status", [204, 302, 404, 500])
async def test_key_set_with_another_status_than_200_is_503(
    issuer: Issuer, upstream: FakeUpstream, status: int
) -> None:
    upstream.answers("elsewhere", msgspec.json.encode(jwks("k1")))
    issuer.answers(b"{}", status, location=f"{upstream.url}/elsewhere")
    assert await issuer.status(token()) == 503
    assert upstream.calls["elsewhere"] == 0


async def test_failed_fetch_is_repeated_after_10_s_and_not_before(issuer: Issuer) -> None:
    assert await issuer.status(token()) == 200
    issuer.answers(b"[]", 500)
    issuer.clock.advance(301)
    for _ in range(3):
        assert await issuer.status(token()) == 200
    assert issuer.fetches == 2
    issuer.publishes(jwk(OTHER, kid="k2"))
    issuer.clock.advance(11)
    assert await issuer.status(token()) == 401
    assert issuer.fetches == 3


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "k",
        [],
        {},
        {"kty": "EC"},
        {"kty": "EC", "crv": "P-256", "x": 1, "y": 2, "kid": "k1"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": "", "e": ""},
        {"kty": ["EC"]},
        {"kty": "EC", "key_ops": None},
        {"kty": "EC", "key_ops": 5},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k1"},
        {"kty": "AKP", "alg": "ML-DSA-44"},
    ],
)
async def test_key_that_can_not_be_read_does_not_spoil_the_others(
    issuer: Issuer, broken: object
) -> None:
    issuer.publishes(broken, jwk(kid="k1"))
    assert await issuer.status(token()) == 200


async def test_kid_is_optional(issuer: Issuer) -> None:
    issuer.publishes(jwk(OTHER), jwk())
    assert await issuer.status(token(kid=None)) == 200
    assert await issuer.status(token(kid="any")) == 200

    issuer.publishes(jwk(OTHER, kid="k2"), jwk(kid="k1"))
    issuer.clock.advance(301)
    assert await issuer.status(token(kid=None)) == 200
    assert await issuer.status(token(kid="k1")) == 200
    assert await issuer.status(token(kid="k2")) == 401


async def test_new_key_without_kid_is_fetched_when_no_known_key_verifies(issuer: Issuer) -> None:
    issuer.publishes(jwk(OTHER))
    assert await issuer.status(token(OTHER, kid=None)) == 200
    issuer.publishes(jwk(KEY))
    issuer.clock.advance(11)
    assert await issuer.status(token(kid=None)) == 200
    assert issuer.fetches == 2


async def test_two_keys_may_share_a_kid(issuer: Issuer) -> None:
    issuer.publishes(jwk(OTHER, kid="k1"), jwk(KEY, kid="k1"))
    assert await issuer.status(token()) == 200
    assert await issuer.status(token(OTHER)) == 200


@pytest.mark.parametrize(
    "members",
    [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": []}, {"use": ["enc"]}, {"alg": "ES384"}],
)
async def test_key_that_is_not_for_verifying_verifies_nothing(
    issuer: Issuer, members: dict[str, Any]
) -> None:
    issuer.publishes(jwk(kid="k1", **members))
    assert await issuer.status(token()) == 401
    issuer.publishes(jwk(kid="k1", use="sig", key_ops=["verify"], alg="ES256"))
    issuer.clock.advance(301)
    assert await issuer.status(token()) == 200


async def test_private_key_in_the_key_set_verifies_nothing(issuer: Issuer) -> None:
    issuer.publishes({**ECAlgorithm.to_jwk(KEY, as_dict=True), "kid": "k1"})
    assert await issuer.status(token()) == 401


async def test_algorithm_has_to_fit_the_key(issuer: Issuer) -> None:
    rsa = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    p384 = ECAlgorithm.to_jwk(P384.public_key(), as_dict=True)
    issuer.publishes(jwk(kid="k1"), {**rsa, "kid": "r"}, {**p384, "kid": "p"})
    for algorithm in ("RS256", "RS512", "PS256", "PS512"):
        assert await issuer.status(token(RSA, "r", algorithm)) == 200
    assert await issuer.status(token(P384, "p", "ES384")) == 200
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": 2**33}
    secret = msgspec.json.encode(jwk(kid="k1")).decode() + "x" * 32
    assert await issuer.status(jwt.encode(claims, secret, "HS256", {"kid": "k1"})) == 401
    assert await issuer.status(jwt.encode(claims, "", "none", {"kid": "k1"})) == 401
    for named in ("RS256", "none", "HS256", "ES384", "EdDSA", "", None, [], {}, 5):
        _, payload, signature = token().split(".")
        forged = segment({"alg": named, "kid": "k1", "typ": "JWT"})
        assert await issuer.status(f"{forged}.{payload}.{signature}") == 401
        signed = signed_by_key({"alg": named, "kid": "k1"}, json.dumps(claims).encode())
        assert await issuer.status(signed) == 401

    only = {**rsa, "kid": "r", "alg": "RS256"}
    issuer.publishes(only)
    issuer.clock.advance(301)
    assert await issuer.status(token(RSA, "r", "RS256")) == 200
    assert await issuer.status(token(RSA, "r", "PS256")) == 401


NOT_A_DATE = ["1795000000", "x", "", True, [], [1795000000], {}, {"a": 1}, math.inf, -math.inf]


@pytest.mark.parametrize("value", [*NOT_A_DATE, math.nan])
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
async def test_date_that_is_no_number_is_401_each_time(
    issuer: Issuer, claim: str, value: object
) -> None:
    claims: Any = {claim: value}
    odd = token(**claims)
    assert [await issuer.status(odd) for _ in range(3)] == [401, 401, 401]


@pytest.mark.parametrize("exp", [2**33, 2.0**33, 2**33 + 0.5, 10**15, 10**400, 1e300])
async def test_any_number_is_a_date(issuer: Issuer, exp: float) -> None:
    assert [await issuer.status(token(exp=exp)) for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": 5},
        {"aud": {}},
        {"aud": []},
        {"aud": [AUDIENCE, 5]},
        {"aud": "ORDERS"},
        {"iss": [ISSUER]},
        {"iss": 5},
        {"sub": 5},
        {"sub": ["ann"]},
        {"sub": ""},
        {"sub": "ann\ud800"},
        {"nbf": 2**33},
        {"iat": 2**33},
        {"jti": 5},
    ],
)
async def test_claim_of_another_type_is_401_each_time(
    issuer: Issuer, claims: dict[str, Any]
) -> None:
    odd = token(**claims)
    assert [await issuer.status(odd) for _ in range(3)] == [401, 401, 401]


async def test_audience_may_be_a_list(issuer: Issuer) -> None:
    assert await issuer.status(token(aud=["another", AUDIENCE])) == 200


@pytest.mark.parametrize("kid", [5, None, [], {}, "", True])
async def test_kid_of_another_type_is_401(issuer: Issuer, kid: object) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": 2**33}
    odd = signed_by_key({"alg": "ES256", "kid": kid}, json.dumps(claims).encode())
    assert await issuer.status(odd) == 401


@pytest.mark.parametrize(
    "odd",
    [
        "." * 10,
        "..",
        "a.b.c",
        "é.é.é",
        token()[:-1],
        token() + "x",
        token() + ".",
        "x" * 9_000,
        token(padding="x" * 9_000),
        token().replace(".", ".\n", 1),
    ],
    ids=[
        "dots",
        "two dots",
        "letters",
        "accents",
        "cut",
        "longer",
        "fourth",
        "long",
        "huge",
        "line",
    ],
)
async def test_malformed_or_oversized_token_is_401(issuer: Issuer, odd: str) -> None:
    assert await issuer.status(odd) == 401


async def test_deep_header_and_payload_are_401(issuer: Issuer) -> None:
    deep = "[" * 3_000
    for header in (deep, '{"alg":"ES256","kid":"k1","a":' + deep):
        forged = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")
        assert await issuer.status(f"{forged}.e30.AAAA") == 401
    assert await issuer.status(signed_by_key({"alg": "ES256", "kid": "k1"}, deep.encode())) == 401
    huge = b'{"exp": ' + b"9" * 4_400 + b"}"
    assert await issuer.status(signed_by_key({"alg": "ES256", "kid": "k1"}, huge)) == 401


async def test_one_token_is_known_once_however_it_is_spaced(issuer: Issuer) -> None:
    value = token()
    for spaces in range(1, 40):
        header = b"bearer" + b" " * spaces + value.encode()
        scope = cast("HTTPScope", {"headers": [(b"authorization", header)]})
        assert (await issuer.verifier.verify(scope))["sub"] == "ann"
    assert len(issuer.verifier._cached) <= 2


@pytest.mark.parametrize("value", ["", "Basic x", "Bearer", "Bearer ", "Bearer a b"])
async def test_header_without_a_bearer_token_is_unauthorized(issuer: Issuer, value: str) -> None:
    scope = cast("HTTPScope", {"headers": [(b"authorization", value.encode())]})
    with pytest.raises(ServiceError):
        await issuer.verifier.verify(scope)
    assert issuer.verifier.cached_claims(value) is None


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def signed_by_key(header: dict[str, Any], payload: bytes) -> str:
    """A token with any header and any payload, whose ES256 signature is right."""
    body = base64.urlsafe_b64encode(payload).decode().rstrip("=")
    unsigned = f"{segment(header)}.{body}"
    algorithm = ECAlgorithm(ECAlgorithm.SHA256)
    signature = algorithm.sign(unsigned.encode(), KEY)
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
