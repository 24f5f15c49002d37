import asyncio
import secrets
from typing import Any

import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.dev.servers import alembic
from servicekit.testing.service import environment_of, problem_of, serving, with_empty_cache
from servicekit.testing.waiting import HANG, until

TEA = {"name": "tea", "price_cents": 350}


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/items", json={**TEA, **fields})
    assert response.status_code == 201
    return response.json()


async def test_created_item_is_found_at_its_location(any_client: httpx.AsyncClient) -> None:
    created = await any_client.post("/items", json={**TEA, "description": "green"})

    assert created.status_code == 201
    found = await any_client.get(created.headers["location"])
    assert found.status_code == 200
    assert found.json() == created.json()
    assert found.headers["etag"] == created.headers["etag"]
    assert set(found.json()) == {
        "id", "name", "price_cents", "description", "version", "created_at", "updated_at",
    }  # fmt: skip
    assert found.json() | TEA == found.json()


async def test_items_created_at_once_are_each_their_own(client: httpx.AsyncClient) -> None:
    names = [f"tea {number}" for number in range(50)]
    created = await asyncio.gather(*(create(client, name=name) for name in names))
    assert [item["name"] for item in created] == names
    found = await asyncio.gather(*(client.get(f"/items/{item['id']}") for item in created))
    assert [response.json() for response in found] == created


async def test_pages_read_at_once_are_each_their_own(client: httpx.AsyncClient) -> None:
    ids = [(await create(client))["id"] for _ in range(3)]
    pages = await asyncio.gather(
        *(client.get(f"/items?limit=1&after={item_id - 1}") for item_id in ids for _ in range(2))
    )
    assert [page.json()["items"][0]["id"] for page in pages] == [ids[n // 2] for n in range(6)]


async def test_unknown_item_is_404(client: httpx.AsyncClient) -> None:
    response = await client.get("/items/999999999")

    assert response.status_code == 404
    assert problem_of(response)["detail"] == "There is no item 999999999."


@pytest.mark.parametrize(
    "path", ["/items/0", "/items/-1", f"/items/{2**63}", "/items/" + "9" * 5000]
)
async def test_impossible_id_is_a_client_error(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code in {400, 404}


@pytest.mark.parametrize(
    "body",
    [
        {"name": "tea"},
        {"name": "", "price_cents": 1},
        {"name": "x" * 201, "price_cents": 1},
        {"name": "a\x00b", "price_cents": 1},
        {"name": "tea", "price_cents": -1},
        {"name": "tea", "price_cents": 2**53},
        {"name": "tea", "price_cents": 1, "colour": "green"},
        [],
        None,
    ],
)
async def test_invalid_body_is_400_and_names_the_field(
    client: httpx.AsyncClient, body: Any
) -> None:
    response = await client.post("/items", json=body)

    assert response.status_code == 400
    assert problem_of(response)["errors"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"name":"\\ud800"}',
        b'{"name":"\xff","price_cents":1}',
    ],
)
async def test_body_that_is_not_json_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post(
        "/items", content=body, headers={"content-type": "application/json"}
    )

    assert response.status_code == 400
    assert problem_of(response)["status"] == 400


async def test_body_over_the_limit_is_413(client: httpx.AsyncClient) -> None:
    response = await client.post("/items", json={**TEA, "description": "x" * 1_000_001})

    assert response.status_code == 413


async def test_same_idempotency_key_creates_once(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "order-1"}
    first = await client.post("/items", json=TEA, headers=headers)
    await client.put(first.headers["location"], json={"name": "other", "price_cents": 1})
    again = await client.post("/items", json=TEA, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]


async def test_simultaneous_requests_with_one_key_create_once(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "order-2"}
    answers = await asyncio.gather(
        *(client.post("/items", json=TEA, headers=headers) for _ in range(8))
    )

    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_idempotency_key_of_another_request_is_422(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "order-3"}
    await client.post("/items", json=TEA, headers=headers)
    response = await client.post("/items", json={**TEA, "price_cents": 1}, headers=headers)

    assert response.status_code == 422


@pytest.mark.parametrize(
    "again, status",
    [
        (b'{"price_cents":350,  "name":"tea"}', 201),
        (b'{"name":"tea","price_cents":350,"description":""}', 422),
    ],
)
async def test_idempotency_key_is_of_the_json_that_was_sent(
    client: httpx.AsyncClient, again: bytes, status: int
) -> None:
    """Not of the model: two versions of the service fill in different defaults."""
    headers = {"idempotency-key": secrets.token_hex(8), "content-type": "application/json"}
    await client.post("/items", json=TEA, headers=headers)
    assert (await client.post("/items", content=again, headers=headers)).status_code == status


async def test_idempotency_key_answers_with_the_columns_that_were_added_since(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    key = secrets.token_hex(8)
    headers = {"idempotency-key": key}
    first = await client.post("/items", json={**TEA, "description": "new"}, headers=headers)
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute(
        "UPDATE idempotency_keys SET answer = answer - 'description' WHERE key = $1", key
    )
    await connection.close()
    again = await client.post("/items", json={**TEA, "description": "new"}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())


async def test_pages_contain_each_item_once(client: httpx.AsyncClient) -> None:
    made = [(await create(client, name=f"item {n}"))["id"] for n in range(5)]

    seen: list[int] = []
    address: str | None = f"/items?limit=2&after={made[0] - 1}"
    while address:
        page = (await client.get(address)).json()
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        address = page["next"]
    assert seen == made


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=-1", "after=x"])
async def test_invalid_page_parameter_is_400(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/items?{query}")).status_code == 400


async def test_get_with_the_current_entity_tag_is_304(any_client: httpx.AsyncClient) -> None:
    path = f"/items/{(await create(any_client))['id']}"
    etag = (await any_client.get(path)).headers["etag"]

    for sent in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        response = await any_client.get(path, headers={"if-none-match": sent})
        assert response.status_code == 304
        assert response.content == b""
        assert response.headers["etag"] == etag
    assert (await any_client.get(path, headers={"if-none-match": '"0"'})).status_code == 200


async def test_put_replaces_every_field(any_client: httpx.AsyncClient) -> None:
    item = await create(any_client, description="green")
    response = await any_client.put(f"/items/{item['id']}", json={"name": "new", "price_cents": 1})

    assert response.status_code == 200
    changed = response.json()
    assert (changed["name"], changed["price_cents"], changed["description"]) == ("new", 1, "")
    assert changed["version"] == item["version"] + 1
    assert changed["created_at"] == item["created_at"]
    assert changed["updated_at"] > item["updated_at"]


async def test_patch_changes_only_the_named_fields(any_client: httpx.AsyncClient) -> None:
    item = await create(any_client, description="green")
    response = await any_client.patch(f"/items/{item['id']}", json={"price_cents": 1})

    assert response.status_code == 200
    assert response.json() | {"name": "tea", "price_cents": 1, "description": "green"} == (
        response.json()
    )


async def test_patch_with_null_is_400(client: httpx.AsyncClient) -> None:
    item = await create(client)
    response = await client.patch(f"/items/{item['id']}", json={"name": None})

    assert response.status_code == 400


async def test_deleted_item_is_gone(any_client: httpx.AsyncClient) -> None:
    path = f"/items/{(await create(any_client))['id']}"
    await any_client.get(path)  # now it is cached

    assert (await any_client.delete(path)).status_code == 204
    assert (await any_client.get(path)).status_code == 404
    assert (await any_client.delete(path)).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_change_of_an_unknown_item_is_404(client: httpx.AsyncClient, method: str) -> None:
    body = None if method == "DELETE" else TEA
    response = await client.request(method, "/items/999999999", json=body)

    assert response.status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("stale", ['"0"', 'W/"1"', '"other"', '"99999999999999999999"', "1", ""])
async def test_stale_if_match_is_412_and_changes_nothing(
    client: httpx.AsyncClient, method: str, stale: str
) -> None:
    item = await create(client)
    body = None if method == "DELETE" else {"name": "new", "price_cents": 1}
    response = await client.request(
        method, f"/items/{item['id']}", json=body, headers={"if-match": stale}
    )

    assert response.status_code == 412
    assert (await client.get(f"/items/{item['id']}")).json() == item


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("sent", ["{etag}", '"7", {etag}', "*"])
async def test_matching_if_match_is_carried_out(
    client: httpx.AsyncClient, method: str, sent: str
) -> None:
    item = await create(client)
    etag = (await client.get(f"/items/{item['id']}")).headers["etag"]
    body = None if method == "DELETE" else {"name": "new", "price_cents": 1}
    response = await client.request(
        method, f"/items/{item['id']}", json=body, headers={"if-match": sent.format(etag=etag)}
    )

    assert response.is_success


async def test_one_of_several_changes_of_a_version_succeeds(any_client: httpx.AsyncClient) -> None:
    item = await create(any_client)
    headers = {"if-match": (await any_client.get(f"/items/{item['id']}")).headers["etag"]}
    answers = await asyncio.gather(
        *(
            any_client.patch(f"/items/{item['id']}", json={"price_cents": n}, headers=headers)
            for n in range(6)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5


async def test_writer_reads_its_own_write(any_client: httpx.AsyncClient) -> None:
    path = f"/items/{(await create(any_client))['id']}"
    for price in range(5):
        await any_client.get(path)
        await any_client.patch(path, json={"price_cents": price})
        assert (await any_client.get(path)).json()["price_cents"] == price


async def test_created_item_is_found_after_a_404(any_client: httpx.AsyncClient) -> None:
    following = (await create(any_client))["id"] + 1
    assert (await any_client.get(f"/items/{following}")).status_code == 404
    await create(any_client)
    assert (await any_client.get(f"/items/{following}")).status_code == 200


async def test_other_worker_sees_a_write(settings: Settings) -> None:
    shared = replace(with_empty_cache(settings), memory_cache_ttl=10 * HANG)
    async with serving(create_app(shared)) as one, serving(create_app(shared)) as other:
        path = f"/items/{(await create(one))['id']}"
        await one.get(path)
        await other.get(path)
        await one.patch(path, json={"price_cents": 1})

        async def seen() -> bool:
            return (await other.get(path)).json()["price_cents"] == 1

        await until(seen)


async def test_pages_come_from_the_replica(settings: Settings, empty_database_url: str) -> None:
    """An empty, migrated database stands in for a replica that is far behind."""
    behind = replace(settings, database_url=empty_database_url)
    assert (
        await asyncio.to_thread(alembic, environment_of(behind), "upgrade", "head")
    ).returncode == 0
    replicated = replace(with_empty_cache(settings), database_replica_url=empty_database_url)
    async with serving(create_app(replicated)) as client:
        item = await create(client)
        assert (await client.get("/items")).json() == {"items": [], "next": None}
        assert (await client.get(f"/items/{item['id']}")).json() == item


async def test_simultaneous_changes_of_different_fields_are_both_kept(
    any_client: httpx.AsyncClient,
) -> None:
    path = f"/items/{(await create(any_client))['id']}"
    for round in range(5):
        await asyncio.gather(
            any_client.patch(path, json={"price_cents": round}),
            any_client.patch(path, json={"description": f"round {round}"}),
            any_client.patch(path, json={"name": f"tea {round}"}),
        )
        item = (await any_client.get(path)).json()
        assert item["price_cents"] == round
        assert item["description"] == f"round {round}"
        assert item["name"] == f"tea {round}"


async def test_items_replaced_at_once_are_each_their_own(any_client: httpx.AsyncClient) -> None:
    items = [await create(any_client) for _ in range(30)]
    answers = await asyncio.gather(
        *(
            any_client.put(f"/items/{item['id']}", json={**TEA, "name": f"item {item['id']}"})
            for item in items
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 30
    for item, answer in zip(items, answers, strict=True):
        assert answer.json()["name"] == f"item {item['id']}"
        assert (await any_client.get(f"/items/{item['id']}")).json() == answer.json()


async def test_each_of_the_replaces_at_once_has_its_own_preconditions(
    client: httpx.AsyncClient,
) -> None:
    items = [await create(client) for _ in range(10)]
    tags = [(await client.get(f"/items/{item['id']}")).headers["etag"] for item in items]
    sent = [tag if n % 2 else '"0"' for n, tag in enumerate(tags)]
    paths = ["/items/999999999", *(f"/items/{item['id']}" for item in items)]
    answers = await asyncio.gather(
        *(
            client.put(path, json=TEA, headers={"if-match": tag})
            for path, tag in zip(paths, [tags[0], *sent], strict=True)
        )
    )
    assert [answer.status_code for answer in answers] == [404, *[412, 200] * 5]


async def test_writes_of_the_same_items_by_two_workers_are_all_carried_out_once(
    settings: Settings,
) -> None:
    """In opposite orders: statements that lock several rows must not wait for one another."""
    async with (
        serving(create_app(with_empty_cache(settings))) as one,
        serving(create_app(with_empty_cache(settings))) as other,
    ):
        paths = [f"/items/{(await create(one))['id']}" for _ in range(8)]

        async def write(client: httpx.AsyncClient, path: str, number: int) -> int:
            method = "PUT" if number % 2 else "PATCH"
            return (await client.request(method, path, json=TEA)).status_code

        orders = ((one, paths), (other, paths[::-1]), (one, paths[::-1]), (other, paths))
        statuses = await asyncio.gather(
            *(
                write(client, path, number)
                for number in range(10)
                for client, order in orders
                for path in order
            )
        )
        assert set(statuses) == {200}
        versions = [(await one.get(path)).json()["version"] for path in paths]
        assert versions == [1 + 10 * len(orders)] * len(paths)


async def test_locked_item_holds_up_no_other(client: httpx.AsyncClient, settings: Settings) -> None:
    locked, *others = [f"/items/{(await create(client))['id']}" for _ in range(20)]
    connection = await asyncpg.connect(settings.database_url)
    async with connection.transaction():
        await connection.execute(
            "SELECT FROM items WHERE id = $1 FOR UPDATE", int(locked.rpartition("/")[2])
        )
        waiting = asyncio.create_task(client.put(locked, json=TEA))
        answers = await asyncio.gather(*(client.put(path, json=TEA) for path in others))
        assert {answer.status_code for answer in answers} == {200}
        assert not waiting.done()
    assert (await waiting).status_code == 200
    await connection.close()


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_item_that_violates_a_constraint_fails_alone(
    client: httpx.AsyncClient, settings: Settings, method: str
) -> None:
    paths = [f"/items/{(await create(client))['id']}" for _ in range(10)]
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("ALTER TABLE items ADD CONSTRAINT own CHECK (name <> 'refused')")
    try:
        answers = await asyncio.gather(
            *(
                client.request(
                    method,
                    path if method == "PUT" else "/items",
                    json={**TEA, "name": "refused" if path == paths[5] else path},
                )
                for path in paths
            )
        )
    finally:
        await connection.execute("ALTER TABLE items DROP CONSTRAINT own")
        await connection.close()
    good = 200 if method == "PUT" else 201
    assert [answer.status_code for answer in answers] == [
        500 if path == paths[5] else good for path in paths
    ]
    assert [answer.json()["name"] for answer in answers if answer.is_success] == [
        path for path in paths if path != paths[5]
    ]


async def test_violated_constraint_is_not_taken_for_a_used_idempotency_key(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("CREATE UNIQUE INDEX own ON items (name) WHERE name = 'only one'")
    try:
        answers = [
            await client.post(
                "/items", json={**TEA, "name": "only one"}, headers={"idempotency-key": key}
            )
            for key in ("unique-1", "unique-2")
        ]
    finally:
        await connection.execute("DROP INDEX own")
        await connection.close()
    assert [answer.status_code for answer in answers] == [201, 500]
