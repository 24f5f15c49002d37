from collections.abc import Collection
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from servicekit.auth.tokens import TokenVerifier
from servicekit.errors import ServiceError
from servicekit.http.problems import error_response

PUBLIC_PATHS = ("/health", "/ready")


class AuthenticationMiddleware:
    """Answers 401 to a request without a valid bearer token.

    Handlers find the token's claims in `request.state.claims`. `public_paths` need no token, beside
    /health and /ready; one that ends in a slash stands for all paths below it.
    """

    def __init__(
        self, app: ASGIApp, tokens: TokenVerifier, public_paths: Collection[str] = ()
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._paths = frozenset((*PUBLIC_PATHS, *public_paths))
        self._prefixes = tuple(path for path in public_paths if path.endswith("/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = cast("HTTPScope", scope)
        path = scope["path"]
        if path not in self._paths and not path.startswith(self._prefixes):
            try:
                scope["state"]["claims"] = await self._tokens.verify(scope)
            except ServiceError as error:
                return await error_response(scope, error)(scope, receive, send)
        await self._app(scope, receive, send)
