"""What `make capacity` finds, and what it says of itself."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from load import capacity_page, findings
from load.cpu import Shares
from load.findings import Findings
from load.knee import Knee, TooSlow, find
from load.step import Objective, Step
from load.trial import HELD, RATE, run
from servicekit.tests.report import needs_browser, seen

PROJECT = Path(__file__).parent.parent
OBJECTIVE = Objective(p99=0.1)
SHOWN = ["p50", "p95", "p99", "objective of p99", "requests/s", "in flight", "ms, logarithmic"]
QUIET = Shares(service=0.95, rest=0.5, foreign=0.01)


def step(rate: float, *, most: float, wait: float = 0.0, **different: Any) -> Step:
    """What a service does that holds `most` requests a second, and no more."""
    p99 = wait + (0.02 if rate <= most else 1.0)
    whole = Step(
        rate=rate,
        requests=1000,
        errors=0,
        p50=wait + 0.01,
        p95=p99,
        p99=p99,
        in_flight=rate * p99,
        cpus=QUIET,
        late=0.001,
    )
    return replace(whole, **different)


def search(take: Callable[[float], Step], wait: float = 0.0, **options: int) -> Knee:
    bounds = {"start": 500, "most": 32_000, "repeats": 3, "halvings": 5} | options
    return find(take, lambda taken: taken.meets(OBJECTIVE, wait), **bounds)


def found(**different: Any) -> Findings:
    rate = search(partial(step, most=5300, **different))
    held = search(partial(step, most=1900, wait=HELD.wait), HELD.wait)
    return Findings(rate=rate, held=held, objective=OBJECTIVE, cpus=2)


@pytest.mark.parametrize("most", [510, 3210, 15_999])
def test_the_knee_is_found_from_below(most: float) -> None:
    knee = search(partial(step, most=most)).middle("rate")
    assert knee <= most < knee * (1 + 2**-4)


def test_searches_that_differ_are_told_by_their_median_and_spread() -> None:
    limits = iter([4000] * 6 + [7900] * 5 + [4100] * 5 + [6000] * 5)
    knee = search(lambda rate: step(rate, most=next(limits)))
    assert knee.all("rate") == [7875, 4000, 6000]
    assert knee.middle("rate") == 6000
    assert knee.spread("rate") == pytest.approx(3875 / 6000)


@pytest.mark.parametrize("first", [[9000, 0], [0]])
def test_one_bad_moment_is_no_limit(first: list[float]) -> None:
    moments = iter([*first, *[9000] * 40])
    assert search(lambda rate: step(rate, most=next(moments))).middle("rate") > 8500


@pytest.mark.parametrize("different", [{"errors": 2}, {"late": 0.02}])
def test_wrong_answers_and_a_late_generator_break_the_objective(different: dict[str, Any]) -> None:
    with pytest.raises(TooSlow, match="Even 500 requests/s are too many"):
        search(partial(step, most=9000, **different))


def test_where_no_limit_was_found_none_is_claimed() -> None:
    knee = search(partial(step, most=10**6), most=4000)
    assert knee.all("rate") == [4000, 4000, 4000]
    assert "nothing" in replace(found(), rate=knee).limit(knee)


def test_the_limit_is_named() -> None:
    quiet, starved = found(), found(cpus=Shares(0.6, 0.5, 0.5))
    assert "the worker's CPU (95% of one)" in quiet.limit(quiet.rate)
    assert "beside the worker's (0.5 ours, 0.5 foreign)" in starved.limit(starved.rate)


def test_a_noisy_machine_is_said_to_be() -> None:
    assert found().noise() == []
    assert "other programs had 0.5 CPUs" in found(cpus=Shares(0.6, 0.5, 0.5)).noise()[0]
    assert "no CPU of its own" in replace(found(), cpus=1).noise()[0]


def test_the_file_is_what_the_plan_reads(tmp_path: Path) -> None:
    findings.write(found().document(), tmp_path / "capacity.json")
    code = (
        "from stackkit.plan.capacity import read_measurement\n"
        f"print(read_measurement(__import__('pathlib').Path({str(tmp_path)!r})))"
    )
    read = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT / "vendor", capture_output=True, text=True
    )
    assert "requests_per_second=5250, in_flight=" in read.stdout, read.stderr


async def test_a_real_worker_is_measured(settings: Settings, tmp_path: Path) -> None:
    urls = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    short = {"items": 20, "start": 100, "most": 100, "seconds": 0.8, "settling": 0.4}
    told: list[bool] = []
    for trial in (replace(RATE, **short), replace(HELD, **short, delay=0.3, wait=0.3)):
        knee = run(trial, tmp_path, urls, Objective(p99=2.0), 1, lambda _, fine: told.append(fine))
        [taken] = knee.found
        assert taken.errors == 0
        assert taken.p50 >= trial.wait
        assert taken.cpus.service > 0
    assert told == [True, True]


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_report_is_readable(tmp_path: Path, width: int, scheme: str) -> None:
    noisy = found(cpus=Shares(0.6, 0.5, 0.5))
    file = tmp_path / "capacity.html"
    file.write_text(capacity_page.report(noisy, noisy.document()))
    page = await seen(file, width, scheme)

    assert page.complaints == []
    assert page.width <= width
    assert [text for text in SHOWN if text not in page.drawn] == []
    assert "The machine was noisy" in page.text
    assert page.contrast >= 4.5
    assert page.smallest >= 11


def test_too_few_open_files_are_one_sentence() -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))"
    code = f"{limited}; from load.capacity import main; main()"
    outcome = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True
    )
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "the hard limit is 4,096" in outcome.stderr


def test_what_was_never_answered_is_no_number(tmp_path: Path) -> None:
    findings.write(found(p50=float("inf"), p95=float("inf")).document(), tmp_path / "capacity.json")
    [first, *_] = json.loads((tmp_path / "capacity.json").read_text())["rate"]["steps"]
    assert first["p50_ms"] is None
