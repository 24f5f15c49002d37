import signal

import pytest

from app.settings import Settings, load_settings

# A shell's background job ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Overrides anyio's own, so that fixtures of a session can be asynchronous."""
    return "asyncio"


@pytest.fixture(scope="session")
def settings(environment: dict[str, str]) -> Settings:
    return load_settings(environment)
