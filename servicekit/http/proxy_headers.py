from collections.abc import Awaitable, Sequence
from functools import lru_cache
from ipaddress import ip_network

from litestar.types import HTTPScope, Receive, Send

from servicekit.http.client_address import parse_address
from servicekit.http.responses import HttpApp

_REMEMBERED = 4096  # addresses; a load balancer has a few


class ProxyHeaders:
    """Replaces the address of a trusted proxy by that of the client it forwards for.

    X-Forwarded-For is read from its end: the last address that is no trusted proxy is the client,
    since all before it are the client's own claims. X-Forwarded-Proto then gives the scheme.
    """

    def __init__(self, app: HttpApp, proxies: Sequence[str]) -> None:
        """`proxies`: networks of trusted proxies, such as 10.0.0.0/16."""
        self._app = app
        self._networks = [ip_network(proxy) for proxy in proxies]
        self._trusts = lru_cache(_REMEMBERED)(self._is_trusted)

    def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        client = scope["client"]
        if client and self._trusts(client[0]):
            self._replace(scope)
        return self._app(scope, receive, send)

    def _replace(self, scope: HTTPScope) -> None:
        forwarded: list[str] = []
        scheme = b""
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded += value.decode("latin-1").split(",")
            elif name == b"x-forwarded-proto" and not scheme:
                scheme = value.strip()
        hops = [hop.strip() for hop in forwarded if hop.strip()]
        if not hops:
            return
        scope["client"] = (self._client(hops), 0)
        if scheme in (b"http", b"https"):
            scope["scheme"] = scheme.decode()

    def _client(self, hops: list[str]) -> str:
        for hop in reversed(hops):
            if not self._trusts(hop):
                return hop
        return hops[0]

    def _is_trusted(self, address: str) -> bool:
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self._networks)
