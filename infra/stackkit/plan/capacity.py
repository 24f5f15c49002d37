import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError

# per vCPU, for a service that mostly waits: an assumption until the load test has spoken
ASSUMED_REQUESTS_PER_SECOND = 3000
ASSUMED_IN_FLIGHT = 4000
# days after which a measurement is out of date: dependencies change every few weeks
TRUSTED_DAYS = 90
_AGAIN = "run `make capacity` again"
_ARCHITECTURES = {"aarch64": "arm64", "amd64": "x86_64"}


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the load test found that one task of `vcpu_units` sustains.

    `machine` has its `architecture`, `versions` those of Python and of the packages that count,
    `noise` why the machine was unfit for measuring. Other entries of the file are ignored.
    """

    requests_per_second: int
    in_flight: int
    vcpu_units: int
    measured_at: str
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    noise: Sequence[str] = ()


def read_measurement(folder: Path) -> Measurement | None:
    """The load test's finding, capacity.json, or nothing if it never ran."""
    file = folder / "capacity.json"
    if not file.exists():
        return None
    names = [entry.name for entry in fields(Measurement)]
    with suppress(ValueError, TypeError, AttributeError):
        content = json.loads(file.read_text())
        found = Measurement(**{name: content[name] for name in names if name in content})
        date.fromisoformat(found.measured_at[:10])
        described = all(isinstance(part, dict) for part in (found.machine, found.versions))
        described = described and isinstance(found.noise, list | tuple)
        if described and min(found.requests_per_second, found.in_flight, found.vcpu_units) > 0:
            return found
    raise ConfigError(
        f"capacity.json: it is not what the load test writes ({', '.join(names[:4])}); run it again"
        ", or remove the file to plan with assumptions."
    )


def measurement_warnings(
    measured: Measurement | None, architecture: str, installed: Mapping[str, str], today: date
) -> Iterator[str]:
    """Why the finding may not hold for this stack, one sentence each."""
    if measured is None:
        return
    when = measured.measured_at[:10]
    age = (today - date.fromisoformat(when)).days
    if age > TRUSTED_DAYS:
        yield f"capacity.json: it was measured {age} days ago, on {when}; {_AGAIN}."
    there = str(measured.machine.get("architecture", ""))
    if not there or not measured.versions:
        yield f"capacity.json: it doesn't say which machine and versions were measured; {_AGAIN}."
    elif _ARCHITECTURES.get(there, there) != architecture:
        yield (
            f"capacity.json: it was measured on {there} and the stack runs on {architecture};"
            " measure there, or set task_requests_per_second and task_in_flight."
        )
    if measured.noise:
        yield f"capacity.json: the machine was noisy ({'; '.join(measured.noise)}); {_AGAIN}."
    moved = [
        f"{name} {version} (now {installed[name]})"
        for name, version in sorted(measured.versions.items())
        if installed.get(name, version) != version
    ]
    if moved:
        yield f"capacity.json: it was measured with {', '.join(moved)}; {_AGAIN}."


def installed_versions(service: Path) -> Mapping[str, str]:
    """Name → version of what the service's environment holds, if it has been installed."""
    places = [str(place) for place in service.glob(".venv/lib/python*/site-packages")]
    return {found.name.lower(): found.version for found in metadata.distributions(path=places)}


@dataclass(frozen=True, kw_only=True)
class TaskCapacity:
    """What one task sustains, and where the figures come from."""

    requests_per_second: int
    in_flight: int
    origin: str


def task_capacity(config: Config, measured: Measurement | None) -> TaskCapacity:
    """The stack's own figures first, then the measured ones, then the assumption.

    Measured and assumed figures grow in proportion to the vCPUs (1024 units each): workers share
    nothing.
    """
    vcpu_units = config.vcpu_units
    requests_per_second, in_flight = config.task_requests_per_second, config.task_in_flight
    if measured:
        rate = measured.requests_per_second * vcpu_units // measured.vcpu_units
        open_requests = measured.in_flight * vcpu_units // measured.vcpu_units
        origin = f"measured {measured.measured_at[:10]}"
    else:
        rate = ASSUMED_REQUESTS_PER_SECOND * vcpu_units // 1024
        open_requests = ASSUMED_IN_FLIGHT * vcpu_units // 1024
        origin = "assumed until measured"
    if requests_per_second and in_flight:
        origin = "set in the stack"
    elif requests_per_second or in_flight:
        origin = f"set in the stack in part, the rest {origin}"
    return TaskCapacity(
        requests_per_second=requests_per_second or rate,
        in_flight=in_flight or open_requests,
        origin=origin,
    )
