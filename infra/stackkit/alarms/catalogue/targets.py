"""The targets, as the load balancer sees them."""

from collections.abc import Iterator
from math import ceil

from stackkit.alarms.catalogue.edge import TIER, edge
from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Severity, Window


def rows(context: AlarmContext) -> Iterator[AlarmSpec]:
    yield _unhealthy_targets(context)
    yield _too_few_targets(context)
    yield _unreachable_targets()
    yield _busy_targets(context)


def _unhealthy_targets(context: AlarmContext) -> AlarmSpec:
    return AlarmSpec(
        name="unhealthy-targets",
        title="Targets fail their health check",
        tier=TIER,
        metrics={"unhealthy": edge("UnHealthyHostCount", "Maximum")},
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=0, unit="targets", rationale="a failed target is replaced within minutes"
        ),
        severity=Severity.TICKET,
        meaning="A target has been failing /health for five minutes, and nothing replaced it.",
        steps=(
            "/health touches no dependency: the process hangs, starts too slowly, or is out of"
            " memory.",
            context.by_compute(
                "Stopped tasks' reasons: OutOfMemory, exit code.", "The instance's console output."
            ),
            "If new targets fail only: compare the image and its variables with the last good one.",
        ),
    )


def _too_few_targets(context: AlarmContext) -> AlarmSpec:
    fewest, zones = context.numbers.fleet.minimum.value, context.numbers.config.zones
    survivors = max(1, ceil(fewest * (zones - 1) / zones))
    return AlarmSpec(
        name="too-few-targets",
        title="Too few healthy targets",
        tier=TIER,
        metrics={"healthy": edge("HealthyHostCount", "Minimum")},
        window=Window(breaching=3, periods=3),
        limit=Limit(
            value=survivors,
            unit="targets",
            rationale=f"the fleet's minimum of {fewest} without one of {zones} zones",
            above=False,
        ),
        severity=Severity.PAGE,
        missing_is_breaching=True,
        meaning="Fewer targets serve than the loss of a whole zone would leave.",
        steps=(
            "Is a zone impaired? AWS Health; then shift away from it with zonal shift.",
            "Do tasks start and stop in a loop? Their stopped reasons; a missing secret or image"
            " says so there.",
            "Does the account have room? Its vCPU quota, Spot interruptions, addresses in"
            " the subnets.",
        ),
        in_development=True,
    )


def _unreachable_targets() -> AlarmSpec:
    return AlarmSpec(
        name="unreachable-targets",
        title="Connections to targets fail",
        tier=TIER,
        metrics={
            "failed": edge("TargetConnectionErrorCount", "Sum"),
            "requests": edge("RequestCount", "Sum"),
        },
        expression="100 * FILL(failed, 0) / (FILL(failed, 0) + FILL(requests, 0))",
        window=Window(breaching=3, periods=5),
        limit=Limit(
            value=1, unit="%", rationale="a target that leaves is drained first: hardly one fails"
        ),
        severity=Severity.TICKET,
        meaning="The balancer can't open connections to targets that it takes for healthy.",
        steps=(
            "Are processes at their limit of connections? GRANIAN_BACKPRESSURE against the"
            " active connections of Granian's metrics.",
            "Did workers die? See the runbook of respawns.",
            "Security groups: nothing but the balancer's group may have changed.",
        ),
    )


def _busy_targets(context: AlarmContext) -> AlarmSpec:
    rate = context.numbers.capacity.requests_per_second
    return AlarmSpec(
        name="busy-targets",
        title="Each target has more requests than it sustains",
        tier=TIER,
        metrics={"requests": edge("RequestCountPerTarget", "Sum")},
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=rate * 60,
            unit="requests/min",
            rationale=f"a task sustains {rate:,}/s ({context.numbers.capacity.origin})",
        ),
        severity=Severity.TICKET,
        meaning="The fleet has not grown with its load, or what a task sustains was overestimated.",
        steps=(
            "Is the fleet at its maximum? Raise peak_in_flight, and read what `make plan` says of"
            " the database's connections.",
            "Do new targets come too slowly? Raise base_in_flight or schedule the burst"
            " (schedules).",
            "Measure again what one task sustains; the load test writes capacity.json.",
        ),
    )
