"""Runbooks of a stack hold that stack's alarms and numbers, and no other's."""

from pathlib import Path

import pytest

from plans import parse
from stackkit.alarms.catalogue import table
from stackkit.alarms.cost import alarm_cost
from stackkit.alarms.spec import AlarmSpec, beyond
from stackkit.plan import plan
from stackkit.tools import runbooks
from stackkit.tools.report.prices import read_prices


def planned(compute: str, **more: object) -> plan.Plan:
    values = {"domain": "api.example.com", "compute": compute, "database_replicas": 1} | more
    return plan.derive(parse("service", "prod", values))


SPECS = {
    f"{compute} {spec.name}": (compute, spec)
    for compute in ("fargate", "ec2")
    for spec in table(planned(compute))
}
PRICES = read_prices("us-east-1")
PAGES = {compute: runbooks.pages(planned(compute), PRICES) for compute in ("fargate", "ec2")}


@pytest.mark.parametrize(("compute", "spec"), SPECS.values(), ids=SPECS)
def test_runbook_names_the_fault_the_threshold_and_the_remedy(
    compute: str, spec: AlarmSpec
) -> None:
    page = PAGES[compute][f"{spec.name}.md"]
    assert spec.meaning in page
    assert spec.limit.rationale in page
    assert len(spec.steps) >= 2
    assert all(step in page for step in spec.steps)
    assert all(metric.name in page for metric in spec.metrics.values())


@pytest.mark.parametrize(
    ("compute", "other"),
    [("fargate", ("AutoScalingGroup", "AMI")), ("ec2", ("ECS", "Fargate"))],
)
def test_pages_name_only_the_compute_that_the_stack_uses(
    compute: str, other: tuple[str, ...]
) -> None:
    for name, page in PAGES[compute].items():
        assert [word for word in other if word in page] == [], name


def test_a_page_has_the_number_of_its_stack() -> None:
    for utilisation in (50, 80):
        known = planned("fargate", utilisation_percent=utilisation)
        cpu = next(spec for spec in table(known) if spec.name == "cpu")
        assert cpu.limit.value == (utilisation + 100) / 2
        assert f"Fires {beyond(cpu.limit)}" in runbooks.pages(known, PRICES)["cpu.md"]


def test_command_writes_the_pages_and_removes_those_of_former_alarms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config:\n  aws:region: eu-central-1\n  shop:domain: api.example.com\n")
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks/gone.md").write_text("")
    monkeypatch.chdir(tmp_path)
    assert runbooks.main(["--stack", "prod"]) == 0
    assert not (tmp_path / "runbooks/gone.md").exists()
    assert (tmp_path / "runbooks/README.md").read_text().startswith("# Runbooks of shop-prod\n")
    assert runbooks.main(["--stack", "qa"]) == 1
    assert "There is no Pulumi.qa.yaml" in capsys.readouterr().err


def test_names_are_unique_in_a_stack() -> None:
    for compute in ("fargate", "ec2"):
        names = [spec.name for spec in table(planned(compute))]
        assert len(set(names)) == len(names)


def test_a_metric_costs_as_often_as_an_alarm_reads_it() -> None:
    known = planned("fargate")
    specs = {spec.name: spec for spec in table(known)}
    # two nodes of the cache; three metrics in each of two windows
    assert alarm_cost([specs["cache-cpu"]], known.config).metrics == 2
    assert alarm_cost([specs["burn-fast"]], known.config).metrics == 6
    assert alarm_cost([specs["latency"]], known.config).dollars(0.1) == pytest.approx(0.1 + 2 * 0.5)
