"""Checks of settings whose types allow more than can work. Each raises ValueError with a remedy."""

import re
from ipaddress import ip_network
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


def check_origin(origin: str) -> None:
    """Rejects a value that no browser sends as `Origin` (RFC 6454, section 6.2): it would
    never match, because the comparison is octet by octet."""
    if origin in ("*", "null"):
        raise ValueError(f"{origin} is not an origin; name each one, as https://shop.example")
    url = urlsplit(origin)
    if not url.scheme or not url.netloc:
        raise ValueError(f"{origin} is not an origin, as https://shop.example is one")
    if url.username is not None or url.query or url.fragment or url.path not in ("", "/"):
        raise ValueError(f"{origin} is more than an origin, as https://shop.example is one")
    port = url.port
    shown = "" if port in (None, _DEFAULT_PORTS.get(url.scheme)) else f":{port}"
    host = url.netloc.lower().removesuffix(f":{port}")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{origin} has no host that a browser would send")
    sent = f"{url.scheme}://{host}{shown}"
    if origin != sent:
        raise ValueError(f"{origin} never matches: browsers send {sent}")


def check_proxy(network: str) -> None:
    if ip_network(network).prefixlen == 0:
        raise ValueError(f"{network} would let every client choose its own address")


def check_http_url(url: str) -> None:
    """An absolute address without query and fragment. The message leaves out the address, which
    may hold a password."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("not an http or https address with a host")
    if any(mark in url for mark in "?#") or not url.isascii() or not url.isprintable():
        raise ValueError("an address without ?, # and non-ASCII characters is needed")
    if " " in url:
        raise ValueError("spaces are not part of an address")
    check_port(url)


def check_port(url: str) -> None:
    """Rejects a port that does not exist. PostgreSQL's URLs may name several hosts with commas."""
    if "," in urlsplit(url).netloc:
        return
    try:
        zero = urlsplit(url).port == 0
    except ValueError:
        zero = True
    if zero:
        raise ValueError("the port is not a number from 1 to 65535")
