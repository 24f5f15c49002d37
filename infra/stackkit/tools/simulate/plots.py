"""What is drawn of a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

from stackkit.tools.simulate.alarms import IN_SHARE
from stackkit.tools.simulate.run import Sample, SimulationRun
from stackkit.tools.simulate.svg import BAD, FIRST, MUTED, SECOND, THIRD
from stackkit.tools.simulate.traffic import HOUR, TICK_S

# points of a line: more than a phone has pixels
_POINTS = 430


@dataclass(frozen=True)
class Plot:
    title: str
    caption: str
    draw: Callable[[Axes, "Lines"], None]


@dataclass(frozen=True)
class Lines:
    """What is drawn: means of so many moments that a screen can show them, and a plan's numbers."""

    hours: Sequence[float]
    load: Sequence[float]
    capacity: Sequence[float]
    shed: Sequence[float]
    serving: Sequence[float]
    desired: Sequence[float]
    utilisation: Sequence[float]
    task_hours: Sequence[float]
    minimum: int
    maximum: int
    target: float
    task_dollars: float | None


def lines(run: SimulationRun, target: float, task_dollars: float | None) -> Lines:
    width = max(1, -(-len(run.samples) // _POINTS))
    bins = [run.samples[start : start + width] for start in range(0, len(run.samples), width)]

    def means(value: Callable[[Sample], float]) -> list[float]:
        return [sum(map(value, one)) / len(one) for one in bins]

    paid, hours = 0.0, []
    for one in bins:
        paid += sum(sample.tasks for sample in one) * TICK_S / HOUR
        hours.append(paid)
    return Lines(
        hours=[one[0].second / HOUR for one in bins],
        load=means(lambda one: one.load),
        capacity=means(lambda one: one.capacity),
        shed=means(lambda one: one.shed),
        serving=means(lambda one: one.serving),
        desired=means(lambda one: one.desired),
        utilisation=means(lambda one: one.utilisation),
        task_hours=hours,
        minimum=run.setup.minimum,
        maximum=run.setup.maximum,
        target=target,
        task_dollars=task_dollars,
    )


def dressed(plot: Plot, drawn: Lines) -> Callable[[Axes], None]:
    """The plot on axes that all plots of a run share: time, from its start."""

    def draw(axes: Axes) -> None:
        plot.draw(axes, drawn)
        axes.set_xlim(drawn.hours[0], drawn.hours[-1] or 1)
        axes.set_ylim(bottom=0)
        in_minutes = drawn.hours[-1] < 6
        axes.set_xlabel("minutes" if in_minutes else "hours")
        if in_minutes:
            axes.xaxis.set_major_formatter(lambda hours, _: f"{hours * 60:.0f}")
        steps = [2.5, 5, 10] if in_minutes else [3, 6, 10]
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=steps))
        axes.yaxis.set_major_locator(MaxNLocator(5))

    return draw


def _load(axes: Axes, drawn: Lines) -> None:
    axes.fill_between(
        drawn.hours,
        drawn.capacity,
        drawn.load,
        where=[shed > 0 for shed in drawn.shed],
        color=BAD,
        alpha=0.25,
        linewidth=0,
        label="shed",
    )
    axes.plot(drawn.hours, drawn.capacity, color=FIRST, label="capacity")
    axes.plot(drawn.hours, drawn.load, color=SECOND, label="load")
    axes.set_ylabel("requests/s")
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))


def _tasks(axes: Axes, drawn: Lines) -> None:
    axes.plot(drawn.hours, drawn.desired, color=SECOND, linestyle="--", label="asked for")
    axes.plot(drawn.hours, drawn.serving, color=FIRST, label="serving")
    for bound, name in ((drawn.minimum, "minimum"), (drawn.maximum, "maximum")):
        axes.axhline(bound, color=MUTED, linewidth=0.8, linestyle=":")
        axes.annotate(
            f"{name} {bound:,}",
            (1, bound),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            color=MUTED,
        )
    axes.set_ylabel("tasks")


def _utilisation(axes: Axes, drawn: Lines) -> None:
    axes.plot(drawn.hours, drawn.utilisation, color=FIRST, label="used")
    axes.axhline(drawn.target, color=THIRD, linestyle="--", label="target")
    axes.axhline(drawn.target * IN_SHARE, color=MUTED, linestyle=":", label="shrinks below")
    axes.set_ylabel("%")
    axes.set_ylim(0, 105)


def _shed(axes: Axes, drawn: Lines) -> None:
    axes.fill_between(drawn.hours, drawn.shed, color=BAD, alpha=0.3, linewidth=0)
    axes.plot(drawn.hours, drawn.shed, color=BAD, label="shed")
    axes.set_ylabel("requests/s")
    axes.set_ylim(0, 1.1 * (max(drawn.shed) or max(drawn.load) or 1))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))


def _paid(axes: Axes, drawn: Lines) -> None:
    each = drawn.task_dollars or 1
    follows = [hours * each for hours in drawn.task_hours]
    flat = [drawn.maximum * (hour - drawn.hours[0]) * each for hour in drawn.hours]
    axes.plot(drawn.hours, flat, color=MUTED, linestyle=":", label="at the maximum")
    axes.plot(drawn.hours, follows, color=FIRST, label="this fleet")
    axes.set_ylabel("task-hours" if drawn.task_dollars is None else "US dollars")


PLOTS = (
    Plot("Load and capacity", "Requests a second that came, and that the fleet could take.", _load),
    Plot("Tasks", "Asked for by the policies, and serving.", _tasks),
    Plot(
        "Utilisation",
        "Load over what serves; three minutes above the target grow it.",
        _utilisation,
    ),
    Plot("Requests shed", "What was above the capacity and got a 503.", _shed),
    Plot("Task-hours and their cost", "Added up, beside a fleet of one size.", _paid),
)
