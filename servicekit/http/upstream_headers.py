"""Headers of an upstream's response that say how long it may be kept, and when to call again."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import msgspec

_DIRECTIVE = re.compile(r"""([A-Za-z0-9_!#$%&'*+.^`|~-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,]*))?""")
_SECONDS = re.compile("[0-9]+")
_NOT_KEPT = ("no-store", "private", "no-cache")
_NOT_STALE = ("must-revalidate", "proxy-revalidate")
_MAX_RETRY_AFTER = 3600  # seconds


class ResponseHeaders(Protocol):
    def get(self, name: str, /) -> str | None: ...
    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]: ...


class Freshness(msgspec.Struct, frozen=True):
    """For how many seconds a shared cache may keep a response.

    `ttl` is 0 if it may not be kept at all, and None if the response does not say.
    """

    ttl: float | None
    may_be_stale: bool = True


def freshness(headers: ResponseHeaders) -> Freshness:
    """The lifetime that RFC 9111 allows a shared cache. The first row that applies decides:

    | headers | ttl |
    |---|---|
    | `Cache-Control: no-store`, `private` or `no-cache`; `Vary: *` | 0 |
    | `s-maxage`, else `max-age` | less `Age`; 0 if it is no number |
    | `Pragma: no-cache` without `Cache-Control` | 0 |
    | `Expires` | seconds from now on; 0 if it is no date |
    | none of them | None |

    `Set-Cookie` and other fields of `Vary` change nothing: all calls of the service carry the same
    headers and no cookies, so all callers would get the same response.
    """
    directives = _directives(headers.getall("cache-control", ()))
    may_be_stale = not any(name in directives for name in _NOT_STALE)
    if any(name in directives for name in _NOT_KEPT) or _varies_by_all(headers):
        return Freshness(0, may_be_stale)
    given = directives.get("s-maxage", directives.get("max-age"))
    if given is not None:
        age = float(_seconds(headers.get("age") or "") or 0)
        return Freshness(max(0.0, float(_seconds(given) or 0) - age), may_be_stale)
    if not directives and "no-cache" in _directives(headers.getall("pragma", ())):
        return Freshness(0, may_be_stale)
    expires = headers.get("expires")
    if expires is not None:
        return Freshness(max(0.0, _seconds_until(expires) or 0.0), may_be_stale)
    return Freshness(None, may_be_stale)


def retry_after(headers: ResponseHeaders) -> int:
    """Seconds of `Retry-After` (RFC 9110, section 10.2.3), from 1 to an hour; 1 if it says none."""
    given = headers.get("retry-after") or ""
    seconds = _seconds(given)
    until = _seconds_until(given) if seconds is None else float(seconds)
    return round(min(max(1.0, until or 0.0), _MAX_RETRY_AFTER))


def _directives(lines: Sequence[str]) -> Mapping[str, str]:
    """Names in lower case. Of a directive that comes twice, the smaller value counts."""
    found: dict[str, str] = {}
    for name, value in _DIRECTIVE.findall(",".join(lines)):
        value = value.strip('"')
        known = found.get(name.lower(), value)
        found[name.lower()] = min(known, value, key=lambda text: _seconds(text) or 0)
    return found


def _varies_by_all(headers: ResponseHeaders) -> bool:
    return any("*" in line.replace(" ", "").split(",") for line in headers.getall("vary", ()))


def _seconds(text: str) -> int | None:
    """None for what is no number. Numbers are bounded: nothing is kept for 300 years."""
    return int(text[:10]) if _SECONDS.fullmatch(text) else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
