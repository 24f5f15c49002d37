"""What the components of awsx make of their arguments, resource by resource."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Inputs = dict[str, Any]
# makes one resource (type, name, inputs) and returns the engine's reference to it
Register = Callable[[str, str, Inputs], Inputs]
# kind of subnet → ids
_ByKind = dict[str, list[str]]


def expand_vpc(name: str, inputs: Inputs, register: Register) -> Inputs:
    """Register the parts and return the component's outputs."""
    own = ("cidrBlock", "enableDnsHostnames", "enableDnsSupport")
    settings = {each: inputs.get(each) for each in own}
    vpc = register("aws:ec2/vpc:Vpc", name, {**settings, "tags": {"Name": name}})["id"]
    gateway = register(
        "aws:ec2/internetGateway:InternetGateway", name, {"vpcId": vpc, "tags": {"Name": name}}
    )
    subnets, tables = _subnets(name, inputs, vpc, register)
    nats = _nat_gateways(name, inputs["natGateways"]["strategy"], subnets["Public"], register)
    for kind, target, ids in (
        ("Public", "gatewayId", [gateway["id"]]),
        ("Private", "natGatewayId", [nat["id"] for nat in nats]),
    ):
        for number, table in enumerate(tables[kind] if ids else [], start=1):
            route = {target: ids[(number - 1) % len(ids)], "destinationCidrBlock": "0.0.0.0/0"}
            label = f"{name}-{kind.lower()}-{number}"
            register("aws:ec2/route:Route", label, {"routeTableId": table, **route})
    for spec in inputs.get("vpcEndpointSpecs", []):
        label = f"{name}-{spec['serviceName'].rpartition('.')[2]}"
        routed = {"vpcId": vpc, "routeTableIds": [id for ids in tables.values() for id in ids]}
        register("aws:ec2/vpcEndpoint:VpcEndpoint", label, {**spec, **routed})
    return {
        "vpcId": vpc,
        "publicSubnetIds": subnets["Public"],
        "privateSubnetIds": subnets["Private"],
        "isolatedSubnetIds": subnets["Isolated"],
        "natGateways": nats,
    }


def _subnets(name: str, inputs: Inputs, vpc: str, register: Register) -> tuple[_ByKind, _ByKind]:
    """Ids of the subnets and of their route tables."""
    subnets: _ByKind = {"Public": [], "Private": [], "Isolated": []}
    tables: _ByKind = {"Public": [], "Private": [], "Isolated": []}
    for number, zone in enumerate(inputs["availabilityZoneNames"], start=1):
        for spec in inputs["subnetSpecs"]:
            label, kind = f"{name}-{spec['name']}-{number}", spec["type"]
            own = {
                "cidrBlock": spec["cidrBlocks"][number - 1],
                "availabilityZone": zone,
                "mapPublicIpOnLaunch": kind == "Public",
                "tags": {"Name": label, "SubnetType": kind},
            }
            tagged = {"vpcId": vpc, "tags": {"Name": label}}
            subnet = register("aws:ec2/subnet:Subnet", label, {"vpcId": vpc, **own})["id"]
            table = register("aws:ec2/routeTable:RouteTable", label, tagged)["id"]
            register(
                "aws:ec2/routeTableAssociation:RouteTableAssociation",
                label,
                {"routeTableId": table, "subnetId": subnet},
            )
            subnets[kind].append(subnet)
            tables[kind].append(table)
    return subnets, tables


def _nat_gateways(name: str, strategy: str, public: list[str], register: Register) -> list[Inputs]:
    made = []
    counts = {"None": 0, "Single": 1, "OnePerAz": len(public)}
    for number, subnet in enumerate(public[: counts[strategy]], start=1):
        label = f"{name}-{number}"
        tags = {"Name": label}
        address = register("aws:ec2/eip:Eip", label, {"domain": "vpc", "tags": tags})
        inputs = {"subnetId": subnet, "allocationId": address["id"], "tags": tags}
        made.append(register("aws:ec2/natGateway:NatGateway", label, inputs))
    return made


def expand_repository(name: str, inputs: Inputs, register: Register) -> Inputs:
    policy = inputs.pop("lifecyclePolicy")
    url = register("aws:ecr/repository:Repository", name, inputs)["id"]
    rules = [
        {
            "rulePriority": priority,
            "description": rule["description"],
            "selection": {
                "tagStatus": rule["tagStatus"],
                **({"tagPrefixList": prefixes} if (prefixes := rule.get("tagPrefixList")) else {}),
                "countType": "imageCountMoreThan",
                "countNumber": rule["maximumNumberOfImages"],
            },
            "action": {"type": "expire"},
        }
        for priority, rule in enumerate(policy["rules"], start=1)
    ]
    own = {"repository": url.partition("/")[2], "policy": json.dumps({"rules": rules})}
    kept = register("aws:ecr/lifecyclePolicy:LifecyclePolicy", name, own)
    return {"url": url, "lifecyclePolicy": kept}


COMPONENTS: Mapping[str, Callable[[str, Inputs, Register], Inputs]] = {
    "awsx:ec2:Vpc": expand_vpc,
    "awsx:ecr:Repository": expand_repository,
}
