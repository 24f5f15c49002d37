"""Names that people and programs outside stackkit rely on: keys, outputs, alarms, metrics."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from harness import Registration, keys, run
from plans import planned
from stackkit.plan import plan
from stackkit.resources.service_metrics import EMITTED
from stackkit.settings import config

SNAPSHOT = json.loads(Path(__file__).with_name("public_names.json").read_text())
ALARMS = ("aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm")
STACKS = {
    f"{tier}-{compute}": (tier, compute)
    for tier, compute in product(("dev", "prod"), ("fargate", "ec2"))
}
# whatever adds an output or an alarm
OPTIONS = {"github_repository": "acme/shop", "database_replicas": "1", "backup_days": "7"}


def stack_keys() -> dict[str, list[Any]]:
    return {
        name: [
            key.metadata["kind"],
            list(key.default) if isinstance(key.default, tuple) else key.default,
        ]
        for name, key in config.KEYS.items()
    }


def measured(alarm: Registration) -> str:
    """Namespace and name of each metric, the expression, and the threshold."""
    inputs = alarm.inputs
    queries = inputs.get("metricQueries") or []
    metrics = [query["metric"] for query in queries if "metric" in query] or [inputs]
    names = " ".join(f"{m.get('namespace', '')}:{m.get('metricName', '')}" for m in metrics)
    expression = next((q["expression"] for q in queries if "expression" in q), "")
    return (
        f"{names} {expression} {inputs.get('comparisonOperator', '')} {inputs.get('threshold', '')}"
    )


def stack_names(tier: str, compute: str) -> dict[str, Any]:
    made = run(tier, keys(tier, compute) | OPTIONS)
    return {
        "outputs": sorted(made.outputs),
        "plan": sorted(made.outputs["plan"]),
        "alarms": {a.name: measured(a) for kind in ALARMS for a in made.all(kind)},
    }


def test_stack_keys_keep_name_type_and_default() -> None:
    assert stack_keys() == SNAPSHOT["keys"]


def test_metrics_of_the_service_keep_their_names() -> None:
    assert [metric.name for metric in EMITTED] == SNAPSHOT["metrics"]


def test_environment_of_the_service_keeps_its_names() -> None:
    assert sorted(plan.environment(planned())) == SNAPSHOT["environment"]


@pytest.mark.parametrize("stack", STACKS)
def test_outputs_and_alarms_keep_their_names(stack: str) -> None:
    assert stack_names(*STACKS[stack]) == SNAPSHOT["stacks"][stack]
