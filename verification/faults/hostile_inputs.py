"""What nobody sends by accident."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass

_SQL = "'; DROP TABLE items; --"
_MB = 1_000_000
_READABLE = ("-1e-999999", "text for a number")  # taken for 0, and for the number


@dataclass(frozen=True)
class Attack:
    """Bytes that a client sends on one connection. `refused` ones must not be answered with 2xx,
    and none more often than it is so many `requests`."""

    name: str
    sent: bytes
    refused: bool = True
    requests: int = 1


def attacks() -> list[Attack]:
    return [*_smuggling(), *_heads(), *_bodies(), *_injections()]


def _head(line: str, *headers: str, host: str = "Host: x\r\n") -> bytes:
    given = "".join(f"{header}\r\n" for header in headers)
    return f"{line} HTTP/1.1\r\n{host}{given}\r\n".encode()


def _post(body: bytes, *headers: str, method: str = "POST /items") -> bytes:
    length = f"Content-Length: {len(body)}"
    return _head(method, "Content-Type: application/json", length, *headers) + body


_SMUGGLED = b"GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n"


def _smuggling() -> Iterator[Attack]:
    """Bytes that one parser reads as one request, and another parser as two."""
    json = "Content-Type: application/json"
    chunked = b"0\r\n\r\n" + _SMUGGLED
    pairs = {
        "length and chunks": ("Content-Length: 5", "Transfer-Encoding: chunked"),
        "chunks and length": ("Transfer-Encoding: chunked", "Content-Length: 5"),
        "two lengths": ("Content-Length: 0", f"Content-Length: {len(chunked)}"),
        "two lengths in one": (f"Content-Length: 0, {len(chunked)}",),
        "negative length": ("Content-Length: -1",),
        "length with a sign": ("Content-Length: +5",),
        "length in hex": ("Content-Length: 0x5",),
        "length beyond 64 bits": (f"Content-Length: {2**64 + 5}",),
        "unknown coding": ("Transfer-Encoding: xchunked",),
        "coding after chunks": ("Transfer-Encoding: chunked, identity",),
        "two codings": ("Transfer-Encoding: identity", "Transfer-Encoding: chunked"),
        "space before colon": ("Transfer-Encoding : chunked", "Content-Length: 5"),
        "folded coding": ("Transfer-Encoding:\r\n chunked", "Content-Length: 5"),
        "vertical tab": ("Transfer-Encoding:\x0bchunked", "Content-Length: 5"),
    }
    for name, headers in pairs.items():
        yield Attack(name, _head("POST /items", json, *headers) + chunked)
    sizes = {
        "chunk size overflows": b"1" + b"0" * 16,
        "negative chunk size": b"-1",
        "chunk size with 0x": b"0x5",
        "endless chunk extension": b"5;" + b"x" * 200_000,
    }
    for name, size in sizes.items():
        head = _head("POST /items", json, "Transfer-Encoding: chunked")
        yield Attack(name, head + size + b"\r\nhello\r\n" + chunked)
    yield Attack("bare LF", b"GET /items/1 HTTP/1.1\nHost: x\n\n", refused=False)
    # RFC 9112, 2.2, lets a server end a line there, so these are two requests; the load balancer
    # (desync_mitigation_mode: strictest) lets none through.
    yield Attack(
        "bare LF hides a request",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: y\n\n" + _SMUGGLED,
        refused=False,
        requests=2,
    )
    yield Attack("bare CR in a header", b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n")
    yield Attack("header name with a space", _head("GET /health", "X Y: z"))
    yield Attack("folded header", b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n")


def _heads() -> Iterator[Attack]:
    yield Attack("no Host", _head("GET /health", host=""))
    yield Attack("no Host in HTTP/1.0", b"GET /health HTTP/1.0\r\n\r\n", refused=False)
    yield Attack("two Hosts", _head("GET /health", "Host: y"))
    yield Attack("two equal Hosts", _head("GET /items", "Host: x"))
    yield Attack("Host with a path", _head("GET /items", host="Host: x/../y\r\n"))
    yield Attack("Host with a user", _head("GET /items", host="Host: a@b\r\n"))
    yield Attack("empty Host", _head("GET /items", host="Host:\r\n"))
    yield Attack("NUL in a header", b"GET /items HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n")
    yield Attack("NUL in a path", b"GET /items/\0 HTTP/1.1\r\nHost: x\r\n\r\n")
    yield Attack("not UTF-8 in a path", b"GET /items/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n")
    yield Attack("1 MB header", _head("GET /items", f"X: {'a' * _MB}"))
    yield Attack("10,000 headers", _head("GET /items", *(f"X{n}: y" for n in range(10_000))))
    yield Attack("1 MB path", _head(f"GET /items/{'1' * _MB}"))
    yield Attack("12,000 tags", _head("GET /items/1", "If-None-Match: " + '"a",' * 12_000), False)
    yield Attack(
        "12,000 versions", _post(b"{}", "If-Match: " + '"1",' * 12_000, method="PUT /items/0")
    )
    yield Attack("HTTP/0.9", b"GET /items\r\n\r\n")
    yield Attack("HTTP/9.9", b"GET /items HTTP/9.9\r\nHost: x\r\n\r\n")
    yield Attack("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
    yield Attack("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2)
    yield Attack("only spaces", b" " * 10_000 + b"\r\n\r\n")
    for method in ("TRACE", "CONNECT", "BREW", "G" * 5_000, "get"):
        yield Attack(f"method {method[:8]}", _head(f"{method} /items"))
    for path in (
        "/items/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/items/%00",
    ):
        yield Attack(f"path {path}", _head(f"GET {path}"))
    yield Attack("path %ff", _head("GET /data/%ff%fe"))
    yield Attack("path with a newline", _head("GET /data/x%0d%0aInjected:%20yes"))
    yield Attack("broken percent", _head("GET /items?limit=%zz&after=%"))
    yield Attack("10,000 query fields", _head("GET /items?" + "limit=1&" * 7_000), refused=False)
    yield Attack("endless range", _head("GET /items", f"Range: bytes=0-{2**70}"), False)
    yield Attack("unknown expectation", _post(b"{}", "Expect: the-spanish-inquisition"))


def _bodies() -> Iterator[Attack]:
    item = b'{"name": %b, "price_cents": %b}'
    bodies = {
        "200 kB of [": b"[" * 200_000,
        '200 kB of {"a":': b'{"a":' * 40_000,
        "nesting in a field": item % (b"[" * 900 + b"]" * 900, b"1"),
        "number of 100,000 digits": item % (b'"x"', b"1" * 100_000),
        "1e999999": item % (b'"x"', b"1e999999"),
        "-1e-999999": item % (b'"x"', b"-1e-999999"),
        "2^63": item % (b'"x"', b"9223372036854775808"),
        "2^53": item % (b'"x"', b"9007199254740992"),
        "NaN": item % (b'"x"', b"NaN"),
        "Infinity": item % (b'"x"', b"Infinity"),
        "negative": item % (b'"x"', b"-1"),
        "fraction": item % (b'"x"', b"1.5"),
        "text for a number": item % (b'"x"', b'"1"'),
        "invalid UTF-8": item % (b'"\xff\xfe"', b"1"),
        "overlong UTF-8": item % (b'"\xc0\xaf"', b"1"),
        "surrogate in UTF-8": item % (b'"\xed\xa0\x80"', b"1"),
        "lone surrogate": item % (rb'"\ud800"', b"1"),
        "NUL": item % (rb'"a\u0000b"', b"1"),
        "raw NUL": item % (b'"a\0b"', b"1"),
        "byte order mark": b"\xef\xbb\xbf" + item % (b'"x"', b"1"),
        "UTF-16": (item % (b'"x"', b"1")).decode().encode("utf-16"),
        "unknown field": b'{"name": "x", "price_cents": 1, "id": 1, "__proto__": {}}',
        "two documents": (item % (b'"x"', b"1")) * 2,
        "empty": b"",
        "null": b"null",
        "a list": b"[]",
        "long name": item % (b'"%b"' % (b"x" * 900_000), b"1"),
        "2 MB": item % (b'"%b"' % (b"x" * 2 * _MB), b"1"),
        "gzip bomb, undeclared": gzip.compress(b" " * 50 * _MB),
    }
    for name, body in bodies.items():
        refused = name not in _READABLE
        yield Attack(name, _post(body), refused)
        yield Attack(f"{name}, patched", _post(body, method="PATCH /items/1"), refused)
    bomb = gzip.compress(b'{"name": "' + b"x" * 50 * _MB)
    for coding in ("gzip", "deflate", "br", "gzip, gzip"):
        yield Attack(f"{coding} bomb", _post(bomb, f"Content-Encoding: {coding}"))
    head = _head("POST /items", "Content-Type: application/json", "Transfer-Encoding: chunked")
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    yield Attack("3 MB in chunks", head + piece * 48 + b"0\r\n\r\n")
    yield Attack("30,000 chunks of a byte", head + b"1\r\n[\r\n" * 30_000 + b"0\r\n\r\n")
    yield Attack("5 GB, declared", _head("POST /items", f"Content-Length: {5 * 10**9}"))
    for kind in (
        "text/html",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
    ):
        body = b"name=x&price_cents=1"
        length = f"Content-Length: {len(body)}"
        yield Attack(kind, _head("POST /items", f"Content-Type: {kind}", length) + body)


def _injections() -> Iterator[Attack]:
    good = b'{"name": "x", "price_cents": 1}'
    quoted = _SQL.encode()
    yield Attack(
        "SQL as a name", _post(b'{"name": "%b", "price_cents": 1}' % quoted), refused=False
    )
    yield Attack(
        "SQL as a description",
        _post(b'{"name": "x", "price_cents": 1, "description": "%b"}' % quoted),
        refused=False,
    )
    yield Attack("SQL as a price", _post(b'{"name": "x", "price_cents": "%b"}' % quoted))
    yield Attack("SQL as a key", _post(good, f"Idempotency-Key: {_SQL}"), refused=False)
    yield Attack("SQL as a version", _post(good, f'If-Match: "{_SQL}"', method="PUT /items/1"))
    yield Attack("SQL as an id", _head("GET /items/1%3BDROP%20TABLE%20items"))
    yield Attack("SQL as a data id", _head("GET /data/1'%20OR%20'1'='1"))
    yield Attack("SQL as a limit", _head("GET /items?limit=1%20OR%201=1"))
    yield Attack("SQL as a place", _head("GET /items?after=0%20UNION%20SELECT%201"))
    for header in ("X-Request-ID", "User-Agent", "Referer", "X-Forwarded-For"):
        yield Attack(
            f"log line in {header}", _head("GET /items/x", f'{header}: a"}}\t{{"level":"forged"}}')
        )
    yield Attack(
        "forged origin",
        _head(
            "GET /items/0",
            "X-Forwarded-For: 127.0.0.1, 10.0.0.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: evil.example",
            "Forwarded: for=127.0.0.1;host=evil.example",
            "X-Original-URL: /schema",
            "X-HTTP-Method-Override: DELETE",
        ),
    )
    yield Attack("long key", _post(good, f"Idempotency-Key: {'k' * 5_000}"))
    yield Attack("ids beyond 64 bits", _head(f"GET /items/{2**64}"))
    yield Attack("ids of 5,000 digits", _head(f"GET /items/{'9' * 5_000}"))
    yield Attack("negative id", _head("GET /items/-1"))
    yield Attack("Arabic digits", _head("GET /items/%D9%A1"), refused=False)
    yield Attack("limit beyond 64 bits", _head(f"GET /items?limit={2**70}"))
    yield Attack("limit of 5,000 digits", _head(f"GET /items?limit={'9' * 5_000}"))
