"""Security groups, subnets and zones."""

from collections.abc import Iterator, Sequence
from typing import Any

from stackkit.settings.config import WORLD
from stackkit.tools.rehearse.account_snapshot import AccountSnapshot

POSTGRESQL, VALKEY, HTTPS = 5432, 6379, 443


def reachable(snapshot: AccountSnapshot) -> Iterator[str]:
    """Clients → load balancer → compute → database and cache, out of one and into the other."""
    for balancer in snapshot.balancers:
        groups = balancer["SecurityGroups"]
        for listener in snapshot.listeners:
            for source in snapshot.account.allow_from:
                if not _open(snapshot, groups, "IpPermissions", listener["Port"], source):
                    who = "the internet" if source == WORLD else source
                    yield f"port {listener['Port']} of the load balancer is closed to {who}"
        for workload in snapshot.workloads:
            where = f"load balancer → {workload.name}"
            yield from _connected(snapshot, groups, workload.groups, workload.port, where)
    for workload in snapshot.workloads:
        for groups, port, name in _data(snapshot):
            where = f"{workload.name} → {name}"
            yield from _connected(snapshot, workload.groups, groups, port, where)
        if not _open(snapshot, workload.groups, "IpPermissionsEgress", HTTPS, WORLD):
            yield f"{workload.name}: can't reach AWS's APIs on port {HTTPS}"


def private(snapshot: AccountSnapshot) -> Iterator[str]:
    """No address range opens the data tier, only groups of compute (and of a proxy) do."""
    compute = {group for workload in snapshot.workloads for group in workload.groups}
    compute |= {group for proxy in snapshot.proxies for group in proxy["VpcSecurityGroupIds"]}
    for groups, _, name in _data(snapshot, behind_proxy=True):
        for group in groups:
            for rule in snapshot.security_groups[group]["IpPermissions"]:
                yield from (f"{name}: open to {cidr}" for cidr in ranges(rule))
                sources = {pair["GroupId"] for pair in rule["UserIdGroupPairs"]}
                yield from (f"{name}: open to {_named(snapshot, g)}" for g in sources - compute)
    for database in snapshot.databases:
        if database.get("PubliclyAccessible"):
            yield f"{database['DBInstanceIdentifier']}: has a public address"
    for name, subnets in _data_subnets(snapshot):
        routed = [subnet for subnet in subnets if snapshot.route_to_internet(subnet)]
        yield from (f"{name}: subnet {subnet} has a way to the internet" for subnet in routed)


def placed(snapshot: AccountSnapshot) -> Iterator[str]:
    """Each tier spans two zones or more, and has the default route that it needs."""
    for balancer in snapshot.balancers:
        subnets = [zone["SubnetId"] for zone in balancer["AvailabilityZones"]]
        yield from _spread(snapshot, "load balancer", subnets)
        internal = balancer["Scheme"] == "internal"
        for subnet in subnets:
            if snapshot.route_to_internet(subnet).startswith("igw-") == internal:
                has = "an" if internal else "no"
                yield f"load balancer: subnet {subnet} has {has} internet gateway"
    for workload in snapshot.workloads:
        yield from _spread(snapshot, workload.name, workload.subnets)
        for subnet in workload.subnets:
            way = snapshot.route_to_internet(subnet)
            if not way.startswith("igw-" if workload.public_addresses else "nat-"):
                yield f"{workload.name}: subnet {subnet} has no NAT gateway"
    for name, subnets in _data_subnets(snapshot):
        yield from _spread(snapshot, name, subnets)


def _spread(snapshot: AccountSnapshot, name: str, subnets: Sequence[str]) -> Iterator[str]:
    zones = {snapshot.subnets[subnet]["AvailabilityZone"] for subnet in subnets}
    if len(zones) < 2:
        yield f"{name}: stands in {len(zones)} zone"


def _data(
    snapshot: AccountSnapshot, behind_proxy: bool = False
) -> Iterator[tuple[list[str], int, str]]:
    """Groups, port and name of what compute connects to."""
    for proxy in snapshot.proxies:
        yield proxy["VpcSecurityGroupIds"], POSTGRESQL, f"proxy {proxy['DBProxyName']}"
    for database in snapshot.databases:
        # behind a proxy, the proxy connects to the primary and compute to the replicas
        if (
            behind_proxy
            or not snapshot.proxies
            or "ReadReplicaSourceDBInstanceIdentifier" in database
        ):
            groups = [group["VpcSecurityGroupId"] for group in database["VpcSecurityGroups"]]
            port = database["Endpoint"]["Port"]
            yield groups, port, f"database {database['DBInstanceIdentifier']}"
    for (groups, _), cache in zip(snapshot.cache_places, snapshot.caches, strict=True):
        yield groups, VALKEY, f"cache {cache['ReplicationGroupId']}"


def _data_subnets(snapshot: AccountSnapshot) -> Iterator[tuple[str, list[str]]]:
    for database in snapshot.databases:
        subnets = [s["SubnetIdentifier"] for s in database["DBSubnetGroup"]["Subnets"]]
        yield f"database {database['DBInstanceIdentifier']}", subnets
    for (_, subnets), cache in zip(snapshot.cache_places, snapshot.caches, strict=True):
        yield f"cache {cache['ReplicationGroupId']}", subnets


def _connected(
    snapshot: AccountSnapshot, sources: Sequence[str], targets: Sequence[str], port: int, where: str
) -> Iterator[str]:
    if not any(_open(snapshot, sources, "IpPermissionsEgress", port, group) for group in targets):
        yield f"{where}: no rule lets port {port} out"
    if not any(_open(snapshot, targets, "IpPermissions", port, group) for group in sources):
        yield f"{where}: no rule lets port {port} in"


def _open(
    snapshot: AccountSnapshot, groups: Sequence[str], rules: str, port: int, other: str
) -> bool:
    return any(
        _covers(rule, port) and other in _others(rule)
        for group in groups
        for rule in snapshot.security_groups[group][rules]
    )


def _covers(rule: dict[str, Any], port: int) -> bool:
    return rule["IpProtocol"] == "-1" or rule["FromPort"] <= port <= rule["ToPort"]


def _others(rule: dict[str, Any]) -> set[str]:
    pairs = {pair["GroupId"] for pair in rule["UserIdGroupPairs"]}
    return pairs | set(ranges(rule))


def ranges(rule: dict[str, Any]) -> list[str]:
    """Of addresses, IPv4 and IPv6."""
    found = [entry["CidrIp"] for entry in rule["IpRanges"]]
    return found + [entry["CidrIpv6"] for entry in rule["Ipv6Ranges"]]


def _named(snapshot: AccountSnapshot, group: str) -> str:
    return (
        snapshot.security_groups[group]["GroupName"] if group in snapshot.security_groups else group
    )
