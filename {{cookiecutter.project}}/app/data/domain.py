from app.data.routes import DATA_ID, DataController, data_of
from app.data.upstream import Upstream
from app.settings import Settings
from servicekit.cache.cached_routes import CachedRoute
from servicekit.cache.entries import CachePolicy
from servicekit.domain import Domain
from servicekit.parts import Parts


def data(parts: Parts[Settings]) -> Domain:
    settings = parts.settings
    policy = CachePolicy(settings.data_ttl, settings.stale_ttl, settings.missing_ttl)
    cache = parts.cache("data", policy, one_load=True)
    upstream = Upstream(settings, cache, parts.spans)
    return Domain(
        controller=DataController,
        dependencies={"upstream": upstream},
        cached=CachedRoute(
            DataController.get_data, DATA_ID, cache, data_of(upstream), upstream.load
        ),
        lifespans=[upstream.lifespan],
        metrics=[upstream.samples],
    )
