"""The service with traces. `app/__main__.py` serves it where a collector is named, else `app.main`,
so that a service without traces does not load OpenTelemetry."""

from app import main
from app.settings import Settings, load_settings
from app.telemetry.tracing import Traced, Tracing


def create_app(settings: Settings | None = None) -> Traced:
    tracing = Tracing()
    return Traced(main.create_app(settings or load_settings(), tracing), tracing)
