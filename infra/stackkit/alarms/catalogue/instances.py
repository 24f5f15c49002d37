"""EC2's view of the fleet; memory and full disks it doesn't see."""

from collections.abc import Iterator

from stackkit.alarms.catalogue.fleet import MEMORY_STEPS, TIER, cpu, missing, network
from stackkit.alarms.catalogue.service import emitted
from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Metric, Severity, Window
from stackkit.resources.monitored import MonitoredResource
from stackkit.resources.scaling import BYTES_PER_MEGABIT

# Amazon Linux, Docker and the collector
SYSTEM_MIB = 512
GROUP = {"AutoScalingGroupName": MonitoredResource.GROUP}


def _of(name: str, statistic: str, namespace: str = "AWS/EC2") -> Metric:
    return Metric(namespace=namespace, name=name, statistic=statistic, of=GROUP)


def rows(context: AlarmContext) -> Iterator[AlarmSpec]:
    yield cpu(context, _of("CPUUtilization", "Average"))
    # EC2 counts the bytes of a minute
    minute = BYTES_PER_MEGABIT * 60
    yield network(context, _of("NetworkOut", "Average"), "bytes/min", minute, "of an instance")
    if not context.settings.otlp_endpoint:
        yield _memory(context)
    yield _disk_credit()
    yield missing(
        "instances",
        _of("GroupDesiredCapacity", "Average", "AWS/AutoScaling"),
        _of("GroupInServiceInstances", "Average", "AWS/AutoScaling"),
    )
    yield _failing()


def _memory(context: AlarmContext) -> AlarmSpec:
    whole = context.numbers.config.memory_mib
    return AlarmSpec(
        name="memory",
        title="A task's memory is nearly used up",
        tier=TIER,
        metrics={"resident": emitted("process_resident_memory_bytes", "Maximum")},
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=(whole - SYSTEM_MIB) * 2**20 * 9 // 10,
            unit="bytes",
            rationale=f"90 % of {whole:,} MiB less {SYSTEM_MIB} of the system, of which EC2 has no"
            " metric: the workers' own",
        ),
        severity=Severity.TICKET,
        meaning="The fullest task has a tenth of its memory left.",
        steps=MEMORY_STEPS,
    )


def _disk_credit() -> AlarmSpec:
    return AlarmSpec(
        name="disk-credit",
        title="An instance's disk is used beyond its base rate",
        tier=TIER,
        metrics={"credit": _of("EBSIOBalance%", "Minimum")},
        window=Window(breaching=5, periods=5, period_s=300),
        limit=Limit(
            value=20,
            unit="%",
            rationale="the credit for bursts; the service itself writes nothing to disk",
            above=False,
        ),
        severity=Severity.TICKET,
        meaning="Something reads or writes the disk all the time; soon it will be slow.",
        steps=(
            "Session Manager, then `docker stats` and the processes by I/O: logging, swapping or"
            " pulling images again and again.",
            "`df -h /`: a full disk retries for ever. EC2 has no metric of it.",
        ),
    )


def _failing() -> AlarmSpec:
    return AlarmSpec(
        name="failing-instances",
        title="An instance fails its status checks",
        tier=TIER,
        metrics={"failed": _of("StatusCheckFailed", "Maximum")},
        window=Window(breaching=10, periods=10),
        limit=Limit(value=0, unit="instances", rationale="the group replaces one within minutes"),
        severity=Severity.TICKET,
        meaning="An instance has been failing for ten minutes, and the group did not replace it.",
        steps=(
            "Is a process of the group suspended, or an instance protected or in standby?",
            "AWS Health: is the hardware or the zone impaired?",
        ),
    )
