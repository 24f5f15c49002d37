"""What the architecture's picture shows, read from the simulated account."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from stackkit.tools.rehearse.account_snapshot import Found, World
from stackkit.tools.rehearse.checks.reach import HTTPS, VALKEY
from stackkit.tools.rehearse.summary import tiers

# what a subnet's traffic to the world takes → what it is called
KINDS = {"igw": "public", "nat": "private", "": "isolated"}

RUNNING = ("service ", "group ")


@dataclass(frozen=True, kw_only=True)
class Part:
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
class Scene:
    network: str
    zones: Sequence[Zone]
    clients: Part
    upstream: Part
    edge: Sequence[Part]
    compute: Sequence[Part]
    endpoints: Part | None
    data: Sequence[Part]


def scene(world: World, host: str) -> Scene:
    """`host` is the name that clients ask for."""
    parts = list(_parts(world))
    ports = ", ".join(str(listener["Port"]) for listener in world.listeners)
    vpcs = world.read("ec2", "describe_vpcs", "Vpcs")
    return Scene(
        network=next((f"VPC {vpc['CidrBlock']}" for vpc in vpcs if not vpc["IsDefault"]), "no VPC"),
        zones=list(_zones(world)),
        clients=Part(tier="outside", title="Clients", detail=host, port=ports),
        upstream=_upstream(world),
        edge=[part for part in parts if part.tier == "edge"],
        compute=[part for part in parts if part.title.startswith(RUNNING)],
        endpoints=_endpoints(world.read("ec2", "describe_vpc_endpoints", "VpcEndpoints")),
        data=[part for part in parts if part.tier == "data"],
    )


def _parts(world: World) -> Iterator[Part]:
    serving = next((str(workload.port) for workload in world.workloads), "")
    database = next((str(d["Endpoint"]["Port"]) for d in world.databases), "")
    ports = {"service": serving, "group": serving, "cache": str(VALKEY)}
    ports |= dict.fromkeys(("database", "proxy", "replica"), database)
    proxy = next((f"proxy {each['DBProxyName']}" for each in world.proxies), "")
    for tier, what, detail in tiers(world):
        kind = what.partition(" ")[0]
        source = proxy if kind == "database" else ""
        yield Part(tier=tier, title=what, detail=detail, port=ports.get(kind, ""), source=source)


def _zones(world: World) -> Iterator[Zone]:
    own = [s for s in world.subnets.values() if not s["DefaultForAz"]]
    gateways = world.read("ec2", "describe_nat_gateways", "NatGateways")
    with_nat = {gateway["SubnetId"] for gateway in gateways}
    for name in sorted({subnet["AvailabilityZone"] for subnet in own}):
        here = [subnet for subnet in own if subnet["AvailabilityZone"] == name]
        ranges = {_kind(world, subnet["SubnetId"]): subnet["CidrBlock"] for subnet in here}
        nat = any(subnet["SubnetId"] in with_nat for subnet in here)
        yield Zone(name=name, ranges=ranges, nat=nat)


def _kind(world: World, subnet: str) -> str:
    way = world.way_out(subnet).partition("-")[0]
    return KINDS.get(way, way)


def _endpoints(found: Found) -> Part | None:
    if not found:
        return None
    services = sorted(".".join(each["ServiceName"].split(".")[3:]) for each in found)
    detail = ", ".join(services)
    return Part(tier="network", title="AWS's APIs, privately", detail=detail, port=str(HTTPS))


def _upstream(world: World) -> Part:
    url = next((w.environment.get("UPSTREAM_URL", "") for w in world.workloads), "")
    parts = urlsplit(url)
    port = str(parts.port or {"http": 80, "https": HTTPS}.get(parts.scheme, ""))
    return Part(tier="outside", title="Upstream", detail=parts.hostname or "none", port=port)
