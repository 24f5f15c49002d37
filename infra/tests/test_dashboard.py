"""The dashboard is JSON that CloudWatch reads, and shows all that is watched."""

import json
import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest

from editing import edited
from harness import Run, stack
from watched import ALARM, KNOWN, metrics, names

DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
STACKS = [(tier, compute) for tier in ("dev", "prod") for compute in ("fargate", "ec2")]
Key = tuple[str, str, frozenset[tuple[str, str]], str]


def widgets(made: Run) -> list[dict[str, Any]]:
    return json.loads(made.one(DASHBOARD).inputs["dashboardBody"])["widgets"]


def graphs(made: Run) -> list[dict[str, Any]]:
    return [widget["properties"] for widget in widgets(made) if widget["type"] == "metric"]


def shown(made: Run) -> set[Key]:
    """Namespace, metric, dimensions and statistic of every line."""
    lines = [line for graph in graphs(made) for line in graph["metrics"] if len(line) > 1]
    return {key(line[0], line[1], pairs(line[2:-1]), line[-1]["stat"]) for line in lines}


def pairs(line: list[str]) -> dict[str, str]:
    return dict(zip(line[::2], line[1::2], strict=True))


def key(namespace: str, name: str, by: Mapping[str, str], statistic: str) -> Key:
    return namespace, name, frozenset(by.items()), statistic


def unshown(made: Run) -> list[str]:
    """Alarms with a metric that no graph has."""
    found, missing = shown(made), []
    for alarm in made.all(ALARM):
        for metric in metrics(alarm):
            stat = metric.get("stat") or metric.get("statistic") or metric["extendedStatistic"]
            own = key(metric["namespace"], metric["metricName"], metric["dimensions"], stat)
            if own not in found:
                missing.append(f"{alarm.name}: {metric['metricName']}")
    return missing


@pytest.mark.parametrize(("tier", "compute"), STACKS)
def test_it_shows_each_metric_of_the_table_and_none_that_is_not_there(
    tier: str, compute: str
) -> None:
    made = stack(tier, compute)
    known = {**names(made), "layer": {"memory", "cache", "external", "stale", "missing"}}
    assert unshown(made) == []
    for namespace, name, by, _ in shown(made):
        dimensions = dict(by)
        assert frozenset(dimensions) in KNOWN[namespace][name]
        assert [value for d, value in dimensions.items() if value not in known[d]] == []
    assert made.outputs["dashboard"] == f"shop-{tier}"


def test_a_metric_that_is_left_out_is_found() -> None:
    def without(body: str) -> str:
        read = json.loads(body)
        kept = [w for w in read["widgets"] if "NAT" not in w["properties"].get("title", "")]
        return json.dumps({"widgets": kept})

    edit = edited(stack("prod"), DASHBOARD, "shop-prod", {"dashboardBody": without})
    assert unshown(Run(edit)) == ["shop-prod-nat-ports: ErrorPortAllocation"] * 3


@pytest.mark.parametrize(("tier", "compute"), STACKS)
def test_no_widget_lies_upon_another_or_beside_the_grid(tier: str, compute: str) -> None:
    def cells(widget: dict[str, Any]) -> set[tuple[int, int]]:
        across = range(widget["x"], widget["x"] + widget["width"])
        return {(x, y) for x in across for y in range(widget["y"], widget["y"] + widget["height"])}

    resource_names = [cells(widget) for widget in widgets(stack(tier, compute))]
    assert all(not one & other for one, other in combinations(resource_names, 2))
    assert {x for place in resource_names for x, _ in place} == set(range(24))


def test_the_golden_signals_are_on_top_and_a_tier_follows_the_other() -> None:
    found = sorted(widgets(stack("prod")), key=lambda widget: (widget["y"], widget["x"]))
    titles = [w["properties"].get("title") for w in found[1:6]]
    assert titles == [
        "Traffic",
        "Each target has more requests than it sustains",
        "The service answers with errors",
        "Responses are slow",
        "The fleet's processors are busy",
    ]
    headings = [w["properties"]["markdown"] for w in found if w["type"] == "text"]
    tiers = [heading.removeprefix("## ").partition(" ·")[0] for heading in headings]
    assert tiers[1:] == [
        "Edge",
        "Objective",
        "Service",
        "Compute",
        "Database",
        "Cache",
        "Network",
        "Inside",
    ]


def test_graphs_show_the_limits_of_the_plan() -> None:
    made = stack("prod")
    limits = {
        line["label"].partition(":")[0]: line["value"]
        for graph in graphs(made)
        for line in graph["annotations"]["horizontal"]
    }
    for alarm in made.all(ALARM):
        name = alarm.name.removeprefix("shop-prod-").removesuffix("-short")
        assert limits[name] == alarm.inputs["threshold"]
    # 625,000 requests a second
    assert limits["the plan's peak"] == 625_000 * 60


def test_ids_and_expressions_are_such_as_cloudwatch_takes() -> None:
    for graph in graphs(stack("prod", "ec2")):
        options = [line[-1] for line in graph["metrics"]]
        ids = [option["id"] for option in options]
        assert len(set(ids)) == len(ids)
        assert all(id[0].islower() for id in ids)
        for option in options:
            # functions are in capitals
            assert set(re.findall(r"\b[a-z]\w*", option.get("expression", ""))) <= set(ids)
