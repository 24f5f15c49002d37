"""The pages say what the table says."""

import pytest

from harness import INFRA
from stackkit.alarms.catalogue import table
from stackkit.alarms.cost import alarm_cost
from stackkit.alarms.spec import AlarmSpec
from stackkit.tools.runbooks import context, pages

ROWS = {row.name: row for compute in ("fargate", "ec2") for row in table(context(compute))}


def test_the_pages_are_those_of_the_table() -> None:
    written = {file.name: file.read_text() for file in (INFRA / "runbooks").iterdir()}
    assert written == pages(), "the table has changed: write them anew with make runbooks"


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_page_says_what_is_wrong_from_when_on_and_what_to_do(row: AlarmSpec) -> None:
    page = pages()[f"{row.name}.md"]
    assert row.meaning in page
    assert row.limit.rationale in page
    assert len(row.steps) >= 2
    assert all(step in page for step in row.steps)
    assert all(metric.name in page for metric in row.metrics.values())


def test_a_row_is_nobodys_namesake() -> None:
    for compute in ("fargate", "ec2"):
        names = [row.name for row in table(context(compute))]
        assert len(set(names)) == len(names)


def test_a_metric_costs_as_often_as_an_alarm_reads_it() -> None:
    known = context("fargate")
    rows = {row.name: row for row in table(known)}
    # two nodes of the cache; three metrics in each of two windows
    assert alarm_cost([rows["cache-cpu"]], known).metrics == 2
    assert alarm_cost([rows["burn-fast"]], known).metrics == 6
    assert alarm_cost([rows["latency"]], known).dollars(0.1) == pytest.approx(0.1 + 2 * 0.5)
