from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Spans(Protocol):
    """Where the parts of the service say what a request spends its time on."""

    def span(
        self, name: str, *, remote: bool = False, **attributes: str
    ) -> AbstractContextManager[object]:
        """What happens inside is a part of whatever span is around; `remote` if another does it."""
        ...

    def headers(self) -> Mapping[str, str]:
        """What lets another service add its spans to this trace."""
        ...


class _Untraced:
    """Tracing is off, and nothing of OpenTelemetry is even imported."""

    def span(
        self, name: str, *, remote: bool = False, **attributes: str
    ) -> AbstractContextManager[object]:
        return _NOTHING

    def headers(self) -> Mapping[str, str]:
        return {}


_NOTHING = nullcontext()
UNTRACED = _Untraced()
