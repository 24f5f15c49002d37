from typing import Any, cast

import pytest
from litestar.types import HTTPScope, Receive, Scope, Send

from servicekit.http.proxy_headers import ProxyHeaders

PROXIES = ["10.0.0.0/16", "2001:db8:1::/48"]


async def seen(
    peer: str | None, forwarded: list[str], scheme: str | None = None
) -> tuple[str | None, str]:
    """The client and the scheme that the application inside sees."""
    scopes: list[Any] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        scopes.append(scope)

    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    if scheme:
        headers.append((b"x-forwarded-proto", scheme.encode()))
    client = (peer, 40000) if peer else None
    scope = {"type": "http", "client": client, "scheme": "http", "headers": headers}
    nothing = cast("Any", None)
    await ProxyHeaders(app, PROXIES)(cast("HTTPScope", scope), nothing, nothing)
    [scope] = scopes
    return scope["client"] and scope["client"][0], scope["scheme"]


@pytest.mark.parametrize(
    "forwarded, client",
    [
        (["1.1.1.4"], "1.1.1.4"),
        (["6.6.6.6, 1.1.1.4"], "1.1.1.4"),
        (["6.6.6.6", "1.1.1.4"], "1.1.1.4"),
        (["6.6.6.6, 1.1.1.4, 10.0.3.7"], "1.1.1.4"),
        (["6.6.6.6, 1.1.1.4, 10.0.3.7:443"], "1.1.1.4"),
        (["6.6.6.6, 1.1.1.4, ::ffff:10.0.3.7"], "1.1.1.4"),
        (["1.1.1.4, [2001:db8:1::7]:443"], "1.1.1.4"),
        (["10.0.3.7, 10.0.3.8"], "10.0.3.7"),
        (["1.1.1.4, not an address"], "not an address"),
        ([" , ,"], "10.0.0.5"),
        ([], "10.0.0.5"),
    ],
)
async def test_client_is_the_last_address_that_is_no_trusted_proxy(
    forwarded: list[str], client: str
) -> None:
    assert (await seen("10.0.0.5", forwarded))[0] == client


@pytest.mark.parametrize("peer", ["1.2.3.4", "10.1.0.5", "2001:db8:2::1", "not an address", None])
async def test_headers_of_another_peer_are_ignored(peer: str | None) -> None:
    assert await seen(peer, ["1.1.1.4"], "https") == (peer, "http")


@pytest.mark.parametrize("peer", ["10.0.0.5", "::ffff:10.0.0.5", "2001:db8:1::5"])
@pytest.mark.parametrize(
    "scheme, seen_scheme", [("https", "https"), ("ftp", "http"), (None, "http")]
)
async def test_scheme_comes_from_a_trusted_proxy(
    peer: str, scheme: str | None, seen_scheme: str
) -> None:
    assert await seen(peer, ["1.1.1.4"], scheme) == ("1.1.1.4", seen_scheme)
