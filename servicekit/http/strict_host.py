import re
from http import HTTPStatus

from litestar.types import HTTPScope

from servicekit.http.problems import problem_response
from servicekit.http.responses import RawResponse
from servicekit.http.rsgi import RsgiHeaders

_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def has_valid_host_and_framing(scope: HTTPScope) -> bool:
    """True for a request with one valid Host and at most one transfer coding, `chunked`.

    Otherwise a proxy in front may read the request as another one, or as two (request smuggling;
    RFC 9112, sections 3.2 and 6.1).
    """
    host = coding = None
    for name, value in scope["headers"]:
        if name == b"host":
            if host is not None:
                return False
            host = value
        elif name == b"transfer-encoding":
            if coding is not None or value.lower() != b"chunked":
                return False
            coding = value
    if not host:  # Granian gives an empty Host where there is none, and "1" for HTTP/1.0
        return scope["http_version"] in ("1", "1.0")
    return _HOST.fullmatch(host.decode("latin-1")) is not None


def has_valid_host_and_no_coding(headers: RsgiHeaders) -> bool:
    """True for most requests that `has_valid_host_and_framing` admits, in less time."""
    hosts = headers.get_all("host")
    return (
        len(hosts) == 1
        and _HOST.fullmatch(hosts[0]) is not None
        and "transfer-encoding" not in headers
    )


def host_rejection(scope: HTTPScope) -> RawResponse | None:
    """400 unless the request names one host, and one coding of its body."""
    if has_valid_host_and_framing(scope):
        return None
    detail = "The request has to name one host, and one coding of its body."
    response = problem_response(scope, HTTPStatus.BAD_REQUEST, detail)
    response.headers.append((b"connection", b"close"))  # later bytes of it can't be trusted
    return response
