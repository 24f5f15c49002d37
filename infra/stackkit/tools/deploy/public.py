"""What the service answers to the world."""

import http.client
import json
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.poll_policy import PUBLIC, RESTRICTED

# in a row: one could come from a task that is about to leave
ANSWERS = 3
TIMEOUT_S = 10
SILENT = "no answer"


def wait_until_ready(url: str, build: str) -> None:
    """Until /ready is answered by this build and no other; "" for any build."""
    wanted = f"ready, build {build}"
    ready, last = 0, ""
    for _ in PUBLIC.attempts():
        last = _ask(f"{url}/ready")
        ready = ready + 1 if last == wanted or (not build and last.startswith(wanted)) else 0
        if ready == ANSWERS:
            return
    raise DeployError(f"{url}/ready doesn't answer with {build or 'a build'}: {last}.")


def reachable(url: str) -> bool:
    """Anything answers, here where this runs."""
    return any(not _ask(f"{url}/ready").startswith(SILENT) for _ in RESTRICTED.attempts())


def _ask(url: str) -> str:
    try:
        with urlopen(url, timeout=TIMEOUT_S) as response:
            return _told(response.read())
    except HTTPError as error:
        return f"{error.code} {_told(error.read())}"
    except (URLError, OSError, http.client.HTTPException) as error:
        return f"{SILENT} ({error})"


def _told(body: bytes) -> str:
    try:
        answer = json.loads(body)
        return f"{answer['status']}, build {answer['build']}"
    except (ValueError, KeyError, TypeError):
        return "an answer of something else"
