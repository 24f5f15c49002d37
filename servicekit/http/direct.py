from collections.abc import Callable
from typing import Any

from litestar import Request
from litestar.di import Provide


class Direct(Provide):
    """A dependency of handlers that `make` gives for a request, at once and without parameters.

    `declared` does the same with the parameters that the OpenAPI document is to show.
    """

    def __init__(
        self, declared: Callable[..., Any], make: Callable[[Request[Any, Any, Any]], Any]
    ) -> None:
        super().__init__(declared, sync_to_thread=False)
        self.make = make


class Constant(Direct):
    """A dependency that is the same value for each request."""

    def __init__(self, value: object) -> None:
        super().__init__(lambda: value, lambda _request: value)
