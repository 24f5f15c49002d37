"""What `make plan` prints of costs, limits and other sizes."""

import json
from pathlib import Path

import pytest

from stackkit.tools.report import __main__ as report


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    for stack, region in (("prod", "eu-central-1"), ("brazil", "sa-east-1")):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(f"config:\n  aws:region: {region}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert report.main(list(arguments)) == 0
    shown = capsys.readouterr().out
    if "--json" not in arguments:
        assert max(len(line) for line in shown.splitlines()) <= 100
    return shown


def test_the_estimate_is_dated_and_shows_its_arithmetic(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, "--stack", "prod")
    words = " ".join(shown.split())
    assert (
        "Prices of eu-central-1 of 2026-10-02: on-demand prices, as public copies of AWS's" in words
    )
    assert "tasks 33 177 321" in words
    assert "1,094 5,870 10,646 321 x (1 vCPU x 0.03725 + 2 GB x 0.00409) x 730 h" in words
    assert "Left out: logs and metrics" in words
    assert "tasks with a zone lost 51,361 214 full tasks raise peak_in_flight" in words


def test_plan_begins_with_the_monthly_cost(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = printed(capsys, "--stack", "prod").partition("\nFrom these inputs")[0]
    words = " ".join(head.split())
    assert "fleet 33 to 321 tasks of 1 vCPU and 2 GB, 625,000 requests/s at the peak" in words
    assert "WAF is off and would add 542,035 (waf: true)" in words
    assert "limit tasks with a zone lost, from 51,361 requests in flight on" in words
    assert "db.r8g.2xlarge with a standby, no replicas cache" in words
    with_waf = printed(capsys, "--stack", "prod", "--set", "waf=true")
    assert "WAF is 88 % of it; without (waf: false) it is 73," in " ".join(with_waf.split())


def test_a_smaller_load_than_the_stacks_is_planned(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["--set", "base_in_flight=5000"]
    assert "minimum 3 tasks a tenth of the peak" in " ".join(
        printed(capsys, "--stack", "prod", "--concurrency", "1000").split()
    )
    assert report.main(["--stack", "prod", "--concurrency", "1000", *own]) == 1
    refusal = capsys.readouterr().err
    assert "base_in_flight: 5000 is above peak_in_flight (1000)" in refusal


def test_a_plan_at_prices_of_another_region_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, "--stack", "brazil")
    head, _, below = shown.partition("A month in US dollars, an estimate")
    assert "USD at the mean load, at prices of us-east-1. WAF" in " ".join(head.split())
    assert "None are known for sa-east-1: name a file" in " ".join(below.split())
    assert ", at prices of" not in printed(capsys, "--stack", "prod")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("none.json", "there is no such file of prices."), ("other.json", "it has no prices for")],
)
def test_a_file_of_prices_that_was_named_has_to_serve(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, sentence: str
) -> None:
    (folder / "other.json").write_text("{}")
    assert report.main(["--stack", "brazil", "--prices", str(folder / name)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"{folder / name}: {sentence}")
    assert shown.err.count("\n") == 1


def test_sizes_stand_beside_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, "--stack", "prod", "--compare")
    rows = [line.split() for line in shown.splitlines()]
    one = next(row for row in rows if row[:2] == ["ec2", "c8g.xlarge"])
    assert one[2:4] == ["9..81", "7"]
    assert one[-6:] == ["tasks", "with", "a", "zone", "lost", "51,841"]
    refused = "fargate 0.5 vCPU, 1 GB alb_target_quota: a deployment registers 1284 targets"
    assert refused in " ".join(shown.split())


def test_a_stacks_own_figures_hold_for_other_sizes_in_proportion(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["--set", "task_requests_per_second=6000", "--set", "task_in_flight=4000"]
    shown = printed(capsys, "--stack", "prod", "--compare", *own)
    assert "fargate 2 vCPU, 4 GB 9..81" in " ".join(shown.split())


def test_programs_read_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read = json.loads(printed(capsys, "--stack", "prod", "--json", "--compare"))
    assert read["numbers"]["fleet.maximum"]["value"] == 321
    peak = read["cost"]["months"]["peak"]
    assert peak["usd"] == pytest.approx(sum(line["usd"] for line in peak["lines"]), abs=0.01)
    assert read["bottlenecks"][1]["subject"] == "tasks with a zone lost"
    assert [one["name"] for one in read["compared"] if one["refused"]] == ["fargate 0.5 vCPU, 1 GB"]


def test_plan_warns_of_a_doubtful_measurement(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sustained = '{"requests_per_second": 2000, "in_flight": 3000, "vcpu_units": 1024,'
    (folder / "capacity.json").write_text(f'{sustained} "measured_at": "2020-01-31"}}')
    shown = " ".join(printed(capsys, "--stack", "prod").split())
    assert "Warning: capacity.json: it was measured 2" in shown
    assert "Warning: capacity.json: it doesn't say which machine and versions" in shown


def test_a_million_requests_cost_what_a_task_at_its_capacity_costs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = " ".join(printed(capsys, "--stack", "prod").split())
    hour = 0.03725 + 2 * 0.00409  # dollars of 1 vCPU and 2 GB
    own = hour / (3000 * 3600) * 1e6
    assert f"this service {own:.4f} 3,000 requests/s of a task, assumed until measured" in words
    given = "task_requests_per_second=6000"
    faster = json.loads(printed(capsys, "--stack", "prod", "--json", "--set", given))
    costs = faster["cost"]["million_requests"]
    assert costs.pop("this service") == pytest.approx(own / 2)
    assert len(costs) == 3
    assert all(f"{name} {usd * 2:.4f}" in words for name, usd in costs.items())
