from typing import Any

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin

from app.cache.layers import Cache
from app.cache.valkey import Valkey
from app.data.routes import DataController
from app.data.upstream import Upstream
from app.database import Database
from app.health import Probe, health, ready
from app.items.routes import ItemController
from app.items.store import ItemStore
from app.limits import Limits
from app.problems import PROBLEMS
from app.settings import Settings, load_settings
from app.telemetry.logs import configure_logging
from app.telemetry.request_id import RequestIds


def create_app(settings: Settings | None = None) -> Litestar:
    """The service, wired; the one place where its parts meet."""
    settings = settings or load_settings()
    configure_logging(settings.environment)

    database = Database(settings)
    valkey = Valkey(settings)
    items = ItemStore(database, Cache("item", settings.item_ttl, settings, valkey))
    upstream = Upstream(settings, Cache("data", settings.data_ttl, settings, valkey))
    probe = Probe(database, valkey, settings.build_id)

    app = Litestar(
        route_handlers=[health, ready, ItemController, DataController],
        dependencies={
            "items": _provide(items),
            "upstream": _provide(upstream),
            "probe": _provide(probe),
        },
        lifespan=[database.lifespan, valkey.lifespan, upstream.lifespan],
        exception_handlers=PROBLEMS,
        openapi_config=_openapi(settings),
        request_max_body_size=settings.max_body_bytes,
        logging_config=None,
    )
    # Around the routing, so that what no route answers is counted and marked, too.
    app.asgi_handler = RequestIds(
        Limits(app.asgi_handler, settings.max_in_flight, settings.request_timeout)
    )
    return app


def _provide(part: object) -> Provide:
    def provided() -> Any:
        return part

    return Provide(provided, sync_to_thread=False)


def _openapi(settings: Settings) -> OpenAPIConfig | None:
    if settings.environment == "production" and not settings.expose_schema:
        return None
    return OpenAPIConfig(
        title="API",
        version=settings.build_id,
        path="/schema",
        render_plugins=[SwaggerRenderPlugin()],
    )
