"""What the program asks about a VPC that exists, in the provider's names."""

from typing import Any


def of_vpc(ec2: Any, noun: str, asked: dict[str, Any]) -> dict[str, Any]:
    match noun:
        case "getSubnets":
            found = ec2.describe_subnets(Filters=_of(asked["filters"][0]["values"][0]))["Subnets"]
            return {"ids": [subnet["SubnetId"] for subnet in found]}
        case "getSubnet":
            [found] = ec2.describe_subnets(SubnetIds=[asked["id"]])["Subnets"]
            ipv6 = [each["Ipv6CidrBlock"] for each in found["Ipv6CidrBlockAssociationSet"]]
            return _named(found) | {"ipv6CidrBlock": "".join(ipv6)}
        case "getRouteTables":
            found = ec2.describe_route_tables(Filters=_of(asked["vpcId"]))["RouteTables"]
            return {"ids": [table["RouteTableId"] for table in found]}
        case "getRouteTable":
            ids = [asked["routeTableId"]]
            [found] = ec2.describe_route_tables(RouteTableIds=ids)["RouteTables"]
            routes = [
                _named(route) | {"cidrBlock": route.get("DestinationCidrBlock", "")}
                for route in found["Routes"]
            ]
            return {"associations": [_named(a) for a in found["Associations"]], "routes": routes}
        case _:
            # network interfaces: moto's subnets have room for all
            return {"ids": []}


def _of(vpc: str) -> list[dict[str, Any]]:
    return [{"Name": "vpc-id", "Values": [vpc]}]


def _named(found: dict[str, Any]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: v for name, v in found.items() if name != "Tags"}
