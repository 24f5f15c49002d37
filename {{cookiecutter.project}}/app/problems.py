import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from app import errors
from app.telemetry.request_id import request_id_of

logger = logging.getLogger(__name__)

_STATUS = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.VersionMismatch: HTTPStatus.PRECONDITION_FAILED,
    errors.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UpstreamFailed: HTTPStatus.BAD_GATEWAY,
    errors.UpstreamTimeout: HTTPStatus.GATEWAY_TIMEOUT,
}
RETRY_AFTER = "1"  # seconds


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details, RFC 9457, with the request's id."""

    title: str
    status: int
    detail: str
    request_id: str
    errors: list[dict[str, Any]] = []


def problem_body(status: HTTPStatus, detail: str, request_id: str) -> bytes:
    return msgspec.json.encode(Problem(status.phrase, status, detail, request_id))


def _problem(
    request: Request[Any, Any, Any],
    status: int,
    detail: str,
    invalid: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    title = HTTPStatus(status).phrase
    problem = Problem(title, status, detail, request_id_of(request.scope), invalid or [])
    return Response(
        problem, status_code=status, headers=headers, media_type="application/problem+json"
    )


def _service_error(
    request: Request[Any, Any, Any], error: errors.ServiceError
) -> Response[Problem]:
    status = _STATUS[type(error)]
    headers = {"Retry-After": RETRY_AFTER} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    if status >= 500:
        logger.warning(
            "request failed",
            extra={
                "request_id": request_id_of(request.scope),
                "error": str(error),
                "cause": repr(error.__cause__),
            },
        )
    return _problem(request, status, str(error), headers=headers)


def _http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    if isinstance(error, ValidationException):
        invalid = [item for item in error.extra or [] if isinstance(item, dict)]
        return _problem(request, error.status_code, "The request is not valid.", invalid)
    return _problem(request, error.status_code, error.detail, headers=error.headers)


def _unreadable(request: Request[Any, Any, Any], _error: Exception) -> Response[Problem]:
    return _problem(request, HTTPStatus.BAD_REQUEST, "The body can't be read as JSON.")


def _defect(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    request_id = request_id_of(request.scope)
    logger.error("unhandled exception", extra={"request_id": request_id}, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _problem(request, status, "Something went wrong; the log has this request's id.")


PROBLEMS: ExceptionHandlersMap = {
    errors.ServiceError: _service_error,
    HTTPException: _http_exception,
    RecursionError: _unreadable,  # nested too deeply
    UnicodeDecodeError: _unreadable,  # msgspec's one failure that is not a DecodeError
    Exception: _defect,
}
