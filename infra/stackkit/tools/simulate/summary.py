"""A run in a few numbers."""

from dataclasses import dataclass

from stackkit.tools.simulate.run import SimulationRun
from stackkit.tools.simulate.traffic import HOUR, TICK_S

MODEL = (
    "This is a model of what AWS documents: alarms, cooldowns, warm-ups and bounds, with the plan's"
    " capacity of a task, which is as good as its measurement. Starts take a fixed time. It leaves"
    " out failing tasks and zones, deployments, Spot, slow caches and databases, a load balancer"
    " that has to grow itself, clients that ask again and the account's quotas; and where target"
    " tracking may shrink a fleet in several steps, here it takes one."
)


@dataclass(frozen=True)
class Summary:
    """Percent, requests and task-hours of a run; `flat_hours` at the maximum all the time."""

    seconds: int
    least_rate: float
    most_rate: float
    requests: int
    shed: int
    utilisation: float
    fewest: int
    most: int
    grown: int
    shrunk: int
    task_hours: float
    flat_hours: float

    @property
    def shed_percent(self) -> float:
        return 100 * self.shed / self.requests if self.requests else 0.0


def summary(run: SimulationRun) -> Summary:
    samples = run.samples
    loads = [one.load for one in samples]
    carried = sum(min(one.load, one.capacity) for one in samples)
    room = sum(one.capacity for one in samples)
    grown = sum(1 for one in run.changes if one.after > one.before)
    return Summary(
        seconds=run.trace.seconds,
        least_rate=min(loads),
        most_rate=max(loads),
        requests=round(sum(loads) * TICK_S),
        shed=round(sum(one.shed for one in samples) * TICK_S),
        utilisation=100 * carried / room if room else 0.0,
        fewest=min(one.serving for one in samples),
        most=max(one.serving for one in samples),
        grown=grown,
        shrunk=len(run.changes) - grown,
        task_hours=sum(one.tasks for one in samples) * TICK_S / HOUR,
        flat_hours=run.setup.maximum * run.trace.seconds / HOUR,
    )
