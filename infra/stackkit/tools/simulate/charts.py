"""The charts of a run: load, tasks, utilisation, shed requests, cost."""

from collections.abc import Callable, Sequence

from stackkit.tools.chart import Chart, Series
from stackkit.tools.simulate.alarms import IN_SHARE
from stackkit.tools.simulate.run import Sample, SimulationRun
from stackkit.tools.simulate.traffic import HOUR, TICK_S

# points of a line: more than a phone has pixels
_POINTS = 430


def charts(run: SimulationRun, target: float, task_dollars: float | None) -> Sequence[Chart]:
    """`target` is the utilisation in percent, `task_dollars` the price of a task-hour."""
    width = max(1, -(-len(run.samples) // _POINTS))
    bins = [run.samples[start : start + width] for start in range(0, len(run.samples), width)]

    def means(value: Callable[[Sample], float]) -> list[float]:
        return [sum(map(value, one)) / len(one) for one in bins]

    hours = [one[0].second / HOUR for one in bins]
    minutes = hours[-1] < 6
    xs, x_unit = ([hour * 60 for hour in hours], "minutes") if minutes else (hours, "hours")

    def chart(
        title: str,
        caption: str,
        unit: str,
        *series: Series,
        levels: Sequence[tuple[str, float]] = (),
        top: float | None = None,
    ) -> Chart:
        return Chart(
            title=title,
            caption=caption,
            unit=unit,
            x_unit=x_unit,
            xs=xs,
            series=series,
            levels=levels,
            top=top,
        )

    desired, serving = means(lambda one: one.desired), means(lambda one: one.serving)
    load, capacity = means(lambda one: one.load), means(lambda one: one.capacity)
    shed = means(lambda one: one.shed)
    price = task_dollars or 1
    paid, total = [], 0.0
    for one in bins:
        total += sum(sample.tasks for sample in one) * TICK_S / HOUR * price
        paid.append(total)
    flat = [run.setup.maximum * (hour - hours[0]) * price for hour in hours]
    bounds = [("minimum", run.setup.minimum), ("maximum", run.setup.maximum)]
    unmet = [max(pair) for pair in zip(load, capacity, strict=True)]
    none, shrinks = [0.0] * len(xs), [target * IN_SHARE] * len(xs)
    return (
        chart(
            "Load and capacity",
            "Requests a second that arrived, and that the fleet could serve.",
            "requests/s",
            # below the others, whose lines cover its outline
            Series(label="shed", values=unmet, colour="bad", fill_to=capacity),
            Series(label="capacity", values=capacity, colour="first"),
            Series(label="load", values=load, colour="second"),
        ),
        chart(
            "Tasks",
            "Desired by the policies, and serving.",
            "tasks",
            Series(label="asked for", values=desired, colour="second", dashed=True),
            Series(label="serving", values=serving, colour="first"),
            levels=[(f"{name} {bound:,}", bound) for name, bound in bounds],
        ),
        chart(
            "Utilisation",
            "Load over the capacity that serves; three minutes above the target add tasks.",
            "%",
            Series(label="used", values=means(lambda one: one.utilisation), colour="first"),
            Series(label="target", values=[target] * len(xs), colour="third", dashed=True),
            Series(label="shrinks below", values=shrinks, colour="muted", dashed=True),
            top=105,
        ),
        chart(
            "Requests shed",
            "Requests above the capacity, which got a 503.",
            "requests/s",
            Series(label="shed", values=shed, colour="bad", fill_to=none),
            top=1.1 * (max(shed) or max(load) or 1),
        ),
        chart(
            "Task-hours and their cost",
            "The sum so far, beside a fleet of one size.",
            "task-hours" if task_dollars is None else "US dollars",
            Series(label="at the maximum", values=flat, colour="muted", dashed=True),
            Series(label="this fleet", values=paid, colour="first"),
        ),
    )
