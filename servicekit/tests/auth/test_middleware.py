"""Authentication, rate limit and CORS, through the whole service."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import httpx
import jwt
import msgspec
import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from app.main import create_app
from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import problem_of, serving, with_empty_cache
from servicekit.tests.auth.tokens import AUDIENCE, ISSUER, OTHER, bearing, jwks, token

PROXIES = "127.0.0.0/8"


@pytest.fixture
def guarded(settings: Settings, upstream: FakeUpstream) -> Settings:
    upstream.answers("jwks", msgspec.json.encode(jwks("k1")))
    return replace(
        with_empty_cache(settings),
        auth_issuer=ISSUER,
        auth_audience=AUDIENCE,
        auth_jwks_url=f"{upstream.url}/jwks",
    )


@pytest.fixture
async def client(guarded: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(guarded)) as client:
        yield client


@pytest.mark.parametrize("path", ["/items", "/data/g1", "/schema", "/no"])
async def test_all_routes_but_health_need_a_token(client: httpx.AsyncClient, path: str) -> None:
    refused = await client.get(path)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert problem_of(refused)["status"] == 401
    assert (await client.get(path, headers=bearing(token()))).status_code in {200, 404}
    assert (await client.get("/health")).status_code == 200
    assert (await client.get("/ready")).status_code == 200


async def test_public_paths_need_no_token(guarded: Settings) -> None:
    own = replace(guarded, auth_public_paths="/data/, /items")
    async with serving(create_app(own)) as client:
        for path, status in (("/items", 200), ("/data/open", 200), ("/health", 200)):
            assert (await client.get(path)).status_code == status
        for path in ("/items/1", "/data", "/data/", "/data//", "/datax", "/schema"):
            assert (await client.get(path)).status_code == 401
        document = (await client.get("/schema/openapi.json", headers=bearing(token()))).json()
        paths = {path: methods["get"] for path, methods in document["paths"].items()}
        public = {path for path, get in paths.items() if get.get("security") == []}
        assert public == {"/health", "/ready", "/items", "/data/{data_id}"}
        assert {path for path, get in paths.items() if "401" not in get["responses"]} == public


@pytest.mark.parametrize(
    "bad",
    [
        token(OTHER),
        token(kid="unknown"),
        token(aud="another"),
        token(iss="https://evil.example"),
        token(exp=time.time() - 60),
        token(exp=None),
        token(sub=None),
        jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": 2**33}, "s" * 32),
        jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": 2**33}, "", "none"),
        "not.a.token",
        "",
    ],
)
async def test_token_that_does_not_verify_is_401(client: httpx.AsyncClient, bad: str) -> None:
    refused = await client.get("/items", headers=bearing(bad))
    assert refused.status_code == 401
    if bad:
        assert bad not in refused.text


async def test_idempotency_key_belongs_to_its_caller(client: httpx.AsyncClient) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    ann, bob = key | bearing(token(sub="ann")), key | bearing(token(sub="bob"))
    tea, coffee = {"name": "tea", "price_cents": 1}, {"name": "coffee", "price_cents": 1}
    of_ann = await client.post("/items", json=tea, headers=ann)
    of_bob = await client.post("/items", json=tea, headers=bob)

    assert (of_ann.status_code, of_bob.status_code) == (201, 201)
    assert of_ann.json()["id"] != of_bob.json()["id"]
    for caller, item in ((ann, of_ann), (bob, of_bob)):
        assert (await client.post("/items", json=tea, headers=caller)).json() == item.json()
        assert (await client.post("/items", json=coffee, headers=caller)).status_code == 422


async def test_response_from_memory_needs_a_token(client: httpx.AsyncClient) -> None:
    good = bearing(token())
    for _ in range(2):
        await client.get("/data/g2", headers=good)
    answer = await client.get("/data/g2", headers=good)
    assert answer.json()["source"] == "memory"
    assert answer.headers["cache-control"].startswith("private")
    assert (await client.get("/data/g2")).status_code == 401


async def test_keys_are_fetched_once_for_many_unknown_kids(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    kids = ["k1", *(f"unknown{n}" for n in range(20)), "k1"]
    await asyncio.gather(*(client.get("/items", headers=bearing(token(kid=k))) for k in kids))
    assert upstream.calls["jwks"] == 1


@pytest.mark.parametrize("body", [b"[]", b"null", b"[" * 100_000, b'{"keys": [1, [], null]}'])
async def test_unusable_key_set_is_a_problem_with_all_headers(
    guarded: Settings, upstream: FakeUpstream, body: bytes
) -> None:
    upstream.answers("jwks", body)
    async with serving(create_app(guarded)) as client:
        for path in ("/items/1", "/items", "/data/g3", "/no"):
            failed = await client.get(path, headers=bearing(token()))
            assert failed.status_code in {401, 503}
            assert problem_of(failed)["request_id"] == failed.headers["x-request-id"]
            assert failed.headers["x-content-type-options"] == "nosniff"


async def test_unreachable_key_set_is_503(guarded: Settings) -> None:
    away = replace(guarded, auth_jwks_url=f"http://127.0.0.1:{free_port()}/jwks")
    async with serving(create_app(away)) as client:
        assert (await client.get("/items", headers=bearing(token()))).status_code == 503


def limited(settings: Settings, burst: int) -> Settings:
    """No test lasts for the 1,000 seconds after which a client may send one request more."""
    return replace(
        with_empty_cache(settings), rate_limit=0.001, rate_burst=burst, trusted_proxies=PROXIES
    )


async def turn_clock_of_limit(settings: Settings, client: str, seconds: float) -> None:
    """Valkey's clock can't be turned. Its key holds when (ms) the client's burst is available."""
    key = f"{settings.cache_prefix}rate:address:{client}"
    async with Redis.from_url(settings.redis_url) as redis:
        free = await redis.get(key)
        assert free
        await redis.set(key, float(free) - seconds * 1000)


async def test_each_client_has_a_rate_of_its_own(settings: Settings) -> None:
    own = limited(settings, burst=3)
    async with serving(create_app(own)) as client:
        by = [{"x-forwarded-for": f"10.0.0.9, 192.0.2.{n}"} for n in (1, 2)]
        answers = await asyncio.gather(*(client.get("/no", headers=by[0]) for _ in range(10)))
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(404), statuses.count(429)) == (3, 7)
        waits = [int(a.headers["retry-after"]) for a in answers if a.status_code == 429]
        assert all(900 < wait <= 1000 for wait in waits)
        assert (await client.get("/no", headers=by[1])).status_code == 404

        await turn_clock_of_limit(own, "192.0.2.1", seconds=1000)
        again = [(await client.get("/no", headers=by[0])).status_code for _ in range(2)]
        assert again == [404, 429]
        assert (await client.get("/health", headers=by[0])).status_code == 200


@pytest.mark.parametrize("foreign", ["inf", "9e99", "nan", "4102444800000", "x"])
async def test_time_that_no_limit_has_set_blocks_no_client(
    settings: Settings, foreign: str
) -> None:
    own = limited(settings, burst=2)
    async with serving(create_app(own)) as client, Redis.from_url(own.redis_url) as redis:
        await redis.set(f"{own.cache_prefix}rate:address:192.0.2.1", foreign)
        by = {"x-forwarded-for": "192.0.2.1"}
        statuses = [(await client.get("/no", headers=by)).status_code for _ in range(4)]
        assert (statuses[0], statuses[-1]) == (404, 429)


async def test_client_has_one_rate_however_its_address_is_spelled(settings: Settings) -> None:
    clients = [
        ["1.1.1.4:4001", "1.1.1.4:4002", "1.1.1.4"],
        ["::ffff:1.1.1.5", "1.1.1.5", "[::FFFF:101:105]:1"],
        ["2001:db8::1", "2001:DB8:0:0:1::2", "[2001:db8::3]:443"],
        ["x", "y", ""],
    ]
    async with serving(create_app(limited(settings, burst=2))) as client:
        for spellings in clients:
            forwarded = [{"x-forwarded-for": spelled or "z"} for spelled in spellings]
            answers = [await client.get("/no", headers=each) for each in forwarded]
            assert [answer.status_code for answer in answers] == [404, 404, 429]


async def test_rate_limit_without_valkey_lets_all_requests_through(settings: Settings) -> None:
    gone = replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    async with serving(create_app(replace(gone, rate_limit=1, rate_burst=1))) as client:
        assert {(await client.get("/no")).status_code for _ in range(5)} == {404}


async def test_forwarded_address_of_an_untrusted_peer_does_not_count(settings: Settings) -> None:
    untrusting = replace(limited(settings, burst=1), trusted_proxies="")
    async with serving(create_app(untrusting)) as client:
        forged = [{"x-forwarded-for": f"192.0.2.{n}"} for n in range(3)]
        statuses = [(await client.get("/no", headers=h)).status_code for h in forged]
        assert statuses == [404, 429, 429]


async def test_cors_headers_are_sent_to_configured_origins_only(settings: Settings) -> None:
    asks = {"origin": "https://shop.example", "access-control-request-method": "PUT"}
    async with serving(create_app(settings)) as client:
        closed = await client.options("/items", headers=asks)
        assert not [name for name in closed.headers if name.startswith("access-control")]
    async with serving(
        create_app(replace(settings, cors_origins="https://shop.example"))
    ) as client:
        opened = await client.options("/items/1", headers=asks)
        assert opened.status_code == 204
        assert opened.headers["access-control-allow-origin"] == asks["origin"]
        allowed = opened.headers["access-control-allow-headers"].split(", ")
        assert {"if-match", "idempotency-key", "cache-control"} <= set(allowed)
        for origin, given in (("https://shop.example", True), ("https://evil.example", False)):
            answer = await client.get("/data/cors", headers={"origin": origin})
            assert ("access-control-allow-origin" in answer.headers) is given
            assert answer.headers["vary"] == "origin"
