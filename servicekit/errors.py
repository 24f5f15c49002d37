"""Errors of domain code. `servicekit/http/problems.py` maps each to an HTTP status."""


class ServiceError(Exception):
    """Its message is one sentence, and is sent to the client."""


class NotFound(ServiceError):
    pass


class VersionMismatch(ServiceError):
    """The caller's precondition does not hold for the current version."""


class IdempotencyConflict(ServiceError):
    """The same idempotency key was used for another request."""


class MalformedBody(ServiceError):
    """The request body ended early, or its framing is invalid."""


class Unavailable(ServiceError):
    """A dependency did not answer in time. The same request may succeed later."""

    outcome_unknown = False  # True: a statement was sent, and may have been carried out

    def __init__(self, sentence: str, retry_after: int = 1) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after  # seconds


class UpstreamFailed(ServiceError):
    """The upstream could not be reached, or its response is not usable."""


class UpstreamOverloaded(Unavailable):
    """The upstream sent Retry-After."""


class UpstreamTimeout(ServiceError):
    pass


class DeadlineExceeded(ServiceError):
    """The work was not finished within the request timeout."""


class Unauthorized(ServiceError):
    """The request has no valid credentials."""


class RateLimited(ServiceError):
    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after  # seconds
