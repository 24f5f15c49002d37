import re
import secrets
from itertools import count

from litestar.types import Scope

_ACCEPTED = re.compile(r"[A-Za-z0-9._=;-]{1,128}")  # also X-Ray's "Root=1-…;Self=1-…"
# A random part for each process and a counter within it: ten times faster than a UUID.
_PROCESS = secrets.token_hex(8)
_NUMBERS = count(1)


def request_id(given: str | None) -> str:
    """The client's X-Request-ID if it is short and harmless in a log, or a new id."""
    if given and _ACCEPTED.fullmatch(given):
        return given
    return f"{_PROCESS}-{next(_NUMBERS):x}"


def request_id_of(scope: Scope) -> str:
    return scope["state"]["request_id"]
