from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Spans(Protocol):
    """Records what a request spends its time on."""

    def span(
        self, name: str, *, remote: bool = False, **attributes: str
    ) -> AbstractContextManager[object]:
        """A child of the current span; `remote` for a call of another service."""
        ...

    def headers(self) -> Mapping[str, str]:
        """The headers by which another service adds its spans to this trace."""
        ...


class _Untraced:
    """Tracing is off; OpenTelemetry is not imported."""

    def span(
        self, name: str, *, remote: bool = False, **attributes: str
    ) -> AbstractContextManager[object]:
        return _NOTHING

    def headers(self) -> Mapping[str, str]:
        return {}


_NOTHING = nullcontext()
UNTRACED = _Untraced()
