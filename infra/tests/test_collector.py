"""The collector's configuration, as far as it can be held against something without AWS."""

import ast
import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from adot import COMPONENTS
from cloud import DIGEST, REGISTRY
from harness import IMAGE, INFRA, Run, keys, run, stack
from stackkit.plan.server import COLLECTOR_MIB
from stackkit.resources.service_metrics import ADMIN_PORT, EMITTED, NAMESPACE, SERVICE
from test_instance import content

SERVICEKIT = INFRA.parent / "servicekit"

HEADERS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:otlp-AbCdEf"
ELSEWHERE = {"otlp_endpoint": "https://otlp.example.com/otlp", "otlp_headers": HEADERS}


def containers(made: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """The service's and the collector's."""
    service, collector = json.loads(made.service_task().inputs["containerDefinitions"])
    return service, collector


def configuration(made: Run) -> dict[str, Any]:
    [variable] = containers(made)[1]["environment"]
    assert variable["name"] == "AOT_CONFIG_CONTENT"
    return json.loads(variable["value"])


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {pair["name"]: pair["value"] for pair in container["environment"]}


@pytest.mark.parametrize("own", [{}, ELSEWHERE, {"otlp_endpoint": "https://otlp.datadoghq.com"}])
def test_the_image_has_every_component_and_each_is_used(own: dict[str, str]) -> None:
    found = configuration(run("prod", keys("prod") | own))
    for kind, known in COMPONENTS.items():
        assert set(found[kind]) <= known
    used = found["service"]
    assert set(used["extensions"]) == set(found["extensions"])
    for kind in ("receivers", "processors", "exporters"):
        steps = {step for pipeline in used["pipelines"].values() for step in pipeline[kind]}
        assert steps == set(found[kind])
    for pipeline in used["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "batch"


def test_it_asks_the_service_and_granian_where_they_answer() -> None:
    made = stack("prod")
    told = variables(containers(made)[0])
    scraped = configuration(made)["receivers"]["prometheus"]["config"]["scrape_configs"]
    targets = [job["static_configs"][0]["targets"] for job in scraped]
    assert targets == [[f"127.0.0.1:{int(told['ADMIN_PORT']) + above}"] for above in (0, 1)]
    assert int(told["ADMIN_PORT"]) == ADMIN_PORT == default("admin_port")
    # Granian's is the one above it
    assert "str(settings.admin_port + 1)" in (SERVICEKIT / "server/launch.py").read_text()
    listens = configuration(made)["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://{listens}"


def default(name: str) -> object:
    """Of one of the service's settings, which isn't installed here."""
    tree = ast.parse((SERVICEKIT / "settings.py").read_text())
    [value] = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name
    ]
    assert value is not None
    return ast.literal_eval(value)


def test_metrics_are_totals_of_a_task_before_they_are_differences() -> None:
    found = configuration(stack("prod"))
    steps = found["service"]["pipelines"]["metrics"]["processors"]
    assert steps == ["memory_limiter", "metricstransform", "cumulativetodelta", "batch"]
    transforms = found["processors"]["metricstransform"]["transforms"]
    kept = {each["include"]: each["operations"][0] for each in transforms}
    assert set(kept) == {each.name for each in EMITTED}
    assert kept["cache_reads_total"]["label_set"] == [SERVICE, "layer"]
    assert kept["event_loop_lag_seconds"]["aggregation_type"] == "max"


def test_a_metric_has_no_dimension_that_could_grow() -> None:
    exporter = configuration(stack("prod"))["exporters"]["awsemf"]
    declared: dict[str, list[list[str]]] = {}
    for each in exporter["metric_declarations"]:
        for selector in each["metric_name_selectors"]:
            declared.setdefault(selector.removeprefix("^").removesuffix("$$"), each["dimensions"])
    assert (exporter["namespace"], exporter["dimension_rollup_option"]) == (
        NAMESPACE,
        "NoDimensionRollup",
    )
    labels = {label for sets in declared.values() for each in sets for label in each}
    assert labels == {SERVICE, "layer", "outcome"}
    assert set(declared) == {each.name for each in EMITTED}
    assert declared["http_requests_total"] == [[SERVICE]]


def test_it_scrapes_no_more_than_it_sends() -> None:
    scraped = configuration(stack("prod"))["receivers"]["prometheus"]["config"]["scrape_configs"]
    [keep] = scraped[0]["metric_relabel_configs"]
    # Prometheus anchors the expression
    assert re.fullmatch(keep["regex"], "http_request_duration_seconds_bucket")
    assert not re.fullmatch(keep["regex"], "process_open_fds")
    assert not re.fullmatch(keep["regex"], "granian_connections_active")
    assert [job["static_configs"][0]["labels"] for job in scraped] == [{SERVICE: "shop-prod"}] * 2


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_task_outlives_it_and_gives_it_a_bounded_share(tier: str) -> None:
    made = stack(tier)
    service, collector = containers(made)
    task = made.service_task().inputs
    assert (service["essential"], collector["essential"]) == (True, False)
    assert "dependsOn" not in service
    assert collector["restartPolicy"]["enabled"] is True
    assert service["cpu"] + collector["cpu"] == int(task["cpu"])
    assert collector["cpu"] == 32
    assert collector["memory"] == COLLECTOR_MIB < int(task["memory"]) // 3
    limiter = configuration(made)["processors"]["memory_limiter"]
    assert limiter["limit_mib"] < COLLECTOR_MIB
    assert collector["readonlyRootFilesystem"] is True
    assert collector["user"] == "4317"
    # no pull of a public registry stands between a task and its start
    assert collector["image"] == f"{REGISTRY}/shop-{tier}-0123456@{DIGEST}"


@pytest.mark.parametrize("given", ["", IMAGE])
def test_the_collector_is_copied_into_the_stacks_repository_and_stays(given: str) -> None:
    made = run("dev", keys("dev") | {"image": given})
    copy = made.one("docker-build:index:Image", "shop-dev-collector")
    source = Path(copy.inputs["context"]["location"], "Dockerfile").read_text()
    first, _ = made.one("awsx:ecr:Repository").inputs["lifecyclePolicy"]["rules"]
    assert re.search(r"^FROM public\.ecr\.aws/\S+/aws-otel-collector:v\d+\.\d+\.\d+$", source, re.M)
    [tag] = copy.inputs["tags"]
    assert tag == f"{REGISTRY}/shop-dev-0123456:collector.arm64"
    assert first["tagPrefixList"] == ["collector."]


def test_an_endpoint_takes_the_place_of_cloudwatch() -> None:
    made = run("prod", keys("prod") | ELSEWHERE)
    found = configuration(made)
    assert found["exporters"] == {
        "otlp_http": {
            "endpoint": "https://otlp.example.com/otlp",
            "headers": "${env:OTLP_HEADERS}",
        }
    }
    assert containers(made)[1]["secrets"] == [{"name": "OTLP_HEADERS", "valueFrom": HEADERS}]
    execution = made.one("aws:iam/rolePolicy:RolePolicy", "shop-prod-execution").inputs["policy"]
    assert HEADERS in execution
    # neither a role's permission, nor a group, nor an alarm without a metric is left
    assert "shop-prod-task" not in made.names("aws:iam/rolePolicy:RolePolicy")
    assert "shop-prod-metrics" not in made.names("aws:cloudwatch/logGroup:LogGroup")
    alarms = made.names("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert "shop-prod-shed" not in alarms
    assert "shop-prod-errors" in alarms
    assert any("The service's own alarms are not made" in line for line in made.outputs["warnings"])


def test_collector_sends_differences_where_totals_are_not_accepted() -> None:
    def steps(endpoint: str) -> list[str]:
        made = run("prod", keys("prod") | {"otlp_endpoint": endpoint})
        return configuration(made)["service"]["pipelines"]["metrics"]["processors"]

    assert "cumulativetodelta" in steps("https://otlp.datadoghq.eu/api/v2")
    assert "cumulativetodelta" not in steps("https://otlp-gateway-prod-eu-west-0.grafana.net/otlp")


def test_an_instance_gets_the_same_configuration() -> None:
    made = stack("prod", "ec2")
    template = made.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    written = written_files(template["userData"])
    name, _, value = written["/etc/app/collector"].strip().partition("=")
    assert name == "AOT_CONFIG_CONTENT"
    assert json.loads(value) == configuration(stack("prod"))


def test_requests_in_flight_are_sent_each_ten_seconds_where_a_policy_follows_them() -> None:
    made = run("prod", keys("prod", "ec2") | {"scaling_policies": '["cpu", "in_flight"]'})
    template = made.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    value = written_files(template["userData"])["/etc/app/collector"].strip().partition("=")[2]
    found, usual = json.loads(value), configuration(stack("prod"))
    jobs = found["receivers"]["prometheus"]["config"]["scrape_configs"]
    assert jobs[:-1] == usual["receivers"]["prometheus"]["config"]["scrape_configs"]
    assert jobs[-1]["scrape_interval"] == "10s"
    [keep] = jobs[-1]["metric_relabel_configs"]
    assert re.fullmatch(keep["regex"], "http_requests_in_flight")
    assert not re.fullmatch(keep["regex"], "http_requests_total")
    # what awsemf reads as the resolution of CloudWatch's metric, in seconds
    operations = {
        each["include"]: each["operations"][1:]
        for each in found["processors"]["metricstransform"]["transforms"]
    }
    resolution = {"new_label": "aws.emf.storage_resolution", "new_value": "1"}
    assert operations.pop("http_requests_in_flight") == [{"action": "add_label"} | resolution]
    assert not any(operations.values())
    assert {**found, "receivers": 0, "processors": 0} == {**usual, "receivers": 0, "processors": 0}


def written_files(user_data: str) -> dict[str, str]:
    config = json.loads(base64.b64decode(user_data).decode().partition("\n")[2])
    return {file["path"]: content(file) for file in config["write_files"]}
