"""What was found, as the file that the infrastructure's plan reads."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from load.knee import Knee
from load.processes import PROJECT
from load.step import LATE, Objective, Step
from load.trial import HELD, RATE, Trial

FILE = PROJECT / "infra/capacity.json"
_VCPU_UNITS = 1024  # one worker on one CPU
_PACKAGES = ("granian", "litestar", "uvloop", "msgspec", "asyncpg", "redis", "aiohttp")
_SPREAD = 0.15  # of the median, between the searches
_FOREIGN = 0.1  # CPUs
_BUSY = 0.9  # of a CPU: no more can be had of it


@dataclass(frozen=True, kw_only=True)
class Findings:
    rate: Knee
    held: Knee
    objective: Objective
    cpus: int

    def noise(self) -> list[str]:
        """Why the figures may be wrong, one sentence each."""
        return [*self._of("requests/s", self.rate), *self._of("requests in flight", self.held)]

    def limit(self, knee: Knee) -> str:
        """What kept the rate from being higher."""
        if all(step.meets(self.objective, self.trial_of(knee).wait) for step in knee.steps):
            return "nothing up to the highest rate that was tried"
        over = [step for step in knee.steps if step.rate > knee.middle("rate")]
        service, rest, foreign = (
            max(getattr(step.cpus, who) for step in over) for who in ("service", "rest", "foreign")
        )
        if service >= _BUSY:
            return f"the worker's CPU ({service:.0%} of one)"
        if rest + foreign >= _BUSY * max(1, self.cpus - 1):
            return f"the CPUs beside the worker's ({rest:.1f} ours, {foreign:.1f} foreign)"
        return f"neither CPU (the worker had {service:.0%} of one)"

    def trial_of(self, knee: Knee) -> Trial:
        return RATE if knee is self.rate else HELD

    def _of(self, what: str, knee: Knee) -> Iterator[str]:
        if (spread := knee.spread("rate")) > _SPREAD:
            yield f"{what}: the searches differ by {spread:.0%}"
        foreign = median(step.cpus.foreign for step in knee.steps)
        if foreign > _FOREIGN:
            yield f"{what}: other programs had {foreign:.1f} CPUs in half of the steps"
        if late := sum(step.late > LATE for step in knee.steps):
            yield f"{what}: the generator itself was late in {late} of {len(knee.steps)} steps"
        if self.cpus < 2:
            yield f"{what}: the generator had no CPU of its own"

    def document(self) -> Mapping[str, Any]:
        return {
            "requests_per_second": int(self.rate.middle("rate")),
            "in_flight": int(self.held.middle("in_flight")),
            "vcpu_units": _VCPU_UNITS,
            "measured_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "build": _build(),
            "machine": {
                "processor": _processor(),
                "architecture": platform.machine(),
                "cpus": self.cpus,
                "system": f"{platform.system()} {platform.release()}",
            },
            "versions": {"python": platform.python_version()}
            | {package: version(package) for package in _PACKAGES},
            "objective": {
                "p99_ms": round(self.objective.p99 * 1000),
                "errors_percent": self.objective.errors * 100,
            },
            "noise": self.noise(),
            "rate": self._details(self.rate, "rate"),
            "held": {"upstream_ms": HELD.wait * 1000} | self._details(self.held, "in_flight"),
        }

    def _details(self, knee: Knee, figure: str) -> dict[str, Any]:
        return {
            "found": [round(value) for value in knee.all(figure)],
            "limit": self.limit(knee),
            **{f"{name}_ms": _ms(knee.middle(name)) for name in ("p50", "p95", "p99")},
            "cpu_percent": round(100 * median(step.cpus.service for step in knee.found)),
            "steps": [_step(step) for step in sorted(knee.steps, key=lambda step: step.rate)],
        }


def write(document: Mapping[str, Any], file: Path) -> None:
    """Whole, or not at all."""
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
    beside.replace(file)


def _step(step: Step) -> Mapping[str, Any]:
    shares = {f"{who}_cpus": round(cpus, 2) for who, cpus in asdict(step.cpus).items()}
    times = {f"{name}_ms": _ms(getattr(step, name)) for name in ("p50", "p95", "p99", "late")}
    counts = {"requests": step.requests, "errors": step.errors}
    return {"rate": step.rate, "in_flight": round(step.in_flight), **counts, **times, **shares}


def _ms(seconds: float) -> float | None:
    """None if that many were never answered."""
    return None if seconds == float("inf") else round(seconds * 1000, 1)


def _build() -> str:
    """Which state of the service was measured."""
    if given := os.environ.get("BUILD_ID"):
        return given
    git = ("git", "describe", "--always", "--dirty")
    try:
        said = subprocess.run(git, cwd=PROJECT, capture_output=True, text=True)
    except FileNotFoundError:
        return "unknown"
    return said.stdout.strip() or "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
