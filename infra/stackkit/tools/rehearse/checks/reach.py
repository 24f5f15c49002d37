"""Security groups, subnets and zones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stackkit.settings.config import WORLD
from stackkit.tools.rehearse.account_snapshot import AccountSnapshot

POSTGRESQL, VALKEY, HTTPS = 5432, 6379, 443


@dataclass(frozen=True)
class DataStore:
    """A database or a cache."""

    name: str
    groups: Sequence[str]
    subnets: Sequence[str]
    port: int
    # compute connects to it
    direct: bool = True


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
    called = [(store.groups, store.port, store.name) for store in _stores(snapshot) if store.direct]
    for proxy in snapshot.proxies:
        called.append((proxy["VpcSecurityGroupIds"], POSTGRESQL, f"proxy {proxy['DBProxyName']}"))
    for workload in snapshot.workloads:
        for groups, port, name in called:
            where = f"{workload.name} → {name}"
            yield from _connected(snapshot, workload.groups, groups, port, where)
        if not _open(snapshot, workload.groups, "IpPermissionsEgress", HTTPS, WORLD):
            yield f"{workload.name}: can't reach AWS's APIs on port {HTTPS}"


def private(snapshot: AccountSnapshot) -> Iterator[str]:
    """No address range opens the data tier, only groups of compute (and of a proxy) do."""
    allowed = {group for workload in snapshot.workloads for group in workload.groups}
    allowed |= {group for proxy in snapshot.proxies for group in proxy["VpcSecurityGroupIds"]}
    names = {id: group["GroupName"] for id, group in snapshot.security_groups.items()}
    for store in _stores(snapshot):
        for group in store.groups:
            for rule in snapshot.security_groups[group]["IpPermissions"]:
                others = [names.get(other, other) for other in _others(rule) - allowed]
                yield from (f"{store.name}: open to {other}" for other in others)
        for subnet in store.subnets:
            way = snapshot.route_to_internet(subnet)
            # a VPC that exists has no subnets of the data tier's own
            if way.startswith("igw-") if snapshot.existing_vpc else way:
                yield f"{store.name}: subnet {subnet} has a way to the internet"
    for database in snapshot.databases:
        if database.get("PubliclyAccessible"):
            yield f"{database['DBInstanceIdentifier']}: has a public address"


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
    for store in _stores(snapshot):
        yield from _spread(snapshot, store.name, store.subnets)


def _spread(snapshot: AccountSnapshot, name: str, subnets: Sequence[str]) -> Iterator[str]:
    zones = {snapshot.subnets[subnet]["AvailabilityZone"] for subnet in subnets}
    if len(zones) < 2:
        yield f"{name}: stands in {len(zones)} zone"


def _stores(snapshot: AccountSnapshot) -> Iterator[DataStore]:
    for database in snapshot.databases:
        yield DataStore(
            name=f"database {database['DBInstanceIdentifier']}",
            groups=[group["VpcSecurityGroupId"] for group in database["VpcSecurityGroups"]],
            subnets=[s["SubnetIdentifier"] for s in database["DBSubnetGroup"]["Subnets"]],
            port=database["Endpoint"]["Port"],
            # behind a proxy, the proxy connects to the primary and compute to the replicas
            direct=not snapshot.proxies or "ReadReplicaSourceDBInstanceIdentifier" in database,
        )
    for (groups, subnets), cache in zip(snapshot.cache_places, snapshot.caches, strict=True):
        yield DataStore(f"cache {cache['ReplicationGroupId']}", groups, subnets, VALKEY)


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
