"""What the program asks AWS for."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.account import SimulatedAccount

# how Pulumi's wire marks a secret
_SECRET = "4dabf18193072939515e22adb298388d"


def look_up(account: SimulatedAccount, token: str, asked: dict[str, Any]) -> dict[str, Any]:
    if token == "pulumi:pulumi:readStackOutputs":
        # nothing was deployed before
        return {"outputs": {}}
    if token == "aws:route53/getZone:getZone":
        zones = account.client("route53").list_hosted_zones_by_name(DNSName=asked["name"])
        for zone in zones["HostedZones"]:
            if zone["Name"].rstrip(".") == asked["name"].rstrip("."):
                return {"zoneId": zone["Id"].rpartition("/")[2], "name": asked["name"]}
        raise LookupError(f"no hosted zone {asked['name']}")
    if token == "aws:index/getAvailabilityZones:getAvailabilityZones":
        found = account.client("ec2").describe_availability_zones()["AvailabilityZones"]
        return {"names": [zone["ZoneName"] for zone in found]}
    if token == "aws:ecr/getAuthorizationToken:getAuthorizationToken":
        [granted] = account.client("ecr").get_authorization_token()["authorizationData"]
        return {"proxyEndpoint": granted["proxyEndpoint"], "userName": "AWS", "password": "token"}
    if token == "aws:ssm/getParameter:getParameter":
        found = account.client("ssm").get_parameter(Name=asked["name"])["Parameter"]
        return {"name": asked["name"], "insecureValue": found["Value"]}
    if token == "aws:index/getCallerIdentity:getCallerIdentity":
        return {"accountId": account.client("sts").get_caller_identity()["Account"]}
    if token.startswith("aws:ec2/"):
        return _of_vpc(account.client("ec2"), token.rpartition(":")[2], asked)
    raise LookupError(f"the rehearsal can't answer {token}")


def _of_vpc(ec2: Any, noun: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What the program asks about a VPC that exists, in the provider's names."""
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


def whole(value: Any) -> Any:
    """The wire has floats only: 3.0 is a number of zones; a secret is its value."""
    if isinstance(value, Mapping):
        if _SECRET in value:
            return whole(value["value"])
        return {key: whole(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [whole(entry) for entry in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
