from typing import TYPE_CHECKING, Any, Generic

from servicekit.auth.tokens import TokenVerifier
from servicekit.cache.entries import CachePolicy
from servicekit.cache.leases import Leases
from servicekit.cache.two_level import TwoLevelCache
from servicekit.cache.valkey import Valkey
from servicekit.database.pool import DatabasePool
from servicekit.overload.admission import Admission
from servicekit.settings import S, Settings
from servicekit.telemetry.collectors import (
    admission_samples,
    breaker_samples,
    database_samples,
    log_samples,
)
from servicekit.telemetry.logs import configure_logging
from servicekit.telemetry.registry import MetricsRegistry
from servicekit.telemetry.spans import UNTRACED, Spans

if TYPE_CHECKING:
    from servicekit.telemetry.tracing import Tracing

_LEASE = 6.0  # seconds; a load that takes longer is made by each worker


class Parts(Generic[S]):
    """The objects that all domains of one worker share, made without any I/O.

    Databases and caches made here register themselves for metrics, spans and invalidation.
    """

    def __init__(self, settings: S) -> None:
        self.settings = settings
        self.tracing = _tracing(settings)
        self.spans: Spans = self.tracing or UNTRACED
        self.admission = Admission(
            settings.max_in_flight,
            settings.request_timeout,
            queueing=settings.admission_queue,
        )
        self.metrics = MetricsRegistry(settings, self.admission.queue.wait)
        self.metrics.register(admission_samples, self.admission)
        self.metrics.register(log_samples, configure_logging(settings.environment))
        self.tokens = TokenVerifier(settings.auth) if settings.auth else None
        self.databases: list[DatabasePool] = []
        self.caches: list[TwoLevelCache] = []
        self.primary = self._database(settings.database_url, "postgresql", "primary")
        replica_url = settings.database_replica_url
        self.replica = (
            self._database(replica_url, "replica", "replica") if replica_url else self.primary
        )
        self.valkey = Valkey(settings)
        self.metrics.register(breaker_samples, self.valkey.breaker)

    def cache(
        self, name: str, policy: CachePolicy, *, represents: Any = Any, one_load: bool = False
    ) -> TwoLevelCache:
        """A cache in memory and in Valkey, whose keys begin with `name`.

        `represents` is the type whose JSON it keeps: a version of the service with another type
        does not use these entries.
        With `one_load`, a missing key is loaded by one of all workers, and the others wait for its
        entry: worth a write to Valkey where the origin is slow.
        """
        leases = None
        if one_load:
            leases = Leases(self.valkey, min(_LEASE, self.settings.request_timeout / 2))
        cache = TwoLevelCache(
            name, policy, self.settings, self.valkey, leases, self.spans, represents=represents
        )
        self.caches.append(cache)
        return cache

    def _database(self, url: str, name: str, pool: str) -> DatabasePool:
        database = DatabasePool(self.settings, url, name, self.spans)
        self.databases.append(database)
        self.metrics.register(database_samples, database, pool)
        self.metrics.register(breaker_samples, database.breaker)
        return database


def _tracing(settings: Settings) -> "Tracing | None":
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    # Here, so that a service without traces doesn't load OpenTelemetry.
    from servicekit.telemetry.tracing import Tracing

    return Tracing()
