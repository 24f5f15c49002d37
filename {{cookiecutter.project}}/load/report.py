"""What `make capacity` found: the plan's capacity.json, and a page."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stackkit.tools.page import Section, mark, page, table

from load.search import Knee

_PAGE = Path(__file__).parents[1] / "reports/capacity.html"
# of the page: a mark, then the figures of a LoadStep
_COLUMNS = (
    "", "requests/s", "in flight", "requests", "errors", "p50, ms", "p99, ms", "sent late, ms",
    "CPUs of the service", "CPUs of others",
)  # fmt: skip
_PACKAGES = ("granian", "litestar", "uvloop", "msgspec", "asyncpg", "redis", "aiohttp")
_MAX_SPREAD = 0.15  # of the median, between the searches
_MAX_FOREIGN = 0.1  # CPUs


def write(rate: Knee, held: Knee, p99_ms: int, file: Path) -> None:
    document = describe(rate, held, p99_ms)
    file.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
    noise = [f"Noisy: {sentence}." for sentence in document["noise"]]
    sections = []
    for figure, unit, details, knee in (
        ("requests_per_second", "requests/s", document["rate"], rate),
        ("in_flight", "requests in flight", document["held"], held),
    ):
        title = f"{document[figure]:,} {unit} with {details['cpu_percent']} % of one CPU"
        print(f"One worker sustains {title}.")
        sections.append(Section(title=title, body=table(_COLUMNS, list(_rows(knee)), _COLUMNS[1:])))
    intro = (
        f"p99 within {p99_ms} ms, measured {document['measured_at']}. Each row is a load of some"
        " seconds. The highest that held in each search is marked; their median is the capacity."
        f" {' '.join(noise)}"
    )
    _PAGE.parent.mkdir(exist_ok=True)
    _PAGE.write_text(page("Capacity of one worker", intro, sections))
    print(*noise, f"The plan reads {file}; the page is {_PAGE}.", sep="\n")


def describe(rate: Knee, held: Knee, p99_ms: int) -> dict[str, Any]:
    """The plan reads the first six and `noise`; the rest is for people."""
    cpuinfo = Path("/proc/cpuinfo").read_text().partition("model name")[2].partition("\n")[0]
    git = "git describe --always --dirty 2>/dev/null"
    return {
        "requests_per_second": int(rate.median("rate")),
        "in_flight": int(held.median("in_flight")),
        "vcpu_units": 1024,  # one worker on one CPU
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": {
            "processor": cpuinfo.strip("\t :") or platform.processor(),
            "architecture": platform.machine(),
            "cpus": len(os.sched_getaffinity(0)),
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in _PACKAGES},
        "build": os.environ.get("BUILD_ID") or subprocess.getoutput(git) or "unknown",
        "objective": {"p99_ms": p99_ms, "errors_percent": 0.1},
        "noise": [*_noise("requests/s", rate), *_noise("requests in flight", held)],
        "rate": _details(rate, "rate"),
        "held": _details(held, "in_flight"),
    }


def _rows(knee: Knee) -> Iterator[list[Any]]:
    for step in sorted(knee.steps, key=lambda step: step.rate):
        figures = ("never" if v is None else f"{v:,.6g}" for v in asdict(step).values())
        yield [mark("good", "held") if step in knee.found else "", *figures]


def _details(knee: Knee, figure: str) -> dict[str, Any]:
    return {
        "found": [round(value) for value in knee.all(figure)],
        "cpu_percent": round(100 * knee.median("service_cpus")),
        **{name: knee.median(name) for name in ("p50_ms", "p99_ms")},
        "steps": [asdict(step) for step in sorted(knee.steps, key=lambda step: step.rate)],
    }


def _noise(name: str, knee: Knee) -> Iterator[str]:
    """Why the figures may be wrong, one sentence each."""
    rates, foreign = knee.all("rate"), sorted(step.foreign_cpus for step in knee.steps)
    if (spread := (max(rates) - min(rates)) / knee.median("rate")) > _MAX_SPREAD:
        yield f"{name}: the searches differ by {spread:.0%}"
    if (usual := foreign[len(foreign) // 2]) > _MAX_FOREIGN:
        yield f"{name}: other programs had {usual:.1f} CPUs in half of the steps"
    if late := sum(step.is_late() for step in knee.steps):
        yield f"{name}: the generator was late in {late} of {len(knee.steps)} steps"
    if len(os.sched_getaffinity(0)) < 2:
        yield f"{name}: the generator had no CPU of its own"
