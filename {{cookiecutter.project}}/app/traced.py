"""The service with traces. `app/__main__.py` serves it where a collector is named, else `app.main`,
so that a service without traces does not load OpenTelemetry."""

from servicekit.telemetry.tracing import Traced, Tracing

from app import main
from app.settings import Settings, load_settings


def create_app(settings: Settings | None = None) -> Traced:
    tracing = Tracing()
    return Traced(main.create_app(settings or load_settings(), tracing), tracing)
