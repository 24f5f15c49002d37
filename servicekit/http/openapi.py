from collections.abc import Callable
from importlib import resources
from typing import Any

import msgspec
from litestar import Litestar, Request, Router, get
from litestar.datastructures import ResponseHeader
from litestar.handlers.http_handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.response import Redirect
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from servicekit.http.document import complete
from servicekit.http.problems import PROBLEM_JSON, Problem
from servicekit.settings import Settings

OperationId = Callable[[HTTPRouteHandler, Method, list[str | PathParameterDefinition]], str]

# Headers that handlers set, for `response_headers` in their declarations.
ETAG = ResponseHeader(name="ETag", documentation_only=True)
LOCATION = ResponseHeader(name="Location", documentation_only=True)
# A problem that a handler may raise beside those of every route, such as 502.
PROBLEM = ResponseSpec(Problem, generate_examples=False, media_type=PROBLEM_JSON)


def cached_responses(kind: type[msgspec.Struct]) -> dict[int, ResponseSpec]:
    """The `responses` of a handler that returns a `Representation` in JSON of this type."""
    return {200: ResponseSpec(kind, generate_examples=False), 304: ResponseSpec(None)}


class _Document:
    """The completed document as JSON, made at the first request for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._json = b""

    def json(self, app: Litestar, generated: dict[str, Any]) -> bytes:
        if not self._json:
            self._json = msgspec.json.encode(complete(generated, app, self._settings))
        return self._json


class JsonPlugin(JsonRenderPlugin):
    def __init__(self, document: _Document) -> None:
        super().__init__()
        self._document = document

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self._document.json(request.app, openapi_schema)

    def receive_router(self, router: Router) -> None:
        """Removes Litestar's HTML page for unknown paths, so that they are 404 as all others."""
        router.routes = [route for route in router.routes if not route.path_parameters]


class PagePlugin(OpenAPIRenderPlugin):
    """The document as a page from which requests can be sent. It loads nothing else."""

    def __init__(self, document: _Document) -> None:
        super().__init__(path=["/", "/swagger"])
        self._document = document
        self._page = (resources.files("servicekit.http") / "schema.html").read_bytes()

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        # `<` in a string could end the element that holds the document
        document = self._document.json(request.app, openapi_schema).replace(b"<", b"\\u003c")
        return self._page.replace(b"DOCUMENT", document, 1)


def openapi_config(settings: Settings) -> OpenAPIConfig | None:
    """The document at /schema; None in production, unless EXPOSE_SCHEMA is set."""
    if settings.environment == "production" and not settings.expose_schema:
        return None
    document = _Document(settings)
    return OpenAPIConfig(
        title="API",
        version=settings.build_id,
        path="/schema",
        operation_id_creator=operation_id,
        use_handler_docstrings=True,
        render_plugins=[PagePlugin(document), JsonPlugin(document)],
    )


@get("/", include_in_schema=False)
async def to_documentation() -> Redirect:
    """Leads to the page at /schema, where there is one."""
    return Redirect("/schema")


def operation_id(
    handler: HTTPRouteHandler, method: Method, path: list[str | PathParameterDefinition]
) -> str:
    """The name of a generated client's function: the handler's, followed by the path if the handler
    has several."""
    name = f"head_{handler.handler_name}" if method == "HEAD" else handler.handler_name
    parts = path if len(handler.paths) > 1 else []
    return "_".join([name, *(part if isinstance(part, str) else part.name for part in parts)])


def own_operation_id(own: str | OperationId) -> OperationId:
    """A handler's own `operation_id`, with another one for HEAD, which GET's handler answers."""

    def operation_id(
        handler: HTTPRouteHandler, method: Method, path: list[str | PathParameterDefinition]
    ) -> str:
        answered = "GET" if method == "HEAD" else method
        name = own if isinstance(own, str) else own(handler, answered, path)
        return f"head_{name}" if method == "HEAD" else name

    return operation_id
