"""Checks how the resources are connected, in the simulated account's API."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from stackkit.tools.rehearse.account_snapshot import AccountSnapshot
from stackkit.tools.rehearse.checks import monitoring as watching
from stackkit.tools.rehearse.checks import reach
from stackkit.tools.rehearse.checks.secrets import secrets
from stackkit.tools.rehearse.checks.trust import trust
from stackkit.tools.rehearse.program import Rehearsal


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    subject: str
    problems: tuple[str, ...]
    # what there would have to be; "" where the check could be made
    missing_input: str = ""


def validate(snapshot: AccountSnapshot) -> Iterator[CheckResult]:
    for subject, (check, needs) in CHECKS.items():
        missing = next((name for name in needs if not getattr(snapshot, name)), "")
        problems = () if missing else tuple(check(snapshot))
        yield CheckResult(subject=subject, problems=problems, missing_input=missing)


def applied(run: Rehearsal) -> CheckResult:
    return CheckResult(subject="the policies of `pulumi up`", problems=tuple(run.violations))


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
        requests = f"{workload.name}: requests go to port {workload.port}"
        if workload.port not in workload.published:
            shown = ", ".join(map(str, workload.published)) or "none"
            yield f"{requests}, the container publishes {shown}"
        listening = workload.environment.get("PORT", str(workload.port))
        if listening != str(workload.port):
            yield f"{requests}, the process listens on {listening}"


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
_STORED = ("workloads", "databases", "caches")
Check = Callable[[AccountSnapshot], Iterator[str]]
# check, and the lists of the snapshot that must not be empty
CHECKS: Mapping[str, tuple[Check, tuple[str, ...]]] = {
    "listener → target group → container port": (path, ()),
    "security groups: who reaches whom": (reach.reachable, ("balancers", *_STORED)),
    "database and cache: only compute reaches them": (reach.private, _STORED),
    "subnets and zones": (reach.placed, ("balancers", *_STORED)),
    "hosts in the service's environment": (addresses, _RUNNING),
    "secrets exist, and the role reads exactly them": (secrets, _RUNNING),
    "roles trust exactly the services that use them": (trust, _RUNNING),
    "alarms watch and notify what exists": (watching.alarms, ("alarms",)),
    "scaling moves what exists": (watching.scaling, _RUNNING),
    "logs go to groups that exist": (watching.logs, _RUNNING),
}
