"""Checks how the resources are connected, in the simulated account's API."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from stackkit.tools.rehearse.account_snapshot import AccountSnapshot
from stackkit.tools.rehearse.checks import monitoring as watching
from stackkit.tools.rehearse.checks import reach
from stackkit.tools.rehearse.checks.secrets import secrets
from stackkit.tools.rehearse.checks.trust import trust


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    subject: str
    problems: tuple[str, ...]
    # what there would have to be; "" where the check could be made
    missing_input: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    made_by: Callable[[AccountSnapshot], Iterator[str]]
    # lists of the snapshot that must not be empty
    needs: tuple[str, ...] = ()


def validate(snapshot: AccountSnapshot) -> list[CheckResult]:
    return [_verdict(snapshot, subject, check) for subject, check in CHECKS.items()]


def _verdict(snapshot: AccountSnapshot, subject: str, check: Check) -> CheckResult:
    for name in check.needs:
        if not getattr(snapshot, name):
            return CheckResult(subject=subject, problems=(), missing_input=name)
    return CheckResult(subject=subject, problems=tuple(check.made_by(snapshot)))


def path(snapshot: AccountSnapshot) -> Iterator[str]:
    """Listener → target group → service or group → container port."""
    served = {workload.target_group: workload for workload in snapshot.workloads}
    forwarded = [
        action["TargetGroupArn"]
        for listener in snapshot.listeners
        for action in listener["DefaultActions"]
        if action["Type"] == "forward"
    ]
    if not forwarded:
        yield "no listener forwards to a target group"
    for arn in forwarded:
        if arn not in served:
            yield f"nothing runs behind target group {arn.split('/')[-2]}"
    for workload in snapshot.workloads:
        if workload.target_group not in forwarded:
            yield f"{workload.name}: no listener forwards to its target group"
        yield from _port(workload.name, workload.port, workload.published, workload.environment)


def _port(
    name: str, port: int, published: tuple[int, ...], environment: Mapping[str, str]
) -> Iterator[str]:
    if port not in published:
        shown = ", ".join(map(str, published)) or "none"
        yield f"{name}: requests go to port {port}, the container publishes {shown}"
    if environment.get("PORT", str(port)) != str(port):
        yield f"{name}: requests go to port {port}, the process listens on {environment['PORT']}"


def addresses(snapshot: AccountSnapshot) -> Iterator[str]:
    """The hosts in the service's environment exist."""
    hosts = {database["Endpoint"]["Address"] for database in snapshot.databases}
    hosts |= {proxy["Endpoint"] for proxy in snapshot.proxies}
    for cache in snapshot.caches:
        hosts |= {node["PrimaryEndpoint"]["Address"] for node in cache["NodeGroups"]}
    hosts |= set(_aliases(snapshot, hosts))
    for workload in snapshot.workloads:
        for name in ("DATABASE_URL", "DATABASE_REPLICA_URL", "REDIS_URL"):
            host = urlsplit(workload.environment.get(name, "")).hostname
            if host and host not in {known.lower() for known in hosts}:
                yield f"{workload.name}: {name} names {host}, which is no database or cache here"


def _aliases(snapshot: AccountSnapshot, hosts: set[str]) -> Iterator[str]:
    """Names that lead to one of the hosts."""
    for zone in snapshot.read("route53", "list_hosted_zones", "HostedZones"):
        for record in snapshot.read(
            "route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"]
        ):
            if hosts & {entry["Value"] for entry in record.get("ResourceRecords", [])}:
                yield record["Name"].rstrip(".")


_RUNNING = ("workloads",)
CHECKS: Mapping[str, Check] = {
    "listener → target group → container port": Check(made_by=path),
    "security groups: who reaches whom": Check(
        made_by=reach.reachable, needs=("balancers", "workloads", "databases", "caches")
    ),
    "database and cache: only compute reaches them": Check(
        made_by=reach.private, needs=("workloads", "databases", "caches")
    ),
    "subnets and zones": Check(
        made_by=reach.placed, needs=("balancers", "workloads", "databases", "caches")
    ),
    "hosts in the service's environment": Check(made_by=addresses, needs=_RUNNING),
    "secrets exist, and the role reads exactly them": Check(made_by=secrets, needs=_RUNNING),
    "roles trust exactly the services that use them": Check(made_by=trust, needs=_RUNNING),
    "alarms watch and progress what exists": Check(made_by=watching.alarms, needs=("alarms",)),
    "scaling moves what exists": Check(made_by=watching.scaling, needs=_RUNNING),
    "logs go to groups that exist": Check(made_by=watching.logs, needs=_RUNNING),
}
