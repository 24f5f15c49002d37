"""Metrics as a scraper gets them."""

from collections.abc import Callable, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from servicekit.tests.waiting import wait_until

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(port: int) -> Series:
    """Every sample by its name and labels."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    return series.get((name, frozenset(labels.items())), 0.0)


def total(series: Series, name: str, **labels: str) -> float:
    """The sum over all samples that have these labels, and perhaps others."""
    wanted = set(labels.items())
    return sum(number for (n, has), number in series.items() if n == name and wanted <= has)


def settled(port: int, holds: Callable[[Series], bool]) -> Series:
    """A scrape after `holds` was true of one: workers report their counts once a second."""
    scrapes: list[Series] = []

    def is_settled() -> bool:
        scrapes.append(scrape(port))
        return holds(scrapes[-1])

    wait_until(is_settled)
    return scrapes[-1]
