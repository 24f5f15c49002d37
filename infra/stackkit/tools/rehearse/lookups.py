"""What the program asks AWS for."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.account import SimulatedAccount
from stackkit.tools.rehearse.lookups_of_vpc import of_vpc

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
        return of_vpc(account.client("ec2"), token.rpartition(":")[2], asked)
    raise LookupError(f"the rehearsal can't answer {token}")


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
