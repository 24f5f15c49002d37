from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from litestar import Controller

from servicekit.cache.cached_routes import CachedRoute
from servicekit.database.pool import DatabasePool
from servicekit.telemetry.metrics import Sample

Lifespan = Callable[[Any], AbstractAsyncContextManager[object]]


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The routes, dependencies and databases of one domain.

    `reads` and `writes` are the databases that its GET and its other requests need: while one is
    down or saturated, those requests are rejected before routing.
    """

    controller: type[Controller]
    dependencies: Mapping[str, object] = field(default_factory=dict)  # by the handlers' parameters
    cached: CachedRoute | None = None
    reads: DatabasePool | None = None
    writes: DatabasePool | None = None
    lifespans: Sequence[Lifespan] = ()
    metrics: Sequence[Callable[[], Iterable[Sample]]] = ()
