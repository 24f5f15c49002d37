import json
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from refusal import Refusal
from sizing.inputs import TaskCapacity

# per vCPU, for a service that mostly waits: an assumption until the load test has spoken
ASSUMED_REQUESTS_PER_SECOND = 3000
ASSUMED_IN_FLIGHT = 4000


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the load test found that one task of `vcpu_units` sustains."""

    requests_per_second: int
    in_flight: int
    vcpu_units: int
    measured_at: str


def read_measurement(folder: Path) -> Measurement | None:
    """The load test's finding, capacity.json, or nothing if it never ran."""
    file = folder / "capacity.json"
    if not file.exists():
        return None
    with suppress(ValueError, TypeError):
        found = Measurement(**json.loads(file.read_text()))
        if min(found.requests_per_second, found.in_flight, found.vcpu_units) > 0:
            return found
    names = ", ".join(field.name for field in fields(Measurement))
    raise Refusal(
        f"capacity.json: it is not what the load test writes ({names}); run it again, or remove the"
        " file to plan with assumptions."
    )


def task_capacity(
    vcpu_units: int,
    requests_per_second: int,
    in_flight: int,
    measured: Measurement | None,
) -> TaskCapacity:
    """The stack's own figures first, then the measured ones, then the assumption.

    Measured and assumed figures grow in proportion to the vCPUs (1024 units each): workers share
    nothing.
    """
    if measured:
        rate = measured.requests_per_second * vcpu_units // measured.vcpu_units
        open_requests = measured.in_flight * vcpu_units // measured.vcpu_units
        origin = f"measured {measured.measured_at}"
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
