from collections.abc import Collection
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from servicekit.auth.tokens import TokenVerifier
from servicekit.errors import ServiceError
from servicekit.http.problems import error_response

PUBLIC_PATHS = ("/health", "/ready")


class AuthenticationMiddleware:
    """Lets in who shows a valid token; handlers find its claims in `request.state.claims`.

    `opened` are the paths that everyone may ask for, and all below them that end in a slash.
    """

    def __init__(
        self, app: ASGIApp, tokens: TokenVerifier, opened: Collection[str] = PUBLIC_PATHS
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._paths = frozenset(opened)
        self._prefixes = tuple(path for path in opened if path.endswith("/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = cast("HTTPScope", scope)
        path = scope["path"]
        if path not in self._paths and not path.startswith(self._prefixes):
            try:
                scope["state"]["claims"] = await self._tokens.verify(scope)
            except ServiceError as error:
                return await error_response(scope, error)(scope, receive, send)
        await self._app(scope, receive, send)
