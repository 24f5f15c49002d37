"""The responses of the OpenAPI document: statuses, headers and problems that layers, checks of the
request and exception handlers send."""

from http import HTTPStatus
from typing import Any

from servicekit.auth.middleware import PUBLIC_PATHS, PublicPaths
from servicekit.http.problems import PROBLEM_JSON
from servicekit.http.responses import SECURITY_HEADERS
from servicekit.settings import Settings

Json = dict[str, Any]

SCHEMA_REF = "#/components/schemas/{name}"
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


def shared_components(document: Json, common: tuple[str, ...]) -> Json:
    """The headers, and the problems that the document's operations refer to."""
    headers = dict.fromkeys((*_HEADERS, *common))
    return {
        "headers": {
            name: {
                "schema": _HEADERS.get(name, {"type": "string"}),
                "required": name in _ALWAYS_SENT,
            }
            for name in headers
        },
        "responses": {
            _component(status): _problem(status, common) for status in _problems_used(document)
        },
    }


def common_headers(settings: Settings) -> tuple[str, ...]:
    """The headers of every response."""
    return (*_EVERY, *(_CORS if settings.origins else ()))


def complete_responses(
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
    sent = {
        401: settings.auth and path not in PublicPaths(settings.public_paths),
        404: "{" in path,
        408: "requestBody" in operation,
        412: "If-Match" in names or "304" in operation["responses"],
        413: "requestBody" in operation,
        415: "requestBody" in operation,
        422: "Idempotency-Key" in names,
        429: settings.rate_limit and path not in PUBLIC_PATHS,
    }
    return {400, 500, 503, 504} | {status for status, is_sent in sent.items() if is_sent}


def _add_problem(content: Json) -> None:
    """Adds the problem to what a handler itself sends with the same status. Generated clients look
    at one media type of a response, so the first one names both schemas."""
    for media in content.values():
        if media != _PROBLEM_CONTENT:
            media["schema"] = {"anyOf": [media["schema"], _PROBLEM_CONTENT["schema"]]}
    content[PROBLEM_JSON] = _PROBLEM_CONTENT


_PROBLEM_CONTENT = {"schema": {"$ref": SCHEMA_REF.format(name="Problem")}}


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
