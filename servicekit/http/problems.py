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
_MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER = 1  # seconds
BODILESS = ("GET", "HEAD", "DELETE")
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
    scope: HTTPScope, status: int, detail: str, invalid: list[dict[str, Any]] | None = None
) -> RawResponse:
    title = HTTPStatus(status).phrase
    body = msgspec.json.encode(Problem(title, status, detail, request_id_of(scope), invalid or []))
    headers: Headers = [
        (b"content-type", _MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"%d" % _RETRY_AFTER))
    return RawResponse(status, headers, body)


def rejection(scope: HTTPScope, status: HTTPStatus, detail: str) -> RawResponse:
    """A problem for which the body was not read: it must not be taken for the next request."""
    answer = problem_response(scope, status, detail)
    if scope["method"] not in BODILESS:
        answer.headers.append((b"connection", b"close"))
    return answer


def error_response(scope: HTTPScope, error: Exception) -> RawResponse:
    """What a client is told of `error`; what it is not told is logged."""
    if isinstance(error, errors.ServiceError):
        return _service_problem(scope, error)
    if isinstance(error, ValidationException):
        invalid = [item for item in error.extra or [] if isinstance(item, dict)]
        return problem_response(scope, error.status_code, "The request is not valid.", invalid)
    if isinstance(error, HTTPException):
        return problem_response(scope, error.status_code, error.detail)
    if isinstance(error, _UNREADABLE):
        return problem_response(scope, HTTPStatus.BAD_REQUEST, "The body can't be read as JSON.")
    logger.error("unhandled exception", extra={"request_id": request_id_of(scope)}, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem_response(scope, status, "Something went wrong; the log has this request's id.")


def _service_problem(scope: HTTPScope, error: errors.ServiceError) -> RawResponse:
    status = _STATUS[type(error)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.__cause__ is not None:
        cause = {"error": str(error), "cause": repr(error.__cause__)}
        logger.warning("request failed", extra={"request_id": request_id_of(scope), **cause})
    answer = problem_response(scope, status, str(error))
    if isinstance(error, errors.Unauthorized):
        answer.headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, errors.RateLimited):
        answer.headers.append((b"retry-after", b"%d" % error.retry_after))
    return answer


def _response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    answer = error_response(request.scope, error)
    # type and length are the framework's to set
    headers = {name.decode(): value.decode() for name, value in answer.headers[2:]}
    if isinstance(error, HTTPException):
        headers |= error.headers or {}
    return Response(answer.body, status_code=answer.status, media_type=_MEDIA_TYPE, headers=headers)


EXCEPTION_HANDLERS: ExceptionHandlersMap = {HTTPException: _response, Exception: _response}
