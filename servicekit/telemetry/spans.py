from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

_NOTHING = nullcontext()


class Spans:
    """Records what a request spends its time on; nothing without tracing, which is then not loaded.

    `servicekit.telemetry.tracing` has the spans of OpenTelemetry.
    """

    def span(
        self, name: str, *, remote: bool = False, **attributes: str
    ) -> AbstractContextManager[object]:
        """A child of the current span; `remote` for a call of another service."""
        return _NOTHING

    def headers(self) -> Mapping[str, str]:
        """The headers by which another service adds its spans to this trace."""
        return {}


UNTRACED = Spans()
