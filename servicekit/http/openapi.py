from typing import Any

from litestar import Request
from litestar.handlers.http_handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from servicekit.settings import Settings


class DocumentPlugin(JsonRenderPlugin):
    """The document as JSON. Every GET implies a HEAD, which is left out."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        for operations in openapi_schema["paths"].values():
            operations.pop("head", None)
        return super().render(request, openapi_schema)


def openapi_config(settings: Settings) -> OpenAPIConfig | None:
    """The document at /schema; None in production, unless EXPOSE_SCHEMA is set."""
    if settings.environment == "production" and not settings.expose_schema:
        return None
    return OpenAPIConfig(
        title="API",
        version=settings.build_id,
        path="/schema",
        operation_id_creator=_operation_id,
        render_plugins=[SwaggerRenderPlugin(), DocumentPlugin()],
    )


def _operation_id(
    handler: HTTPRouteHandler, method: Method, _path: list[str | PathParameterDefinition]
) -> str:
    """The handler's name, which clients call their functions by."""
    return f"head_{handler.handler_name}" if method == "HEAD" else handler.handler_name
