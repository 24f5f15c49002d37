"""Conditional requests, RFC 9110, section 13.

The service sends no `Last-Modified`, so the conditions on dates do not apply.
"""

import re
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.params import HeaderParameter
from litestar.types import HTTPScope

from servicekit.http.direct import Direct

ANY = "*"
# A tag, or an element that is none, and equals no tag. Tags may contain commas.
_ELEMENT = re.compile(r'[ \t]*((?:W/)?"[^"]*"(?=[ \t]*(?:,|$))|[^,]+)')

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description='Entity tags, or "*". The request has no effect and gets 412 if none of them '
        "is the current tag.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match",
        description='Entity tags, or "*". A request that reads gets 304, one that writes has no '
        "effect and gets 412, if one of them is the current tag.",
    ),
]


class Preconditions(msgspec.Struct, frozen=True):
    """The preconditions of a writing request on the current entity tag.

    `if_match` are the tags of which one has to be current; None admits any. Weak tags are left out:
    If-Match compares strongly. `if_none_match` are the tags of which none may be current, without
    `W/`: If-None-Match compares weakly. `*` there excludes any tag, so `if_match` is empty.
    """

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] = ()

    @property
    def given(self) -> bool:
        return self.if_match is not None or bool(self.if_none_match)


def preconditions_of(scope: HTTPScope) -> Preconditions:
    given, excluding = _lines(scope, b"if-match"), _lines(scope, b"if-none-match")
    if not given and not excluding:
        return Preconditions()
    matching = _elements(given)
    excluded = tuple(_opaque(tag) for tag in _elements(excluding))
    if ANY in excluded:
        return Preconditions(())
    if not given or ANY in matching:
        return Preconditions(None, excluded)
    return Preconditions(tuple(tag for tag in matching if tag.startswith('"')), excluded)


def status_of_read(scope: HTTPScope, etag: bytes) -> HTTPStatus:
    """The status of a GET of a representation with this entity tag: 200, 304 or 412."""
    given = _lines(scope, b"if-match")
    current = etag.decode("latin-1")
    admitted = (ANY,) if current.startswith("W/") else (ANY, current)
    if given and not set(_elements(given)).intersection(admitted):
        return HTTPStatus.PRECONDITION_FAILED
    if is_excluded(current, _lines(scope, b"if-none-match")):
        return HTTPStatus.NOT_MODIFIED
    return HTTPStatus.OK


def is_excluded(etag: str, lines: list[str]) -> bool:
    """Whether these field lines of If-None-Match name the entity tag, or any."""
    excluded = _elements(lines)
    return ANY in excluded or _opaque(etag) in map(_opaque, excluded)


def _lines(scope: HTTPScope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for header, value in scope["headers"] if header == name]


def _elements(lines: list[str]) -> list[str]:
    """The elements of a list in a header. Several field lines are one list."""
    return [element.strip(" \t") for element in _ELEMENT.findall(",".join(lines))]


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")


def _read(
    request: Request[Any, Any, Any], if_match: IfMatch = None, if_none_match: IfNoneMatch = None
) -> Preconditions:
    # The parameters are declared for the OpenAPI document: each holds one field line only.
    return preconditions_of(request.scope)


PRECONDITIONS = Direct(_read, lambda request: preconditions_of(request.scope))
