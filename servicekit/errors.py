"""What can go wrong in the domain. `app/problems.py` turns each into an HTTP answer."""


class ServiceError(Exception):
    """Carries one sentence for the client."""


class NotFound(ServiceError):
    pass


class VersionMismatch(ServiceError):
    """The caller's precondition names a version that is not the current one."""


class KeyReused(ServiceError):
    """An idempotency key came back with another request."""


class BodyBroken(ServiceError):
    """The client left before its body was whole, or sent what is none."""


class Unavailable(ServiceError):
    """A dependency did not answer in time; the same request may succeed later."""


class UpstreamFailed(ServiceError):
    """The upstream answered with something that is of no use."""


class UpstreamTimeout(ServiceError):
    pass


class TookTooLong(ServiceError):
    """What was asked for is not there within a request's time."""


class Unauthorized(ServiceError):
    """The caller has not shown who it is."""


class TooMany(ServiceError):
    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after  # seconds
