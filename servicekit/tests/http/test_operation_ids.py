from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Controller, get
from litestar.exceptions import ImproperlyConfiguredException
from litestar.params import FromPath
from openapi_spec_validator import validate

from app.main import create_app
from app.settings import Settings
from servicekit.domain import Domain
from servicekit.parts import Parts
from servicekit.pipeline import service
from servicekit.testing.service import problem_of, serving, with_empty_cache


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(with_empty_cache(settings))) as client:
        yield client


class PaperbackController(Controller):
    path = "/books"

    @get("/{book_id:int}")
    async def get_book(self, book_id: FromPath[int]) -> int:
        return book_id


class MagazineController(Controller):
    path = "/magazines"

    @get(["/latest", "/{issue:int}"])
    async def get_magazine(self, issue: FromPath[int] = 0) -> int:
        return issue


class NamesakeController(Controller):
    path = "/novels"

    @get("/{book_id:int}")
    async def get_book(self, book_id: FromPath[int]) -> int:
        return book_id


class RenamedController(Controller):
    path = "/novels"

    @get("/{book_id:int}", operation_id="get_novel")
    async def get_book(self, book_id: FromPath[int]) -> int:
        return book_id


def test_two_operations_of_one_name_stop_the_start(settings: Settings) -> None:
    domains = [Domain(controller=PaperbackController), Domain(controller=NamesakeController)]
    with pytest.raises(ImproperlyConfiguredException) as stopped:
        service(Parts(settings), domains)
    for named in ("GET /books/{book_id}", "GET /novels/{book_id}", "get_book", "operation_id"):
        assert named in str(stopped.value)


@pytest.mark.parametrize(
    "controller, names",
    [
        (RenamedController, {"get_novel"}),
        (MagazineController, {"get_magazine_magazines_latest", "get_magazine_magazines_issue"}),
    ],
)
async def test_operations_with_a_name_each_are_in_the_document(
    settings: Settings, controller: type[Controller], names: set[str]
) -> None:
    app = service(
        Parts(settings), [Domain(controller=PaperbackController), Domain(controller=controller)]
    )
    async with serving(app) as client:
        document = (await client.get("/schema/openapi.json")).json()
    validate(document)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert names | {"get_book"} <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/schema/unknown", "/schema/unknown.html", "/schema/a/b"])
async def test_unknown_path_below_the_document_is_a_404_problem(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, path)
    assert response.status_code == 404
    assert problem_of(response)["status"] == 404
