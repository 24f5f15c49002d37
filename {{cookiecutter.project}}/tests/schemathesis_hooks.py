"""What `schemathesis.toml` loads."""

from typing import Any
from uuid import uuid4

import schemathesis

KEY = "Idempotency-Key"


@schemathesis.hook
def before_call(_context: object, case: Any, _kwargs: object) -> None:
    """Gives each request a key of its own, as clients do. A repeated key is answered with the item
    that it created first, which may be deleted since."""
    if case.headers and 0 < len(case.headers.get(KEY, "")) <= 255:
        case.headers[KEY] = str(uuid4())
