"""What the architecture's picture shows, read from the simulated account."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from stackkit.tools.rehearse.account_snapshot import AccountSnapshot, Found
from stackkit.tools.rehearse.checks.reach import HTTPS, VALKEY
from stackkit.tools.rehearse.summary import tiers

# target of a subnet's default route → kind of the subnet
KINDS = {"igw": "public", "nat": "private", "": "isolated"}

RUNNING = ("service ", "group ")


@dataclass(frozen=True, kw_only=True)
class DiagramNode:
    tier: str
    title: str
    detail: str
    # of the arrow that leads to it
    port: str = ""
    # title of the part that the arrow comes from; "" for compute
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Zone:
    name: str
    # public, private, isolated → its range
    ranges: dict[str, str]
    nat: bool


@dataclass(frozen=True, kw_only=True)
class Diagram:
    network: str
    zones: Sequence[Zone]
    clients: DiagramNode
    upstream: DiagramNode
    # the load balancer stands in the private subnets
    internal: bool
    edge: Sequence[DiagramNode]
    compute: Sequence[DiagramNode]
    endpoints: DiagramNode | None
    data: Sequence[DiagramNode]


def read_diagram(snapshot: AccountSnapshot, host: str) -> Diagram:
    """`host` is the name that clients request."""
    parts = list(_parts(snapshot))
    ports = ", ".join(str(listener["Port"]) for listener in snapshot.listeners)
    vpcs = snapshot.read("ec2", "describe_vpcs", "Vpcs")
    return Diagram(
        network=next((f"VPC {vpc['CidrBlock']}" for vpc in vpcs if not vpc["IsDefault"]), "no VPC"),
        zones=list(_zones(snapshot)),
        clients=DiagramNode(tier="outside", title="Clients", detail=host, port=ports),
        upstream=_upstream(snapshot),
        internal=any(each["Scheme"] == "internal" for each in snapshot.balancers),
        edge=[part for part in parts if part.tier == "edge"],
        compute=[part for part in parts if part.title.startswith(RUNNING)],
        endpoints=_endpoints(snapshot.read("ec2", "describe_vpc_endpoints", "VpcEndpoints")),
        data=[part for part in parts if part.tier == "data"],
    )


def _parts(snapshot: AccountSnapshot) -> Iterator[DiagramNode]:
    serving = next((str(workload.port) for workload in snapshot.workloads), "")
    database = next((str(d["Endpoint"]["Port"]) for d in snapshot.databases), "")
    ports = {"service": serving, "group": serving, "cache": str(VALKEY)}
    ports |= dict.fromkeys(("database", "proxy", "replica"), database)
    proxy = next((f"proxy {each['DBProxyName']}" for each in snapshot.proxies), "")
    for tier, what, detail in tiers(snapshot):
        kind = what.partition(" ")[0]
        source = proxy if kind == "database" else ""
        yield DiagramNode(
            tier=tier, title=what, detail=detail, port=ports.get(kind, ""), source=source
        )


def _zones(snapshot: AccountSnapshot) -> Iterator[Zone]:
    own = [s for s in snapshot.subnets.values() if not s["DefaultForAz"]]
    gateways = snapshot.read("ec2", "describe_nat_gateways", "NatGateways")
    with_nat = {gateway["SubnetId"] for gateway in gateways}
    for name in sorted({subnet["AvailabilityZone"] for subnet in own}):
        here = [subnet for subnet in own if subnet["AvailabilityZone"] == name]
        ranges = {_kind(snapshot, subnet["SubnetId"]): subnet["CidrBlock"] for subnet in here}
        nat = any(subnet["SubnetId"] in with_nat for subnet in here)
        yield Zone(name=name, ranges=ranges, nat=nat)


def _kind(snapshot: AccountSnapshot, subnet: str) -> str:
    way = snapshot.route_to_internet(subnet).partition("-")[0]
    return KINDS.get(way, way)


def _endpoints(found: Found) -> DiagramNode | None:
    if not found:
        return None
    services = sorted(".".join(each["ServiceName"].split(".")[3:]) for each in found)
    detail = ", ".join(services)
    return DiagramNode(
        tier="network", title="AWS's APIs, privately", detail=detail, port=str(HTTPS)
    )


def _upstream(snapshot: AccountSnapshot) -> DiagramNode:
    url = next((w.environment.get("UPSTREAM_URL", "") for w in snapshot.workloads), "")
    parts = urlsplit(url)
    port = str(parts.port or {"http": 80, "https": HTTPS}.get(parts.scheme, ""))
    return DiagramNode(tier="outside", title="Upstream", detail=parts.hostname or "none", port=port)
