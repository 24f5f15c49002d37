import re

from app.items.models import Item
from app.items.routes import ITEM, ItemController
from app.items.store import ItemStore
from app.settings import Settings
from servicekit.cache.cached_routes import CachedRoute
from servicekit.cache.entries import CachePolicy
from servicekit.domain import Domain
from servicekit.parts import Parts

# Every number that surely is a bigint, in the one spelling that the cache knows.
_KEYS = re.compile("[1-9][0-9]{0,17}")
_NEGATIVE_TTL = 0.1  # seconds, at most, for which a worker doesn't see an item created by another


def items(parts: Parts[Settings]) -> Domain:
    settings = parts.settings
    negative_ttl = min(settings.missing_ttl, _NEGATIVE_TTL)
    policy = CachePolicy(settings.row_ttl, settings.stale_ttl, negative_ttl)
    cache = parts.cache("item", policy, represents=Item)
    store = ItemStore(parts.primary, parts.replica, cache)
    return Domain(
        controller=ItemController,
        dependencies={"items": store},
        cached=CachedRoute(
            ItemController.get_item, _KEYS, cache, ITEM, lambda key: store.load(int(key))
        ),
        reads=parts.replica,
        writes=parts.primary,
    )
