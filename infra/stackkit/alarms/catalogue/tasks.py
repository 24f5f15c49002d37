"""ECS's view of the fleet."""

from collections.abc import Iterator

from stackkit.alarms.catalogue.fleet import MEMORY_STEPS, TIER, cpu, missing, network
from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Metric, Severity, Window
from stackkit.resources.monitored import MonitoredResource
from stackkit.resources.scaling import BYTES_PER_MEGABIT

SERVICE = {"ClusterName": MonitoredResource.CLUSTER, "ServiceName": MonitoredResource.SERVICE}


def _of(name: str, statistic: str, namespace: str = "ECS/ContainerInsights") -> Metric:
    return Metric(namespace=namespace, name=name, statistic=statistic, of=SERVICE)


def rows(context: AlarmContext) -> Iterator[AlarmSpec]:
    yield cpu(context, _of("CPUUtilization", "Average", "AWS/ECS"))
    yield _memory()
    yield network(
        context, _of("NetworkTxBytes", "Average"), "bytes/s", BYTES_PER_MEGABIT, "of a task"
    )
    yield _disk()
    yield missing("tasks", _of("DesiredTaskCount", "Average"), _of("RunningTaskCount", "Average"))


def _memory() -> AlarmSpec:
    return AlarmSpec(
        name="memory",
        title="A task's memory is nearly used up",
        tier=TIER,
        metrics={"memory": _of("MemoryUtilization", "Maximum", "AWS/ECS")},
        window=Window(breaching=5, periods=5),
        limit=Limit(value=90, unit="%", rationale="at 100 % the kernel ends the task's process"),
        severity=Severity.TICKET,
        meaning="The fullest task has a tenth of its memory left.",
        steps=MEMORY_STEPS,
    )


def _disk() -> AlarmSpec:
    return AlarmSpec(
        name="disk",
        title="A task's disk fills up",
        tier=TIER,
        metrics={
            "used": _of("EphemeralStorageUtilized", "Maximum"),
            "whole": _of("EphemeralStorageReserved", "Maximum"),
        },
        expression="100 * used / whole",
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=80, unit="%", rationale="nothing but the image lies there: the root is read-only"
        ),
        severity=Severity.TICKET,
        meaning="Something writes where nothing should, or the image has become huge.",
        steps=(
            "The image's layers: what grew since the last release?",
            "/tmp is memory and has a limit of its own; it isn't counted here.",
        ),
    )
