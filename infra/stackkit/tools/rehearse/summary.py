"""The lines that a rehearsal prints."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any

from stackkit.settings.config import WORLD
from stackkit.tools.rehearse.account_snapshot import AccountSnapshot
from stackkit.tools.rehearse.checks.monitoring import MADE_BY_AWS, tracking
from stackkit.tools.rehearse.checks.reach import ranges
from stackkit.tools.rehearse.program import Failure, Rehearsal
from stackkit.tools.rehearse.validate import CheckResult
from stackkit.tools.report.columns import WIDTH, hung

_SHOWN = 12
LIMITS = (
    "This can't show what the provider changes or replaces on the next `pulumi up`, the account's"
    " quotas, how long anything takes, or whether IAM allows a call when it is made. Default tags"
    " are not applied."
)


def tiers(snapshot: AccountSnapshot) -> Iterator[tuple[str, str, str]]:
    """Tier, what, and the settings that matter."""
    yield from _edge(snapshot)
    for workload in snapshot.workloads:
        place = f"{len(workload.subnets)} subnets, port {workload.port}"
        yield "compute", workload.name, f"{workload.tasks}, each {workload.size}; {place}"
    for told in snapshot.canaries:
        shares = told["canaryConfiguration"]
        minutes = f"{shares['canaryBakeTimeInMinutes']} minutes"
        yield "compute", "canary", f"{shares['canaryPercent']:g} % of the requests for {minutes}"
    yield "compute", "scaling", "; ".join(map(_policy, snapshot.policies)) or "none"
    yield from _data(snapshot)
    yield from _network(snapshot)
    alarms = [alarm["AlarmName"] for alarm in snapshot.alarms + snapshot.composites]
    names = sorted(name for name in alarms if not name.startswith(MADE_BY_AWS))
    days = {group.get("retentionInDays", "all") for group in snapshot.log_groups.values()}
    kept = "/".join(map(str, sorted(days, key=str)))
    yield "watching", f"{len(names)} alarms", ", ".join(_own_parts(names))
    yield "watching", f"{len(snapshot.log_groups)} log groups", f"kept {kept} days"


def _policy(policy: Mapping[str, Any]) -> str:
    if predictive := policy.get("PredictiveScalingConfiguration"):
        return f"CPU by {predictive['Mode']}"
    tracked = tracking(policy)
    if not tracked:
        steps = policy.get("StepScalingPolicyConfiguration", policy)["StepAdjustments"]
        return "steps of " + ", ".join(f"{step['ScalingAdjustment']:+d}" for step in steps)
    named = tracked.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    metric = named or tracked["CustomizedMetricSpecification"].get("MetricName", "a sum")
    return f"{metric} at {tracked['TargetValue']:,.0f}"


def _edge(snapshot: AccountSnapshot) -> Iterator[tuple[str, str, str]]:
    for acl in snapshot.read("wafv2", "list_web_acls", "WebACLs", Scope="REGIONAL"):
        yield "edge", f"WAF {acl['Name']}", "before the load balancer"
    for balancer in snapshot.balancers:
        zones = len(balancer["AvailabilityZones"])
        ports = [f"{entry['Protocol']} {entry['Port']}" for entry in snapshot.listeners]
        groups = [snapshot.security_groups[group] for group in balancer["SecurityGroups"]]
        clients = {r for group in groups for rule in group["IpPermissions"] for r in ranges(rule)}
        detail = f"{balancer['Scheme']}, {zones} zones, {', '.join(ports)}"
        if named := sorted(clients - {WORLD}):
            detail += f", from {', '.join(named)}"
        yield "edge", f"load balancer {balancer['LoadBalancerName']}", detail


def _data(snapshot: AccountSnapshot) -> Iterator[tuple[str, str, str]]:
    for proxy in snapshot.proxies:
        yield "data", f"proxy {proxy['DBProxyName']}", _either(proxy["RequireTLS"], "TLS only")
    for database in snapshot.databases:
        source = database.get("ReadReplicaSourceDBInstanceIdentifier")
        of = f", reads from {source}" if source else ""
        kind = "replica" if source else "database"
        settings = (
            f"{database['Engine']} {database['EngineVersion']}, {database['DBInstanceClass']},"
            f" {database['AllocatedStorage']} GB, {_either(database['MultiAZ'], 'two zones')},"
            f" {_either(database['StorageEncrypted'], 'encrypted')},"
            f" {_either(database['DeletionProtection'], 'protected')},"
            f" {database['BackupRetentionPeriod']} days of backups{of}"
        )
        yield "data", f"{kind} {database['DBInstanceIdentifier']}", settings
    for cache in snapshot.caches:
        settings = (
            f"{cache['Engine']}, {cache['CacheNodeType']}, {len(snapshot.cache_node_names)} nodes,"
            f" failover {cache['AutomaticFailover']},"
            f" {_either(cache['TransitEncryptionEnabled'], 'TLS')},"
            f" {_either(cache['AtRestEncryptionEnabled'], 'encrypted')}"
        )
        yield "data", f"cache {cache['ReplicationGroupId']}", settings


def _network(snapshot: AccountSnapshot) -> Iterator[tuple[str, str, str]]:
    for vpc in snapshot.vpcs:
        own = [s for s in snapshot.subnets.values() if s["VpcId"] == vpc["VpcId"]]
        zones = len({subnet["AvailabilityZone"] for subnet in own})
        kinds = Counter(snapshot.subnet_kind(subnet["SubnetId"]) for subnet in own)
        shown = ", ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds, reverse=True))
        exists = f", {vpc['VpcId']}, which exists" if snapshot.existing_vpc else ""
        yield "network", f"VPC {vpc['CidrBlock']}", f"{zones} zones, subnets: {shown}{exists}"


def _own_parts(names: list[str]) -> Iterator[str]:
    """Without the words that all begin with, and the digits that Pulumi appends."""
    words = [re.sub(r"-[0-9a-f]{7}$", "", name).split("-") for name in names]
    shared = list(takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False)))
    yield from ("-".join(each[len(shared) :]) for each in words)


def _either(value: object, word: str) -> str:
    return word if value else f"not {word}"


def lines(
    run: Rehearsal, snapshot: AccountSnapshot, results: list[CheckResult], seconds: float
) -> Iterator[str]:
    if not run.resources:
        yield from _failed(run)
        return
    yield f"\n{made(run)} in {seconds:.1f} s\n"
    before = ""
    for tier, what, detail in tiers(snapshot):
        label = "" if tier == before else tier.capitalize()
        yield from hung(f"  {label:<10}{what:<38} ", detail)
        before = tier
    yield "\nChecks"
    for result in results:
        word = "--" if result.missing_input else "no" if result.problems else "ok"
        why = f" (not judged: no {result.missing_input} made)" if result.missing_input else ""
        yield f"  {word:<4}{result.subject}{why}"
        yield from (f"        {problem}" for problem in result.problems)
    if run.prerequisites:
        yield "\nAssumed to exist before the first `pulumi up`"
        yield from (f"  {what}" for what in run.prerequisites)
    yield "\nNot replayed, only held against AWS's API model"
    unsupported = run.account.unsupported().items()
    yield from (f"  {reason} ({', '.join(names)})" for reason, names in unsupported)
    yield from _failed(run)
    yield ""
    yield from textwrap.wrap(LIMITS, WIDTH)


def made(run: Rehearsal) -> str:
    refused = len([failure for failure in run.failures if ":" in failure.type])
    stand = len(run.resources) - len(run.skipped_resources) - refused
    return f"{stand} of {len(run.resources)} resources made by {len(run.account.calls)} calls"


def _failed(run: Rehearsal) -> Iterator[str]:
    if run.failures:
        yield "\nRefused"
    for failure in run.failures:
        yield from _failure(failure)
    if run.skipped_resources:
        yield "\nNot tried, because it needs what could not be made"
        yield from (f"  {name} needs {needed}" for name, needed in run.skipped_resources.items())


def _failure(failure: Failure) -> Iterator[str]:
    yield f"  {failure.name} ({failure.type})"
    text = f"{failure.operation}: {failure.message}" if failure.operation else failure.message
    for line in text.splitlines():
        yield from textwrap.wrap(
            line, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
        )
    shown = at_fault(failure)
    yield from (f"      {name} = {value!r}" for name, value in shown[:_SHOWN])
    if len(shown) > _SHOWN:
        yield f"      and {len(shown) - _SHOWN} more inputs"


def at_fault(failure: Failure) -> list[tuple[str, Any]]:
    """The inputs that the message names, or all of them."""
    every = list(_leaves(failure.parameters))
    meant = [
        (name, value)
        for name, value in every
        if f"{name}:" in failure.message or (len(str(value)) > 2 and str(value) in failure.message)
    ]
    return meant or every


def _leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, entry in value.items():
            yield from _leaves(entry, f"{where}.{name}" if where else name)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _leaves(entry, f"{where}[{index}]")
    else:
        yield where, value
