"""The pictures of the page, read back from the account: the architecture and the dashboard."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import htpy as h

from stackkit.tools.page import picture
from stackkit.tools.rehearse.account_snapshot import AccountSnapshot
from stackkit.tools.rehearse.checks.reach import HTTPS, VALKEY
from stackkit.tools.rehearse.summary import tiers


def architecture(snapshot: AccountSnapshot, host: str) -> h.Element:
    """`host` is the name that clients request."""
    nodes = list(_nodes(snapshot))
    internal = any(each["Scheme"] == "internal" for each in snapshot.balancers)
    [vpc] = snapshot.vpcs or [{"CidrBlock": ""}]
    private, edge = _zones(snapshot, "private"), [node for tier, node in nodes if tier == "edge"]
    drawn = [
        _node("outside", "Clients", host),
        h.div(".vpc")[
            f"VPC {vpc['CidrBlock']}{', which exists' if snapshot.existing_vpc else ''}",
            _zones(snapshot, "public"),
            [private, edge] if internal else [edge, private],
            [node for tier, node in nodes if tier == "compute"],
            _endpoints(snapshot),
            _zones(snapshot, "isolated"),
            [node for tier, node in nodes if tier == "data"],
        ],
        _upstream(snapshot),
    ]
    caption = (
        "Read back from the simulated account, from clients down to the data and the upstream."
        " Before each part stands the port at which it is called; columns are zones."
    )
    return picture(drawn, caption, "architecture")


def _node(tier: str, title: str, detail: str, port: str = "") -> h.Element:
    called = h.i[f"{port} →"] if port else None
    return h.div(f".node.{tier}")[called, h.b[title], h.span[detail]]


def _nodes(snapshot: AccountSnapshot) -> Iterator[tuple[str, h.Element]]:
    serving = next((str(workload.port) for workload in snapshot.workloads), "")
    database = next((str(d["Endpoint"]["Port"]) for d in snapshot.databases), "")
    listening = ", ".join(str(listener["Port"]) for listener in snapshot.listeners)
    ports = {"service": serving, "group": serving, "cache": str(VALKEY), "load": listening}
    ports |= dict.fromkeys(("database", "proxy", "replica"), database)
    for tier, what, detail in tiers(snapshot):
        yield tier, _node(tier, what, detail, ports.get(what.partition(" ")[0], ""))


def _zones(snapshot: AccountSnapshot, kind: str) -> h.Element:
    own = [s for s in snapshot.subnets.values() if not s["DefaultForAz"]]
    with_nat = {gateway["SubnetId"] for gateway in snapshot.nat_gateways}
    cells = []
    for name in sorted({subnet["AvailabilityZone"] for subnet in own}):
        within = [s for s in own if s["AvailabilityZone"] == name]
        here = [s for s in within if snapshot.subnet_kind(s["SubnetId"]) == kind]
        ranges = ", ".join(subnet["CidrBlock"] for subnet in here) or "none"
        nat = h.span["NAT"] if any(subnet["SubnetId"] in with_nat for subnet in here) else None
        cells.append(h.div[h.b[name], h.span[kind], h.span[ranges], nat])
    return h.div(".zones")[cells]


def _endpoints(snapshot: AccountSnapshot) -> h.Element | None:
    found = snapshot.read("ec2", "describe_vpc_endpoints", "VpcEndpoints")
    names = sorted(".".join(each["ServiceName"].split(".")[3:]) for each in found)
    title = "AWS's APIs, privately"
    return _node("network", title, ", ".join(names), str(HTTPS)) if names else None


def _upstream(snapshot: AccountSnapshot) -> h.Element:
    url = next((w.environment.get("UPSTREAM_URL", "") for w in snapshot.workloads), "")
    parts = urlsplit(url)
    port = str(parts.port or {"http": 80, "https": HTTPS}.get(parts.scheme, ""))
    return _node("outside", "Upstream", parts.hostname or "none", port)


def dashboard(snapshot: AccountSnapshot) -> h.Element:
    """Each graph in its place, with its limits; no account, no curves."""
    widgets = sorted(snapshot.dashboards, key=lambda widget: (widget["y"], widget["x"]))
    caption = "The dashboard, with the limits that are lines in its graphs; what is on top, first."
    return picture(h.div(".dashboard")[map(_widget, widgets)], caption)


def _widget(widget: dict[str, Any]) -> h.Element:
    own = widget["properties"]
    if widget["type"] == "text":
        return h.b[own["markdown"].removeprefix("## ").partition(" ·")[0]]
    axis = own["yAxis"]["left"]["label"]
    limits = [limit["value"] for limit in own["annotations"]["horizontal"]]
    return h.div(".graph", style=f"grid-column: {widget['x'] + 1} / span {widget['width']}")[
        own["title"], (h.p[f"{value:,.10g} {axis}".strip()] for value in limits)
    ]
