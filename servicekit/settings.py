import os
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from servicekit.setting_checks import check_http_url, check_origin, check_port, check_proxy

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0, le=1e9)]  # bounded: "inf" is a number, too
Delay = Annotated[float, Meta(ge=0, le=1e9)]  # seconds
Port = Annotated[int, Meta(ge=1, le=65535)]

ADMIN_HOST = "127.0.0.1"  # of /metrics: only the task's or instance's own network reaches it

S = TypeVar("S", bound="Settings")


class SettingsError(Exception):
    """The environment does not describe a service that can run."""


class Auth(msgspec.Struct, frozen=True):
    """The issuer whose tokens are accepted, and the audience that they must be for."""

    issuer: str
    audience: str
    jwks_url: str


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="upper"):
    """Environment variables of the service. A bad or missing one stops the start."""

    database_url: Annotated[str, Meta(pattern="^postgres(ql)?://")]
    redis_url: Annotated[str, Meta(pattern="^rediss?://")]
    database_replica_url: Annotated[str, Meta(pattern="^postgres(ql)?://")] | None = None
    database_password: str | None = None  # apart from the URL, so that it can be a secret
    database_password_file: str | None = None  # read for each new connection, so that it can change
    redis_password: str | None = None

    environment: Literal["local", "production"] = "production"
    build_id: str = "unknown"  # in /ready, so that a deployment can recognise its own version
    expose_schema: bool = False  # /schema in production, too

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Port = 8000
    web_concurrency: Count = 1  # worker processes
    # Loopback: metrics, and Granian's own on the port above it; 0 switches both off. Where it is
    # not set, it is 9100, or the next free pair of ports.
    admin_port: Annotated[int, Meta(ge=0, le=65534)] = 9100
    admin_socket: str | None = None  # workers report their metrics there; set by server/launch.py

    otel_exporter_otlp_endpoint: Annotated[str, Meta(pattern="^https?://")] | None = None  # traces
    profile_secret: Annotated[str, Meta(min_length=16)] | None = None  # None: no profiles
    access_log_share: Annotated[float, Meta(ge=0, le=1)] = 0.01  # of responses below 500
    slow_request: Seconds = 1.0  # slower responses are always logged
    drain_time: Delay = 2.0  # after SIGTERM: /ready says 503, everything else is served
    stopping_file: str | None = None  # exists from SIGTERM on; set by server/launch.py

    admission_queue: bool = True  # False: requests enter the loop as Granian hands them over
    max_in_flight: Count = 8000  # requests of one worker; further ones get 503
    request_timeout: Seconds = 10.0  # from the first byte to the last, body included
    max_body_bytes: Count = 1_000_000
    trusted_proxies: str = ""  # CIDRs, by commas, of proxies whose X-Forwarded-For counts
    cors_origins: str = ""  # by commas, as browsers send them; empty for none

    auth_issuer: str | None = None  # set: all routes but health need a bearer token of this issuer
    auth_audience: str | None = None  # the audience that the token must be for
    auth_jwks_url: str | None = None  # default: the issuer's /.well-known/jwks.json
    auth_public_paths: str = ""  # by commas: need no token; "/schema/" stands for all below it
    rate_limit: Delay = 0.0  # requests per second of one client; 0: no limit
    rate_burst: Count = 20

    db_pool_size: Count = 10  # connections of one worker
    db_acquire_timeout: Seconds = 0.5  # of waiting for a free connection
    db_command_timeout: Seconds = 2.0
    db_connection_lifetime: Seconds = 300.0  # of a connection, about

    redis_pool_size: Count = 8
    redis_timeout: Seconds = 0.2  # of connecting, and of each command
    shared_cache: bool = True  # false switches the Valkey layer off
    cache_prefix: str = "app:"  # keeps services apart that share one Valkey
    memory_cache_entries: Annotated[int, Meta(ge=0)] = 10_000  # of each cache; 0 switches it off
    memory_cache_bytes: Count = 64_000_000  # of each cache
    memory_cache_ttl: Seconds = 5.0  # how long a lost invalidation can leave an old entry
    missing_ttl: Seconds = 1.0  # of a negative entry: a 404 from memory
    stale_ttl: Seconds = 600.0  # beyond its ttl, an entry is served while a newer one loads

    def __post_init__(self) -> None:
        """Rejects combinations of settings that start, but can never work."""
        _check("CORS_ORIGINS", check_origin, self.origins)
        _check("TRUSTED_PROXIES", check_proxy, self.proxies)
        for name, value in asdict(self).items():
            if name.endswith(("_url", "_endpoint")) and value:
                check = check_http_url if value.startswith("http") else check_port
                _check(name.upper(), check, [value])
        if self.admin_port and self.port in (self.admin_port, self.admin_port + 1):
            raise ValueError("ADMIN_PORT and the port above it have to differ from PORT")
        self._check_auth()

    def _check_auth(self) -> None:
        named = {
            "AUTH_ISSUER": self.auth_issuer,
            "AUTH_AUDIENCE": self.auth_audience,
            "AUTH_JWKS_URL": self.auth_jwks_url,
        }
        for name, value in named.items():
            if value is not None and value != value.strip():
                raise ValueError(f"{name} has spaces around it, so no token would match")
        if self.auth_issuer and not self.auth_audience:
            raise ValueError("AUTH_ISSUER needs AUTH_AUDIENCE, the audience of its tokens")
        if not self.auth_issuer and (self.auth_audience or self.auth_jwks_url):
            raise ValueError(
                "AUTH_AUDIENCE and AUTH_JWKS_URL need AUTH_ISSUER: without it every"
                " request is let in"
            )
        for path in self.public_paths:
            if not path.startswith("/") or path == "/" or not path.isascii():
                raise ValueError(f"AUTH_PUBLIC_PATHS: {path} is not the path of a route")
        if self.auth:
            _check("AUTH_JWKS_URL or AUTH_ISSUER", check_http_url, [self.auth.jwks_url])

    @property
    def auth(self) -> Auth | None:
        if not (self.auth_issuer and self.auth_audience):
            return None
        keys = self.auth_jwks_url or f"{self.auth_issuer.rstrip('/')}/.well-known/jwks.json"
        return Auth(self.auth_issuer, self.auth_audience, keys)

    @property
    def proxies(self) -> list[str]:
        return _list(self.trusted_proxies)

    @property
    def public_paths(self) -> list[str]:
        return _list(self.auth_public_paths)

    @property
    def origins(self) -> list[str]:
        return _list(self.cors_origins)


def _list(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _check(name: str, check: Callable[[str], None], values: Iterable[str]) -> None:
    for value in values:
        try:
            check(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def read_settings(kind: type[S], environment: Mapping[str, str] = os.environ) -> S:
    """Settings of type `kind` from environment variables. Raises SettingsError, one sentence."""
    try:
        return msgspec.convert(dict(environment), kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"The environment is not usable: {error}.") from None
