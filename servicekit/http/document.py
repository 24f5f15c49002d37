"""Completes the OpenAPI document that Litestar generates, so that it matches the responses.

Litestar knows routes and parameters. It knows neither exact bounds nor that unknown fields are
rejected, nor the statuses, media types and headers that layers and exception handlers send.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, get_args

import msgspec
from litestar import Litestar
from litestar.handlers.http_handlers import HTTPRouteHandler
from litestar.params import KwargDefinition
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from servicekit.auth.middleware import PUBLIC_PATHS
from servicekit.http.problems import PROBLEM_JSON, Problem
from servicekit.http.request import accepted_media_types
from servicekit.http.responses import SECURITY_HEADERS
from servicekit.settings import Settings

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_ETAG: Json = {"type": "string", "pattern": '^(W/)?"[^"]*"$'}
_SECONDS: Json = {"type": "integer", "minimum": 0}
_HEADERS: dict[str, Json] = {
    "Accept": {"type": "string"},
    "Accept-Encoding": {"type": "string"},
    "Accept-Patch": {"type": "string"},
    "Age": _SECONDS,
    "Cache-Control": {"type": "string"},
    "Cache-Status": {"type": "string"},
    "ETag": _ETAG,
    "Location": {"type": "string", "format": "uri-reference"},
    "Retry-After": _SECONDS,
    "WWW-Authenticate": {"type": "string"},
    "X-Request-ID": {"type": "string", "pattern": "^[A-Za-z0-9._=;-]{1,128}$"},
    **{name.decode().title(): {"type": "string"} for name, _ in SECURITY_HEADERS},
}
_EVERY = ("Cache-Control", "X-Request-ID", *(name.decode().title() for name, _ in SECURITY_HEADERS))
_CORS = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary")
_CACHED = ("ETag", "Age", "Cache-Status")
_OF_STATUS: dict[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    415: ("Accept", "Accept-Encoding", "Accept-Patch"),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_ALWAYS_SENT = (*_EVERY, "ETag", "Location", "Age", "Cache-Status", "WWW-Authenticate")
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def complete(document: Json, app: Litestar, settings: Settings) -> Json:
    """The document that Litestar generated for `app`, completed in place."""
    components = document.setdefault("components", {})
    _complete_schemas(components.setdefault("schemas", {}), _schemas(app))
    common = (*_EVERY, *(_CORS if settings.origins else ()))
    for path, method, handler in _operations(app):
        operations = document["paths"][path]
        operations.pop("head", None)  # each GET implies one
        operation = operations[method.lower()]
        if not operation.get("deprecated"):
            operation.pop("deprecated", None)
        operation["summary"] = handler.summary or _sentence(handler.handler_name)
        _complete_parameters(operation, handler)
        _complete_body(operation, method)
        _complete_responses(operation, path, method, settings, common)
        if settings.auth and path in PUBLIC_PATHS:
            operation["security"] = []
    headers = dict.fromkeys((*_HEADERS, *common))
    components["headers"] = {
        name: {"schema": _HEADERS.get(name, {"type": "string"}), "required": name in _ALWAYS_SENT}
        for name in headers
    }
    components["responses"] = {
        _component(status): _problem(status, common) for status in _problems_used(document)
    }
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
    _, schemas = msgspec.json.schema_components(dict.fromkeys(types), ref_template=_REF)
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


def _complete_responses(
    operation: Json, path: str, method: str, settings: Settings, common: tuple[str, ...]
) -> None:
    responses: Json = operation["responses"]
    validation = responses.get("400", {}).get("content", {}).get("application/json")
    if validation:  # Litestar's own error, which no handler of this service sends
        del responses["400"]
    cached = _CACHED if "304" in responses else ()
    for status, response in responses.items():
        names = (*common, *(cached if status in ("200", "304") else ()))
        own = dict(sorted(response.get("headers", {}).items()))
        response["description"] = HTTPStatus(int(status)).phrase
        response["headers"] = {
            name: {"schema": {"type": "string"}, **own[name]} for name in sorted(own)
        }
        response["headers"] |= {name: _header(name) for name in (*own, *names) if name in _HEADERS}
    for status in _problem_statuses(operation, path, method, settings):
        if known := responses.get(str(status)):
            _add_problem(known.setdefault("content", {}))
            known["headers"] |= {name: _header(name) for name in _OF_STATUS.get(status, ())}
        else:
            responses[str(status)] = {"$ref": f"#/components/responses/{_component(status)}"}
    operation["responses"] = dict(sorted(responses.items()))


def _problem_statuses(operation: Json, path: str, method: str, settings: Settings) -> set[int]:
    """Statuses that layers, the request's checks and exception handlers send as problems."""
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    public = path in PUBLIC_PATHS
    sent = {
        401: settings.auth and not public,
        404: "{" in path,
        408: "requestBody" in operation,
        412: "If-Match" in names or "304" in operation["responses"],
        413: "requestBody" in operation,
        415: "requestBody" in operation,
        422: "Idempotency-Key" in names,
        429: settings.rate_limit and not public,
    }
    return {400, 500, 503, 504} | {status for status, is_sent in sent.items() if is_sent}


def _add_problem(content: Json) -> None:
    """Adds the problem to what a handler itself sends with the same status. Generated clients look
    at one media type of a response, so the first one names both schemas."""
    for media in content.values():
        if media != _PROBLEM_CONTENT:
            media["schema"] = {"anyOf": [media["schema"], _PROBLEM_CONTENT["schema"]]}
    content[PROBLEM_JSON] = _PROBLEM_CONTENT


_PROBLEM_CONTENT = {"schema": {"$ref": _REF.format(name="Problem")}}


def _problem(status: int, common: tuple[str, ...]) -> Json:
    names = (*common, *_OF_STATUS.get(status, ()))
    return {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_JSON: _PROBLEM_CONTENT},
        "headers": {name: _header(name) for name in names},
    }


def _problems_used(document: Json) -> list[int]:
    used = {
        int(status)
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if "$ref" in response
    }
    return sorted(used)


def _component(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _header(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}


def _sentence(name: str) -> str:
    return name.replace("_", " ").capitalize()
