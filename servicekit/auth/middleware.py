from collections.abc import Collection

from litestar.types import HTTPScope, Receive, Send

from servicekit.auth.tokens import TokenVerifier
from servicekit.errors import ServiceError
from servicekit.http.problems import error_response
from servicekit.http.responses import HttpApp

PUBLIC_PATHS = ("/health", "/ready")


class PublicPaths:
    """Paths that need no token: `PUBLIC_PATHS`, and those given. One of these that ends in a slash
    stands for all paths below it."""

    def __init__(self, given: Collection[str] = ()) -> None:
        self._paths = frozenset((*PUBLIC_PATHS, *given))
        self._prefixes = tuple(path for path in given if path.endswith("/"))

    def __contains__(self, path: str) -> bool:
        path = path.rstrip("/")  # as in routing: /items/ is /items, and not below it
        return path in self._paths or path.startswith(self._prefixes)


class AuthenticationMiddleware:
    """Answers 401 to a request without a valid bearer token, unless its path is public.

    Handlers find the token's claims in `request.state.claims`.
    """

    def __init__(
        self, app: HttpApp, tokens: TokenVerifier, public_paths: Collection[str] = ()
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._public = PublicPaths(public_paths)

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if scope["path"] not in self._public:
            try:
                scope["state"]["claims"] = await self._tokens.verify(scope)
            except ServiceError as error:
                return await error_response(scope, error)(scope, receive, send)
        await self._app(scope, receive, send)
