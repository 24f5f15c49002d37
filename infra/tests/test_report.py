from pathlib import Path

import pytest

from stackkit.tools.report import __main__ as report


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n"
        "  aws:region: eu-central-1\n"
        "  shop:upstream_url: https://upstream.example.com\n"
        "  shop:peak_in_flight: 20000\n"
        "  shop:cache_password:\n"
        "    secure: v1:abc\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_stacks_plan_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--stack", "prod"]) == 0
    printed = capsys.readouterr().out
    assert "shop-prod: prod, fargate" in printed
    assert "250,000 requests/s         Little's law: 20,000 in flight / 80 ms" in printed
    assert "assumed until measured" in printed
    assert "MAX_IN_FLIGHT=4000" in printed
    assert "ask AWS to raise: a new account's quota" in printed
    assert max(len(line) for line in printed.splitlines()) <= 100


def test_missing_keys_are_listed_below_the_plan(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.main(["--stack", "prod"])
    below = capsys.readouterr().out.partition("Still to set before `pulumi up`")[2]
    assert below.strip().startswith("domain: production without one")


def test_given_values_take_the_place_of_the_stacks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.main(["--stack", "prod", "--concurrency", "30000", "--latency-ms", "100"])
    assert "Little's law: 30,000 in flight / 100 ms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--concurrency", "500k"], "peak_in_flight: '500k' is not a whole number."),
        (["--set", "speed=9"], "speed: no such key; Pulumi.yaml lists those that there are."),
    ],
)
def test_a_refusal_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert report.main(arguments) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"{sentence}\n")


def test_an_unknown_stack_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--stack", "qa"]) == 1
    sentence = (
        f"There is no Pulumi.qa.yaml in {folder}, which has prod:"
        " copy a stack's file and change it.\n"
    )
    assert capsys.readouterr().err == sentence


def test_the_load_tests_finding_replaces_the_assumption(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "capacity.json").write_text(
        '{"requests_per_second": 2000, "in_flight": 3000, "vcpu_units": 1024,'
        ' "measured_at": "2026-01-31"}'
    )
    report.main(["--stack", "prod", "--set", "task_cpu=2048", "--set", "task_memory_mib=4096"])
    printed = capsys.readouterr().out
    assert "a task sustains              4,000 requests/s         measured 2026-01-31" in printed
    assert "MAX_IN_FLIGHT=3000" in printed


def test_a_stacks_own_figures_come_before_the_measured_ones(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.main(["--set", "task_requests_per_second=5000"])
    origin = "set in the stack in part, the rest assumed until measured"
    printed = " ".join(capsys.readouterr().out.split())
    assert f"a task sustains 5,000 requests/s {origin}" in printed


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"requests_per_second": 2000}',
        '{"requests_per_second": 0, "in_flight": 1, "vcpu_units": 1, "measured_at": ""}',
        '{"requests_per_second": "many", "in_flight": 1, "vcpu_units": 1, "measured_at": ""}',
    ],
)
def test_a_finding_that_no_load_test_writes_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (folder / "capacity.json").write_text(content)
    assert report.main([]) == 1
    assert capsys.readouterr().err == (
        "capacity.json: it is not what the load test writes (requests_per_second, in_flight,"
        " vcpu_units, measured_at); run it again, or remove the file to plan with assumptions.\n"
    )
