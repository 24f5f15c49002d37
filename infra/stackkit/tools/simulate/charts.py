"""The charts of a run: load, tasks, utilisation, what is shed, cost."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from statistics import fmean
from typing import Any

from stackkit.tools.chart import Chart, Curve
from stackkit.tools.simulate.policies import IN_SHARE
from stackkit.tools.simulate.run import Setup, SimulationRun
from stackkit.tools.simulate.traffic import HOUR, TICK_S

# points of a line: more than a phone has pixels
_POINTS = 430
_MEASURES = ("load", "capacity", "shed", "desired", "serving", "utilisation", "tasks")
# measure → its mean at each point
Means = Mapping[str, list[float]]


def charts(run: SimulationRun, target: float, task_dollars: float | None) -> Iterator[Chart]:
    """`target` is the utilisation in percent, `task_dollars` the price of a task-hour."""
    width = max(1, -(-len(run.ticks) // _POINTS))
    bins = [run.ticks[start : start + width] for start in range(0, len(run.ticks), width)]
    means = {name: [fmean(getattr(t, name) for t in one) for one in bins] for name in _MEASURES}
    hours = [one[0].second / HOUR for one in bins]
    axis = {"xs": hours, "x_unit": "hours"}
    if hours[-1] < 6:
        axis = {"xs": [hour * 60 for hour in hours], "x_unit": "minutes"}
    yield from _fleet(means, run.setup, target, axis)
    shed = means["shed"]
    yield Chart(
        title="Requests shed",
        caption="Requests above the capacity, which got a 503.",
        unit="requests/s",
        curves=(Curve("shed", "bad", shed, fill_to=[0.0] * len(shed)),),
        top=1.1 * (max(shed) or max(means["load"]) or 1),
        **axis,
    )
    # a task-hour where there is no price
    price = width * TICK_S / HOUR * (task_dollars or 1)
    flat = [run.setup.maximum * price * number for number in range(len(bins))]
    yield Chart(
        title="Task-hours and their cost",
        caption="The sum so far, beside a fleet of one size.",
        unit="task-hours" if task_dollars is None else "US dollars",
        curves=(
            Curve("at the maximum", "muted", flat, dashed=True),
            Curve("this fleet", "first", list(accumulate(t * price for t in means["tasks"]))),
        ),
        **axis,
    )


def _fleet(means: Means, setup: Setup, target: float, axis: Mapping[str, Any]) -> Iterator[Chart]:
    load, capacity = means["load"], means["capacity"]
    yield Chart(
        title="Load and capacity",
        caption="Requests a second that arrived, and that the fleet could serve.",
        unit="requests/s",
        curves=(
            # below the others, whose lines cover its outline
            Curve("shed", "bad", list(map(max, load, capacity)), fill_to=capacity),
            Curve("capacity", "first", capacity),
            Curve("load", "second", load),
        ),
        **axis,
    )
    bounds = (("minimum", setup.minimum), ("maximum", setup.maximum))
    yield Chart(
        title="Tasks",
        caption="Desired by the policies, and serving.",
        unit="tasks",
        curves=(
            Curve("asked for", "second", means["desired"], dashed=True),
            Curve("serving", "first", means["serving"]),
        ),
        levels=[(f"{name} {bound:,}", bound) for name, bound in bounds],
        **axis,
    )
    yield Chart(
        title="Utilisation",
        caption="Load over the capacity that serves; three minutes above the target add tasks.",
        unit="%",
        curves=(Curve("used", "first", means["utilisation"]),),
        levels=[("target", target), ("shrinks below", target * IN_SHARE)],
        top=105,
        **axis,
    )
