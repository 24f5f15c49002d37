"""The load balancer, as clients see what is behind it."""

from collections.abc import Iterator

from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Metric, Severity, Window
from stackkit.resources.monitored import MonitoredResource

TIER = "edge"
NAMESPACE = "AWS/ApplicationELB"
BALANCER = {"LoadBalancer": MonitoredResource.BALANCER}
TARGETS = {"LoadBalancer": MonitoredResource.BALANCER, "TargetGroup": MonitoredResource.TARGETS}
# SRE workbook, "Alerting on SLOs": 2 % of a month's budget in an hour
FAST_BURN = 14.4


def edge(name: str, statistic: str, of: dict[str, MonitoredResource] = TARGETS) -> Metric:
    return Metric(namespace=NAMESPACE, name=name, statistic=statistic, of=of)


def rows(context: AlarmContext) -> Iterator[AlarmSpec]:
    yield errors()
    yield latency(context)
    yield _balancer_errors(context)
    yield _refused_requests()
    yield _rejected_connections()


def errors() -> AlarmSpec:
    return AlarmSpec(
        name="errors",
        title="The service answers with errors",
        tier=TIER,
        metrics={
            "errors": edge("HTTPCode_Target_5XX_Count", "Sum"),
            "requests": edge("RequestCount", "Sum"),
        },
        expression="100 * FILL(errors, 0) / requests",
        window=Window(breaching=2, periods=3),
        limit=Limit(
            value=5, unit="%", rationale="one answer in twenty: no deployment may cause it"
        ),
        severity=Severity.PAGE,
        meaning="More than one answer in twenty of the service itself is a 5xx.",
        steps=(
            "A deployment that runs is rolled back by this alarm: wait for it, then read what it"
            " changed.",
            "Which routes and what: Logs Insights on the group of `pulumi stack output log_group`:"
            " `filter status >= 500 | stats count(*) by route, status`.",
            "503 is shed load or a full pool, 504 a deadline, 500 a defect with its traceback in"
            " the same log.",
            "GET /ready of a task says which dependency it misses; look at the database's and the"
            " cache's alarms.",
        ),
        in_development=True,
    )


def latency(context: AlarmContext) -> AlarmSpec:
    own = context.settings.latency_objective_ms
    return AlarmSpec(
        name="latency",
        title="Answers are slow",
        tier=TIER,
        metrics={"p99": edge("TargetResponseTime", "p99")},
        window=Window(breaching=2, periods=3),
        limit=Limit(
            value=context.latency_s,
            unit="s",
            rationale="latency_objective_ms" if own else "half of a request's deadline",
        ),
        severity=Severity.PAGE,
        meaning="One answer in a hundred takes longer than the objective allows.",
        steps=(
            "A deployment that runs is rolled back by this alarm.",
            "Is the fleet full? Compare CPU and requests per target with their lines in the"
            " dashboard; raise fleet_max if the fleet is at its maximum.",
            "Is it waiting? The database's queue, slow statements (its log has those above 1 s)"
            " and the pools' waiters say so.",
            "Take a profile of one task, and look at the slowest traces in X-Ray.",
        ),
        in_development=True,
    )


def _balancer_errors(context: AlarmContext) -> AlarmSpec:
    return AlarmSpec(
        name="balancer-errors",
        title="The load balancer answers with errors of its own",
        tier=TIER,
        metrics={
            "failed": edge("HTTPCode_ELB_5XX_Count", "Sum", BALANCER),
            "served": edge("RequestCount", "Sum", BALANCER),
        },
        expression="100 * FILL(failed, 0) / (FILL(failed, 0) + FILL(served, 0))",
        window=Window(breaching=2, periods=3),
        limit=Limit(
            value=context.burning(FAST_BURN),
            unit="%",
            rationale=f"{FAST_BURN} times the error budget of {context.budget_percent:g} %",
        ),
        severity=Severity.PAGE,
        meaning="502, 503 and 504 that no target wrote: none was there, or it hung up, or it was"
        " silent.",
        steps=(
            "503 without healthy targets: look at "
            + context.by_compute("the tasks' last stop reason.", "the instances' status."),
            "502: a target closed a connection first. Granian's keep-alive must be longer than the"
            " balancer's idle timeout; `make plan` shows both.",
            "504: no byte within the idle timeout; the service's own deadline should have come"
            " first.",
            "The access logs' bucket has elb_status_code beside target_status_code for each"
            " request.",
        ),
    )


def _refused_requests() -> AlarmSpec:
    return AlarmSpec(
        name="refused-requests",
        title="Many requests are refused as wrong",
        tier=TIER,
        metrics={
            "refused": edge("HTTPCode_Target_4XX_Count", "Sum"),
            "requests": edge("RequestCount", "Sum"),
        },
        expression="100 * FILL(refused, 0) / requests",
        window=Window(breaching=3, periods=3, period_s=300),
        limit=Limit(
            value=20,
            unit="%",
            rationale="404 and 412 belong to the API; one answer in five doesn't",
        ),
        severity=Severity.TICKET,
        meaning="A client or a release of ours sends or refuses what it shouldn't.",
        steps=(
            "Which: `filter status >= 400 and status < 500 | stats count(*) by route, status`.",
            "401 and 403: a credential that has run out. 404: a client of an older API. 429: nobody"
            " but a proxy in between sends it.",
            "If it began with a deployment, roll back.",
        ),
    )


def _rejected_connections() -> AlarmSpec:
    return AlarmSpec(
        name="rejected-connections",
        title="The load balancer rejects connections",
        tier=TIER,
        metrics={"rejected": edge("RejectedConnectionCount", "Sum", BALANCER)},
        window=Window(breaching=2, periods=3),
        limit=Limit(
            value=0, unit="connections", rationale="the balancer is at its maximum of connections"
        ),
        severity=Severity.PAGE,
        meaning="Clients are turned away before a request was read.",
        steps=(
            "A burst faster than the balancer grows: reserve capacity with alb_lcu.",
            "An attack: look at WAF's sampled requests, lower waf_rate_limit.",
        ),
    )
