"""What awsx.ec2.Vpc makes of its arguments, resource by resource."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stackkit.tools.rehearse.monitor import reference

Inputs = dict[str, Any]
# makes one resource (type, name, inputs) and returns its id
Register = Callable[[str, str, Inputs], str]


@dataclass
class _Subnets:
    ids: dict[str, list[str]] = field(
        default_factory=lambda: {"Public": [], "Private": [], "Isolated": []}
    )
    tables: dict[str, list[str]] = field(
        default_factory=lambda: {"Public": [], "Private": [], "Isolated": []}
    )


def expand(name: str, inputs: Inputs, register: Register) -> Inputs:
    """Register the parts and return the component's outputs."""
    vpc = register(
        "aws:ec2/vpc:Vpc",
        name,
        {
            "cidrBlock": inputs["cidrBlock"],
            "enableDnsHostnames": inputs.get("enableDnsHostnames"),
            "enableDnsSupport": inputs.get("enableDnsSupport"),
            "tags": {"Name": name},
        },
    )
    gateway = register(
        "aws:ec2/internetGateway:InternetGateway", name, {"vpcId": vpc, "tags": {"Name": name}}
    )
    subnets = _subnets(name, inputs, vpc, register)
    for number, table in enumerate(subnets.tables["Public"], start=1):
        _route(f"{name}-public-{number}", table, "gatewayId", gateway, register)
    nats = _nat_gateways(name, inputs["natGateways"]["strategy"], subnets, register)
    for number, table in enumerate(subnets.tables["Private"], start=1):
        if not nats:
            break
        nat = nats[(number - 1) % len(nats)]
        _route(f"{name}-private-{number}", table, "natGatewayId", nat, register)
    for spec in inputs.get("vpcEndpointSpecs", []):
        _endpoint(name, spec, vpc, subnets, register)
    return {
        "vpcId": vpc,
        "publicSubnetIds": subnets.ids["Public"],
        "privateSubnetIds": subnets.ids["Private"],
        "isolatedSubnetIds": subnets.ids["Isolated"],
        "natGateways": [reference("aws:ec2/natGateway:NatGateway", nat) for nat in nats],
    }


def _subnets(name: str, inputs: Inputs, vpc: str, register: Register) -> _Subnets:
    made = _Subnets()
    specs = inputs["subnetSpecs"]
    for number, zone in enumerate(inputs["availabilityZoneNames"], start=1):
        for spec in specs:
            label, kind = f"{name}-{spec['name']}-{number}", spec["type"]
            subnet = register(
                "aws:ec2/subnet:Subnet",
                label,
                {
                    "vpcId": vpc,
                    "cidrBlock": spec["cidrBlocks"][number - 1],
                    "availabilityZone": zone,
                    "mapPublicIpOnLaunch": kind == "Public",
                    "tags": {"Name": label, "SubnetType": kind},
                },
            )
            table = register(
                "aws:ec2/routeTable:RouteTable", label, {"vpcId": vpc, "tags": {"Name": label}}
            )
            register(
                "aws:ec2/routeTableAssociation:RouteTableAssociation",
                label,
                {"routeTableId": table, "subnetId": subnet},
            )
            made.ids[kind].append(subnet)
            made.tables[kind].append(table)
    return made


def _nat_gateways(name: str, strategy: str, subnets: _Subnets, register: Register) -> list[str]:
    public = subnets.ids["Public"]
    made = []
    counts = {"None": 0, "Single": 1, "OnePerAz": len(public)}
    for number, subnet in enumerate(public[: counts[strategy]], start=1):
        label = f"{name}-{number}"
        tags = {"Name": label}
        address = register("aws:ec2/eip:Eip", label, {"domain": "vpc", "tags": tags})
        inputs = {"subnetId": subnet, "allocationId": address, "tags": tags}
        made.append(register("aws:ec2/natGateway:NatGateway", label, inputs))
    return made


def _route(label: str, table: str, kind: str, target: str, register: Register) -> None:
    inputs = {"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0", kind: target}
    register("aws:ec2/route:Route", label, inputs)


def _endpoint(name: str, spec: Inputs, vpc: str, subnets: _Subnets, register: Register) -> None:
    service = spec["serviceName"]
    register(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        f"{name}-{service.rpartition('.')[2]}",
        {
            "vpcId": vpc,
            "serviceName": service,
            "vpcEndpointType": spec["vpcEndpointType"],
            "routeTableIds": [table for tables in subnets.tables.values() for table in tables],
        },
    )
