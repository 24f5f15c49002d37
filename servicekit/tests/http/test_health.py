import httpx
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.testing.service import serving


async def test_health_answers_with_nothing_behind_it(settings: Settings) -> None:
    dead = replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    async with serving(create_app(dead)) as client:
        response = await client.get("/health")
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_ready_names_the_build_and_each_dependency(settings: Settings) -> None:
    async with serving(create_app(replace(settings, build_id="b42"))) as client:
        response = await client.get("/ready")
        assert response.status_code == 200
        assert response.json() == {
            "status": "ready",
            "build": "b42",
            "database": "ok",
            "cache": "ok",
        }


async def test_not_ready_without_the_cache(settings: Settings) -> None:
    dead = replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    async with serving(create_app(dead)) as client:
        response = await client.get("/ready")
        assert response.status_code == 503
        assert response.json()["cache"] == "unavailable"
        assert response.json()["database"] == "ok"


async def test_schema_is_openapi_of_every_route(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    assert {(method, path) for path, item in document["paths"].items() for method in item} == {
        ("get", "/health"),
        ("get", "/ready"),
        ("get", "/items"),
        ("post", "/items"),
        ("get", "/items/{item_id}"),
        ("put", "/items/{item_id}"),
        ("patch", "/items/{item_id}"),
        ("delete", "/items/{item_id}"),
        ("get", "/data/{data_id}"),
    }


async def test_schema_is_404_in_production_unless_it_is_exposed(settings: Settings) -> None:
    production = replace(settings, environment="production")
    async with serving(create_app(production)) as client:
        assert (await client.get("/schema")).status_code == 404
    async with serving(create_app(replace(production, expose_schema=True))) as client:
        assert (await client.get("/schema")).status_code == 200
