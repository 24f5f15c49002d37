"""Completes the OpenAPI document that Litestar generates, so that it matches the responses.

Litestar knows routes and parameters. It knows neither exact bounds nor that unknown fields are
rejected, nor the statuses, media types and headers that layers and exception handlers send.
"""

from collections.abc import Iterator
from typing import get_args

import msgspec
from litestar import Litestar
from litestar.handlers.http_handlers import HTTPRouteHandler
from litestar.params import KwargDefinition
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from servicekit.auth.middleware import PublicPaths
from servicekit.http.document_responses import (
    SCHEMA_REF,
    Json,
    common_headers,
    complete_responses,
    shared_components,
)
from servicekit.http.problems import Problem
from servicekit.http.request import accepted_media_types
from servicekit.settings import Settings

_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def complete(document: Json, app: Litestar, settings: Settings) -> Json:
    """The document that Litestar generated for `app`, completed in place."""
    components = document.setdefault("components", {})
    _complete_schemas(components.setdefault("schemas", {}), _schemas(app))
    common = common_headers(settings)
    for path, method, handler in _operations(app):
        operations = document["paths"][path]
        operations.pop("head", None)  # each GET implies one
        operation = operations[method.lower()]
        if not operation.get("deprecated"):
            operation.pop("deprecated", None)
        operation["summary"] = handler.summary or _sentence(handler.handler_name)
        _complete_parameters(operation, handler)
        _complete_body(operation, method)
        complete_responses(operation, path, method, settings, common)
        if settings.auth and path in PublicPaths(settings.public_paths):
            operation["security"] = []
    components |= shared_components(document, common)
    if settings.auth:
        bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        components["securitySchemes"] = {"bearer": bearer}
        document["security"] = [{"bearer": []}]
    return document


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        for method, (handler, _) in (
            route.route_handler_map.items() if isinstance(route, HTTPRoute) else ()
        ):
            if method != "HEAD" and handler.resolve_include_in_schema():
                yield route.path_format, method, handler


def _schemas(app: Litestar) -> Json:
    """JSON Schemas of the structs that handlers take and return, by what msgspec enforces."""
    types: list[type[msgspec.Struct]] = [Problem]
    for _, _, handler in _operations(app):
        returned = handler.parsed_fn_signature.return_type.annotation
        declared = [spec.data_container for spec in (handler.responses or {}).values()]
        data = handler.parsed_data_field
        for kind in (returned, *get_args(returned), *declared, data and data.annotation):
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                types.append(kind)
    _, schemas = msgspec.json.schema_components(dict.fromkeys(types), ref_template=SCHEMA_REF)
    return schemas


def _complete_schemas(generated: Json, exact: Json) -> None:
    for name, schema in exact.items():
        known = generated.get(name, {}).get("properties", {})
        for field, kind in schema.get("properties", {}).items():
            if "format" in known.get(field, {}):  # of a date without a time zone: msgspec has none
                kind.setdefault("format", known[field]["format"])
        generated[name] = schema


def _complete_parameters(operation: Json, handler: HTTPRouteHandler) -> None:
    fields = dict(_fields(handler))
    for parameter in operation.get("parameters", ()):
        parameter.pop("deprecated", None)
        schema = parameter["schema"]
        schema.pop("description", None)  # the parameter has it
        for kind in schema.pop("oneOf", ()):  # of a value or null; a parameter is left out instead
            schema |= kind if kind != {"type": "null"} else {}
        definition = fields.get(parameter["name"])
        for bound, keyword in _BOUNDS.items() if definition else ():
            exact = getattr(definition, bound)  # Litestar rounds it to a float
            if exact is not None:
                schema[keyword] = exact


def _fields(handler: HTTPRouteHandler) -> Iterator[tuple[str, KwargDefinition]]:
    """The parameters of a handler and of its dependencies, by their names in the request."""
    dependencies = handler.resolve_dependencies()
    waiting: list[FieldDefinition] = [*handler.parsed_fn_signature.parameters.values()]
    while waiting:
        field = waiting.pop()
        if field.name in dependencies:
            waiting += dependencies[field.name].parsed_fn_signature.parameters.values()
        elif isinstance(field.kwarg_definition, KwargDefinition):
            yield (
                getattr(field.kwarg_definition, "name", None) or field.name,
                field.kwarg_definition,
            )


def _complete_body(operation: Json, method: str) -> None:
    body = operation.get("requestBody")
    if body and "application/json" in body["content"]:
        content = body["content"]["application/json"]
        body["content"] = dict.fromkeys(accepted_media_types(method), content)


def _sentence(name: str) -> str:
    return name.replace("_", " ").capitalize()
