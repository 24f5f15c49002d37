from typing import Annotated, Any

from litestar import Controller, Request, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter
from litestar.types import ASGIApp

from app.items.models import Item, ItemPage, ItemPatch, NewItem
from app.items.store import MAX_PAGE, ItemStore, etag_of
from servicekit.cache.representation import Representation, bypasses_cache
from servicekit.http.idempotency import idempotency_key_of
from servicekit.http.openapi import ETAG, LOCATION, cached_responses
from servicekit.http.preconditions import Preconditions
from servicekit.http.responses import JsonResponse

_LARGEST_ID = 2**63 - 1  # PostgreSQL's bigint

ItemId = Annotated[int, PathParameter(ge=1, le=_LARGEST_ID)]
IdempotencyKey = Annotated[
    str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=255)
]
# A client may store an item, and revalidates it before each use.
ITEM = Representation(lambda _entry: "no-cache")
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)]
After = Annotated[int, QueryParameter(ge=0, le=_LARGEST_ID)]


class ItemController(Controller):
    path = "/items"
    tags = ("items",)

    @get()
    async def list_items(
        self, items: NamedDependency[ItemStore], limit: Limit = 20, after: After = 0
    ) -> ItemPage:
        """Items by id; `next` is the address of the page that follows, or null."""
        page = await items.page(limit, after)
        following = f"/items?limit={limit}&after={page[-1].id}" if len(page) == limit else None
        return ItemPage(items=page, next=following)

    @post(response_headers=[LOCATION, ETAG])
    async def create_item(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[NewItem],
        items: NamedDependency[ItemStore],
        idempotency_key: IdempotencyKey = None,
    ) -> JsonResponse[Item]:
        """Create an item; the same Idempotency-Key answers with the first one."""
        if idempotency_key is None:
            item = await items.add(data)
        else:
            key = await idempotency_key_of(request, idempotency_key)
            item = await items.add_once(data, key)
        headers = {"Location": f"/items/{item.id}", "ETag": etag_of(item)}
        return JsonResponse(item, status_code=201, headers=headers)

    @get("/{item_id:int}", responses=cached_responses(Item))
    async def get_item(
        self, request: Request[Any, Any, Any], item_id: ItemId, items: NamedDependency[ItemStore]
    ) -> ASGIApp:
        """An item, from the cache; with `Cache-Control: no-cache` as the database has it."""
        bypass = bypasses_cache(request.scope)
        return ITEM.answer(request.scope, await items.read(item_id, bypass_cache=bypass))

    @put("/{item_id:int}", response_headers=[ETAG])
    async def replace_item(
        self,
        item_id: ItemId,
        data: JSONBody[NewItem],
        items: NamedDependency[ItemStore],
        preconditions: NamedDependency[Preconditions],
    ) -> JsonResponse[Item]:
        item = await items.replace(item_id, data, preconditions)
        return JsonResponse(item, headers={"ETag": etag_of(item)})

    @patch("/{item_id:int}", response_headers=[ETAG])
    async def change_item(
        self,
        item_id: ItemId,
        data: JSONBody[ItemPatch],
        items: NamedDependency[ItemStore],
        preconditions: NamedDependency[Preconditions],
    ) -> JsonResponse[Item]:
        """Change the fields that the body names (a JSON merge patch)."""
        item = await items.change(item_id, data, preconditions)
        return JsonResponse(item, headers={"ETag": etag_of(item)})

    @delete("/{item_id:int}")
    async def delete_item(
        self,
        item_id: ItemId,
        items: NamedDependency[ItemStore],
        preconditions: NamedDependency[Preconditions],
    ) -> None:
        await items.remove(item_id, preconditions)
