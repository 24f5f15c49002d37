import re
import secrets
from itertools import count

from litestar.types import HTTPScope, Scope

ACCEPTED = re.compile(rb"[A-Za-z0-9._=;-]{1,128}")  # also X-Ray's "Root=1-…;Self=1-…"
# A random part for each process and a counter within it: ten times faster than a UUID.
_PROCESS = secrets.token_hex(8).encode()
_NUMBERS = count(1)


def new_request_id() -> bytes:
    return b"%b-%x" % (_PROCESS, next(_NUMBERS))


def request_id(scope: HTTPScope) -> bytes:
    """The client's X-Request-ID if it is short and harmless in a log, or a new id."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and ACCEPTED.fullmatch(value):
            return value
    return new_request_id()


def request_id_of(scope: Scope) -> str:
    return scope["state"]["request_id"]
