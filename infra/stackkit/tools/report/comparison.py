"""The same workload on other sizes of task and of instance: cost and first bottleneck."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stackkit.plan import plan
from stackkit.plan.bottlenecks import Bottleneck, bottlenecks, first
from stackkit.plan.capacity import Measurement
from stackkit.settings.aws_sizes import FARGATE_MEMORY
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError
from stackkit.tools.report import cost
from stackkit.tools.report.prices import Prices

# vCPU units: from half a core to four
_FARGATE_SIZES = (512, 1024, 2048, 4096)
_FAMILIES = {"arm64": "c8g", "x86_64": "c7i"}
_INSTANCE_SIZES = ("large", "xlarge", "2xlarge", "4xlarge")


@dataclass(frozen=True)
class Candidate:
    """One size; `refused` says why there is no plan.

    Dollars of a month at minimum, mean and peak: of the tasks alone, and of everything.
    """

    name: str
    refused: str = ""
    fleet: tuple[int, int] = (0, 0)
    database_pool: int = 0
    tasks_usd: tuple[float, ...] = ()
    usd: tuple[float, ...] = ()
    breaks_first: Bottleneck | None = None


def candidates(
    settings: Config, measured: Measurement | None, prices: Prices
) -> Iterator[Candidate]:
    known = _own_figures(settings) or measured
    for name, variant in _variants(settings):
        try:
            yield _candidate(name, plan.derive(variant, known), prices)
        except ConfigError as error:
            yield Candidate(name, refused=str(error).partition(";")[0])


def _own_figures(settings: Config) -> Measurement | None:
    """What the stack says of its own size, to hold for others in proportion to their vCPUs."""
    if not (settings.task_requests_per_second and settings.task_in_flight):
        return None
    return Measurement(
        requests_per_second=settings.task_requests_per_second,
        in_flight=settings.task_in_flight,
        vcpu_units=settings.vcpu_units,
        measured_at="",
    )


def _candidate(name: str, numbers: plan.Plan, prices: Prices) -> Candidate:
    months = [cost.month(numbers, load, prices) for load in cost.loads(numbers)]
    return Candidate(
        name,
        fleet=(numbers.fleet.minimum.value, numbers.fleet.maximum.value),
        database_pool=numbers.pools.database.value,
        tasks_usd=tuple(lines[0].usd for lines in months),
        usd=tuple(cost.total(lines) for lines in months),
        breaks_first=first(bottlenecks(numbers)),
    )


def _variants(settings: Config) -> Iterator[tuple[str, Config]]:
    """Bounds that the stack sets for its own size are left to the plan."""
    free = replace(settings, fleet_min=0, fleet_max=0, task_requests_per_second=0, task_in_flight=0)
    for units in _FARGATE_SIZES:
        memory = max(FARGATE_MEMORY[units][0], units * 2)
        name = f"fargate {units / 1024:g} vCPU, {memory / 1024:g} GB"
        size = {"task_cpu": units, "task_memory_mib": memory, "warm_pool": 0}
        yield name, replace(free, compute="fargate", **size)
    for size in _INSTANCE_SIZES:
        kind = f"{_FAMILIES[settings.architecture]}.{size}"
        yield f"ec2 {kind}", replace(free, compute="ec2", instance_types=(kind,))
