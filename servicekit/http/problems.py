import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap, HTTPScope

from servicekit import errors
from servicekit.http.request_id import request_id_of
from servicekit.http.responses import Headers, RawResponse

logger = logging.getLogger(__name__)

_STATUS = {
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.MalformedBody: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.VersionMismatch: HTTPStatus.PRECONDITION_FAILED,
    errors.IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UpstreamFailed: HTTPStatus.BAD_GATEWAY,
    errors.UpstreamTimeout: HTTPStatus.GATEWAY_TIMEOUT,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
}
PROBLEM_JSON = "application/problem+json"
_RETRY_AFTER = 1  # seconds
BODILESS = ("GET", "HEAD", "DELETE")
# What Litestar says of an empty body is the name of the handler's parameter.
_NO_BODY = {"message": "A body is needed", "source": "body"}
# RecursionError: nested too deeply. UnicodeDecodeError: msgspec's one failure of another kind.
_UNREADABLE = (RecursionError, UnicodeDecodeError)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details, RFC 9457, with the request's id."""

    title: str
    status: int
    detail: str
    request_id: str
    errors: list[dict[str, Any]] = []


def problem_response(
    scope: HTTPScope,
    status: int,
    detail: str,
    invalid: list[dict[str, Any]] | None = None,
    retry_after: int | None = None,
) -> RawResponse:
    content = Problem(_title(status), status, detail, request_id_of(scope), invalid or [])
    body = msgspec.json.encode(content, enc_hook=str)
    headers: Headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE or retry_after:
        headers.append((b"retry-after", b"%d" % (retry_after or _RETRY_AFTER)))
    return RawResponse(status, headers, body)


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a status that is not registered
        return "Error"


def rejection(scope: HTTPScope, status: HTTPStatus, detail: str) -> RawResponse:
    """A problem sent before the body was read. It closes the connection, because the server would
    take the unread body for the next request."""
    return _closing(scope, problem_response(scope, status, detail))


def _closing(scope: HTTPScope, response: RawResponse) -> RawResponse:
    if scope["method"] not in BODILESS:
        response.headers.append((b"connection", b"close"))
    return response


def error_response(scope: HTTPScope, error: Exception) -> RawResponse:
    """The problem for an error. Details that the client must not see are logged."""
    if isinstance(error, errors.ServiceError):
        return _service_problem(scope, error)
    if isinstance(error, ValidationException):
        given = [item for item in error.extra or [] if isinstance(item, dict)]
        invalid = [_NO_BODY if item.get("message") == "'data'" else item for item in given]
        return problem_response(scope, error.status_code, "The request is not valid.", invalid)
    if isinstance(error, HTTPException):
        return problem_response(scope, error.status_code, error.detail)
    if isinstance(error, _UNREADABLE) and scope["method"] not in BODILESS:
        return problem_response(scope, HTTPStatus.BAD_REQUEST, "The body is not valid JSON.")
    return _defect(scope, error)


def unhandled_error_response(scope: HTTPScope, error: Exception) -> RawResponse:
    """The problem for an error outside of routing, where the body may be unread."""
    if isinstance(error, errors.ServiceError):
        return _closing(scope, _service_problem(scope, error))
    return _closing(scope, _defect(scope, error))


def _defect(scope: HTTPScope, error: Exception) -> RawResponse:
    logger.error("unhandled exception", extra={"request_id": request_id_of(scope)}, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem_response(
        scope, status, "Internal error; the log has an entry with this request_id."
    )


def _service_problem(scope: HTTPScope, error: errors.ServiceError) -> RawResponse:
    status = _status(type(error))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.__cause__ is not None:
        cause = {"error": str(error), "cause": repr(error.__cause__)}
        logger.warning("request failed", extra={"request_id": request_id_of(scope), **cause})
    retry_after = getattr(error, "retry_after", None)
    response = problem_response(scope, status, str(error), retry_after=retry_after)
    if isinstance(error, errors.Unauthorized):
        response.headers.append((b"www-authenticate", b"Bearer"))
    return response


def _status(kind: type[errors.ServiceError]) -> HTTPStatus:
    """Of the nearest class in the table: a domain may derive errors of its own."""
    known = (_STATUS[parent] for parent in kind.__mro__ if parent in _STATUS)
    return next(known, HTTPStatus.INTERNAL_SERVER_ERROR)


def _response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    response = error_response(request.scope, error)
    # Litestar sets content-type and content-length itself.
    headers = {name.decode(): value.decode() for name, value in response.headers[2:]}
    if isinstance(error, HTTPException):
        headers |= error.headers or {}
    return Response(
        response.body, status_code=response.status, media_type=PROBLEM_JSON, headers=headers
    )


EXCEPTION_HANDLERS: ExceptionHandlersMap = {HTTPException: _response, Exception: _response}
