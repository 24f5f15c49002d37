"""The service exports each metric of infra/: an alarm on a metric that is missing never fires."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.testing.service import with_empty_cache
from servicekit.tests.scraping import settled, total
from servicekit.tests.served import server_process

# plain Python: what runs in infra/ is not installed here
METRICS = Path(__file__).parents[3] / "infra/stackkit/resources/service_metrics.py"
ASKED = runpy.run_path(str(METRICS))
SERVICE, GRANIAN = ASKED["ADMIN_PORT"], ASKED["GRANIAN_PORT"]
SAMPLE = re.compile(r"^(\w+)(?:{(.*)})? ", re.MULTILINE)


@pytest.fixture(scope="module")
def samples(settings: Settings) -> Iterator[dict[int, list[tuple[str, str]]]]:
    """Port → names and labels, as they are on the wire, after requests to each of the parts."""
    own = replace(
        with_empty_cache(settings), port=free_port(), admin_port=free_port(2), upstream_timeout=0.5
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRANIAN_METRICS_SCRAPE_INTERVAL", "1")
        with server_process(own):
            base = f"http://127.0.0.1:{own.port}"
            httpx.get(f"{base}/data/1")
            made = httpx.post(f"{base}/items", json={"name": "tea", "price_cents": 1})
            # it is in no cache
            httpx.get(base + made.headers["location"])
            settled(
                own.admin_port, lambda now: total(now, "cache_reads_total", layer="external") > 0
            )
            yield {SERVICE: scraped(own.admin_port), GRANIAN: scraped(own.admin_port + 1)}


def scraped(port: int) -> list[tuple[str, str]]:
    return SAMPLE.findall(httpx.get(f"http://127.0.0.1:{port}/metrics").text)


@pytest.mark.parametrize("emitted", ASKED["EMITTED"], ids=lambda emitted: emitted.name)
def test_each_watched_metric_is_exported(
    emitted: Any, samples: dict[int, list[tuple[str, str]]]
) -> None:
    # of a histogram its count
    named = {emitted.name, f"{emitted.name}_count"}
    found = [labels for name, labels in samples[emitted.port] if name in named]
    assert found
    assert all(f'{emitted.by}="' in labels for labels in found if emitted.by)


def test_metric_that_is_not_exported_is_found(samples: dict[int, list[tuple[str, str]]]) -> None:
    wrong = ASKED["Emitted"]("http_request_total")
    with pytest.raises(AssertionError):
        test_each_watched_metric_is_exported(wrong, samples)
