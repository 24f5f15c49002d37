from collections.abc import Iterator

from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Metric, Severity, Window
from stackkit.resources.monitored import MonitoredResource

TIER = "network"


def rows(context: AlarmContext) -> Iterator[AlarmSpec]:
    yield _nat_ports()
    if context.settings.waf:
        yield _blocked_requests()


def _nat_ports() -> AlarmSpec:
    return AlarmSpec(
        name="nat-ports",
        title="The NAT gateways have no port left",
        tier=TIER,
        metrics={
            "failed": Metric(
                namespace="AWS/NATGateway",
                name="ErrorPortAllocation",
                statistic="Sum",
                of={"NatGatewayId": MonitoredResource.NAT_GATEWAYS},
            )
        },
        across="SUM",
        window=Window(breaching=2, periods=3),
        limit=Limit(
            value=0,
            unit="connections",
            rationale="the plan leaves a port for each connection to the upstream",
        ),
        severity=Severity.PAGE,
        meaning="Connections to one destination fail, most likely the upstream's.",
        steps=(
            "Whom: the flow logs by destination; `make plan` shows what the upstream may take.",
            "Is the upstream slow? Connections last longer then: its breaker should be open.",
            "Does more wait for it than upstream_percent says? Cache more, or correct the key.",
        ),
    )


def _blocked_requests() -> AlarmSpec:
    def acl(name: str) -> Metric:
        return Metric(
            namespace="AWS/WAFV2",
            name=name,
            statistic="Sum",
            of={"WebACL": MonitoredResource.FIREWALL, "Region": MonitoredResource.REGION},
            fixed={"Rule": "ALL"},
        )

    return AlarmSpec(
        name="blocked-requests",
        title="WAF blocks many requests",
        tier=TIER,
        metrics={"blocked": acl("BlockedRequests"), "allowed": acl("AllowedRequests")},
        expression="100 * FILL(blocked, 0) / (FILL(blocked, 0) + FILL(allowed, 0))",
        window=Window(breaching=3, periods=3, period_s=300),
        limit=Limit(value=10, unit="%", rationale="an attack, or a rule that hits the innocent"),
        severity=Severity.TICKET,
        meaning="One request in ten is blocked before it reaches the service.",
        steps=(
            "Which rule: the group aws-waf-logs-…, `stats count(*) by terminatingRuleId,"
            " httpRequest.clientIp`.",
            "`rate` against your own clients or a test: raise waf_rate_limit, or give them an"
            " address of their own.",
            "A managed rule against good requests: set that rule to count, in resources/waf.py.",
        ),
    )
