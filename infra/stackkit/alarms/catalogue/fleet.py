"""What is watched of a fleet, whether its members are tasks or instances."""

from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Metric, Severity, Window

TIER = "compute"
# scaling follows within minutes; what lasts longer is beyond it
_OVER = 1.25
MEMORY_STEPS = (
    "Does it grow without load? A leak: the resident memory of each worker in the"
    " dashboard says since which deployment.",
    "Does it follow the requests in flight? task_memory_mib is too small for"
    " task_in_flight; `make plan` shows what it counts for each.",
)


def cpu(context: AlarmContext, metric: Metric) -> AlarmSpec:
    target = context.numbers.scaling.cpu_target.value
    return AlarmSpec(
        name="cpu",
        title="The fleet's processors are busy",
        tier=TIER,
        metrics={"cpu": metric},
        window=Window(breaching=10, periods=10),
        limit=Limit(
            value=(target + 100) / 2,
            unit="%",
            rationale=f"halfway from scaling's target of {target} % to full",
        ),
        severity=Severity.TICKET,
        meaning="Scaling did not bring the fleet back to its target within ten minutes.",
        steps=(
            "Is the fleet at its maximum, or does it lack capacity? Desired against running says"
            " so.",
            "More CPU for the same requests since a deployment? Take a profile of one worker.",
            "More requests than planned? peak_in_flight, and `make plan`.",
        ),
    )


def network(
    context: AlarmContext, metric: Metric, unit: str, per_megabit: int, of: str
) -> AlarmSpec:
    target = context.settings.network_target_mbps
    return AlarmSpec(
        name="network",
        title="The fleet sends more than it is kept at",
        tier=TIER,
        metrics={"sent": metric},
        window=Window(breaching=10, periods=10),
        limit=Limit(
            value=target * per_megabit * _OVER,
            unit=unit,
            rationale=f"{_OVER:g} times network_target_mbps, {target} Mbit/s {of}",
        ),
        severity=Severity.TICKET,
        meaning="Answers have become large, or each member serves more than it should.",
        steps=(
            "Which routes' answers grew? Bytes by route in the load balancer's access logs.",
            "Let the fleet follow it: add network to scaling_policies; or raise"
            " network_target_mbps if the size sustains more.",
        ),
    )


def missing(members: str, desired: Metric, running: Metric) -> AlarmSpec:
    return AlarmSpec(
        name=f"missing-{members}",
        title=f"Fewer {members} run than are wanted",
        tier=TIER,
        metrics={"desired": desired, "running": running},
        expression="desired - running",
        window=Window(breaching=15, periods=15),
        limit=Limit(value=0, unit=members, rationale="new ones start within a few minutes"),
        severity=Severity.TICKET,
        meaning="For a quarter of an hour the fleet has not been able to start what it needs.",
        steps=(
            f"The events of the service or group say why {members} do not start or stay.",
            "Capacity: the account's vCPU quota, Spot interruptions, a zone without room.",
            "A start that fails: the image, a secret, a health check within its grace period.",
        ),
    )
