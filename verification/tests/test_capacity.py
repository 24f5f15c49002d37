"""What `make capacity` finds, and what the plan reads of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from load import report
from load.capacity import HELD, RATE, measure
from load.search import Knee, LoadStep, TooSlow, find_knee
from servicekit.dev.servers import migrated_stores
from verification import PROJECT, TEMPLATE


def step(rate: float, *, most: float, wait_ms: float = 0.0, **different: Any) -> LoadStep:
    """What a service does that sustains `most` requests a second, and no more."""
    p99 = wait_ms + (20 if rate <= most else 1000)
    whole = LoadStep(
        rate=rate,
        in_flight=rate * p99 / 1000,
        requests=1000,
        errors=0,
        p50_ms=wait_ms + 10,
        p99_ms=p99,
        late_ms=1.0,
        service_cpus=0.95,
        foreign_cpus=0.01,
    )
    return replace(whole, **different)


def search(
    take: Callable[[float], LoadStep], wait_ms: float = 0.0, highest: float = 32_000
) -> Knee:
    return find_knee(take, lambda step: step.passes(wait_ms + 100), (500, highest), repeats=3)


def describe(**different: Any) -> dict[str, Any]:
    rate = search(partial(step, most=5300, **different))
    held = search(partial(step, most=1900, wait_ms=2000), 2000)
    return report.describe(rate, held, 100)


@pytest.mark.parametrize("most", [510, 3210, 15_999])
def test_knee_is_found_from_below(most: float) -> None:
    knee = search(partial(step, most=most)).median("rate")
    assert knee <= most < knee * (1 + 2**-3)


def test_searches_that_differ_give_their_median_and_a_note() -> None:
    limits = iter([4000] * 6 + [7900] * 4 + [4100] * 4 + [6000] * 4)
    knee = search(lambda rate: step(rate, most=next(limits)))
    assert knee.all("rate") == [7750, 4000, 6000]
    assert knee.median("rate") == 6000
    assert "the searches differ by 62%" in report.describe(knee, knee, 100)["noise"][0]


@pytest.mark.parametrize("first", [[9000, 0], [0]])
def test_one_failed_step_is_no_limit(first: list[float]) -> None:
    limits = iter([*first, *[9000] * 40])
    assert search(lambda rate: step(rate, most=next(limits))).median("rate") > 8500


@pytest.mark.parametrize("different", [{"errors": 2}, {"late_ms": 20.0}, {"p99_ms": None}])
def test_errors_and_a_late_generator_break_the_objective(different: dict[str, Any]) -> None:
    with pytest.raises(TooSlow, match="Even 500 requests/s are too many"):
        search(partial(step, most=9000, **different))


def test_search_without_a_limit_ends_at_the_highest_rate() -> None:
    assert search(partial(step, most=10**6), highest=4000).all("rate") == [4000, 4000, 4000]


def test_noise_is_named() -> None:
    assert not [noise for noise in describe()["noise"] if "CPU of its own" not in noise]
    assert "other programs had 0.5 CPUs" in describe(foreign_cpus=0.5)["noise"][0]


def test_plan_reads_the_file(tmp_path: Path) -> None:
    (tmp_path / "capacity.json").write_text(json.dumps(describe(), allow_nan=False))
    code = (
        "from pathlib import Path; from stackkit.plan.capacity import read_measurement;"
        f" print(read_measurement(Path({str(tmp_path)!r})))"
    )
    read = subprocess.run(
        [sys.executable, "-c", code], cwd=TEMPLATE / "infra", capture_output=True, text=True
    )
    assert "requests_per_second=5250, in_flight=" in read.stdout, read.stderr


def test_steps_without_a_response_have_no_number() -> None:
    def take(rate: float) -> LoadStep:
        taken = step(rate, most=5300)
        return taken if rate <= 5300 else replace(taken, p50_ms=None, p99_ms=None)

    knee = search(take)
    steps = report.describe(knee, knee, 100)["rate"]["steps"]
    assert {s["p99_ms"] for s in steps if s["rate"] > 5300} == {None}


def test_page_and_file_have_each_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_PAGE", tmp_path / "capacity.html")
    rate = search(partial(step, most=5300))
    report.write(rate, rate, 100, tmp_path / "capacity.json")
    page = (tmp_path / "capacity.html").read_text()
    assert page.count("<tr>") == 2 * (len(rate.steps) + 1)
    assert json.loads((tmp_path / "capacity.json").read_text())["requests_per_second"] == 5250


@pytest.mark.extra("measures a real worker")
@pytest.mark.parametrize("scenario", [RATE, HELD], ids=["workload", "waiting"])
def test_real_worker_is_measured(scenario: Any, tmp_path: Path) -> None:
    wait = 0.3 if scenario.wait else 0.0
    short = replace(scenario, wait=wait, rates=(100, 100), seconds=1.5, warm_up=0.5)
    with migrated_stores(tmp_path, PROJECT) as urls:
        knee = measure(short, tmp_path, urls, p99_ms=60_000, repeats=1)
    [taken] = knee.found
    assert taken.errors == 0
    assert taken.p50_ms is not None
    assert taken.p50_ms >= wait * 1000
    assert taken.service_cpus > 0


@pytest.mark.extra("starts the whole service and its stores")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_capacity_that_is_stopped_ends_all_that_it_started(
    tmp_path: Path, stop: signal.Signals
) -> None:
    command = [sys.executable, "-m", "load.capacity", "--file", str(tmp_path / "capacity.json")]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL) as capacity:
        while len(started := psutil.Process(capacity.pid).children(recursive=True)) < 2:
            os.sched_yield()
        capacity.send_signal(stop)
    assert capacity.returncode == 1
    assert psutil.wait_procs(started, timeout=2)[1] == []


def test_too_few_open_files_are_one_sentence() -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))"
    code = f"{limited}; from load.capacity import main; main()"
    outcome = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True
    )
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "the hard limit is 4,096" in outcome.stderr
