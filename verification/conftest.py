import pytest

from app.settings import Settings, load_settings


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Overrides anyio's own, so that fixtures of a session can be asynchronous."""
    return "asyncio"


@pytest.fixture(scope="session")
def settings(environment: dict[str, str]) -> Settings:
    return load_settings(environment)
