"""A pretended AWS: it answers as far as the program goes on with the answer."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime import mocks

from stackkit.tools.rehearse.monitor import TransformingMocks, reference

REGION = "eu-west-1"
ACCOUNT = "123456789012"
ZONE_ID = "Z0123456789"
AMI_ID = "ami-0123456789abcdef0"
BAKED_AMI_ID = "ami-0fedcba9876543210"
GENERATED = "a-generated-password"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
DIGEST = f"sha256:{'a' * 64}"
# what RDS has changed by itself: name of the instance → properties
GROWN: dict[str, dict[str, Any]] = {}


# a VPC that exists; tests change what is in it
VPC = "vpc-0a1b2c3d"
PUBLIC = [f"subnet-aaaaaaa{zone}" for zone in (1, 2, 3)]
PRIVATE = [f"subnet-bbbbbbb{zone}" for zone in (1, 2, 3)]
SUBNETS: dict[str, dict[str, Any]] = {
    subnet: {
        "availabilityZone": f"{REGION}{zone}",
        "cidrBlock": f"172.31.{number}.0/24",
        "ipv6CidrBlock": f"2001:db8:0:{number}::/64",
        "availableIpAddressCount": 4000,
    }
    for number, (subnet, zone) in enumerate(zip(PUBLIC + PRIVATE, "abcabc", strict=True))
}
# route table → what its routes lead to, and its subnets; "" for those that no other table has
TABLES: dict[str, tuple[dict[str, str], list[str]]] = {
    "rtb-1": ({"gatewayId": "local"}, [""]),
    "rtb-2": ({"gatewayId": "igw-1"}, PUBLIC),
    "rtb-3": ({"natGatewayId": "nat-1"}, PRIVATE),
}
# subnet → addresses that the stack has there already
OCCUPIED: dict[str, int] = {}


def _route_table(asked: Mapping[str, Any]) -> dict[str, Any]:
    target, subnets = TABLES[asked["routeTableId"]]
    everywhere = "172.31.0.0/16" if target == {"gatewayId": "local"} else "0.0.0.0/0"
    return {
        "routes": [{"cidrBlock": everywhere, **target}],
        "associations": [{"main": not each, "subnetId": each} for each in subnets],
    }


def _occupied(asked: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {each["name"]: each["values"] for each in asked["filters"]}
    assert "shop-prod-compute-???????" in wanted["group-name"]
    return {"ids": [f"eni-{n}" for n in range(OCCUPIED.get(wanted["subnet-id"][0], 0))]}


class Cloud(TransformingMocks):
    def __init__(self, preview: bool, last_outputs: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._preview = preview
        # of deployments before, by the stack's whole name
        self._last_outputs = last_outputs or {}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        if args.token == "pulumi:pulumi:readStackOutputs":
            return {"outputs": self._last_outputs.get(args.args["name"], {})}, []
        return _ANSWERS[args.token](args.args), []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if self._preview:
            # what a component of awsx makes is unknown until it is made
            return None, {} if args.typ.startswith("awsx:") else dict(args.inputs)
        return f"{args.name}-id", {**args.inputs, **_computed(args.typ, args.name, args.inputs)}


def _computed(kind: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    service, _, rest = kind.partition(":")[2].partition("/")
    noun = rest.partition(":")[0]
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{noun}/{name}"
    every = {"arn": arn, "name": inputs.get("name", f"{name}-0123456")}
    return every | _OUTPUTS.get(kind, lambda name, inputs: {})(name, inputs)


def _gateways(name: str, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    counts = {"None": 0, "Single": 1, "OnePerAz": len(inputs["availabilityZoneNames"])}
    zones = range(1, counts[inputs["natGateways"]["strategy"]] + 1)
    return [reference("aws:ec2/natGateway:NatGateway", f"nat-{name}-{zone}") for zone in zones]


def _subnets(name: str, tier: str) -> list[str]:
    return [f"subnet-{tier}-{zone}" for zone in "abc"]


_ANSWERS: dict[str, Any] = {
    # a Local Zone too, if nobody leaves it out
    "aws:index/getAvailabilityZones:getAvailabilityZones": lambda asked: {
        "names": [
            *([] if asked.get("filters") else [f"{REGION}-aaa-1a"]),
            *(f"{REGION}{zone}" for zone in "cab"),
        ]
    },
    "aws:route53/getZone:getZone": lambda asked: {"zoneId": ZONE_ID, "name": asked["name"]},
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": lambda asked: {
        "proxyEndpoint": f"https://{REGISTRY}",
        "userName": "AWS",
        "password": "a-registry-token",
    },
    "aws:ssm/getParameter:getParameter": lambda asked: {
        "name": asked["name"],
        "insecureValue": AMI_ID,
    },
    "aws:ec2/getSubnets:getSubnets": lambda asked: {
        "ids": list(SUBNETS) if asked["filters"] == [{"name": "vpc-id", "values": [VPC]}] else []
    },
    "aws:ec2/getSubnet:getSubnet": lambda asked: SUBNETS[asked["id"]],
    "aws:ec2/getRouteTables:getRouteTables": lambda asked: {"ids": list(TABLES)},
    "aws:ec2/getRouteTable:getRouteTable": _route_table,
    "aws:ec2/getNetworkInterfaces:getNetworkInterfaces": _occupied,
    "aws:index/getCallerIdentity:getCallerIdentity": lambda asked: {"accountId": ACCOUNT},
}

_OUTPUTS: dict[str, Any] = {
    "awsx:ec2:Vpc": lambda name, inputs: {
        "vpcId": f"vpc-{name}",
        "publicSubnetIds": _subnets(name, "public"),
        "privateSubnetIds": _subnets(name, "private"),
        "isolatedSubnetIds": _subnets(name, "isolated"),
        # goes in as an object and comes out as a list
        "natGateways": _gateways(name, inputs),
    },
    "awsx:ecr:Repository": lambda name, inputs: {
        "url": f"{REGISTRY}/{name}-0123456",
        "lifecyclePolicy": reference("aws:ecr/lifecyclePolicy:LifecyclePolicy", f"{name}-policy"),
    },
    "docker-build:index:Image": lambda name, inputs: {"digest": DIGEST},
    "aws:imagebuilder/image:Image": lambda name, inputs: {
        "outputResources": [{"amis": [{"image": BAKED_AMI_ID}]}]
    },
    "aws:lb/loadBalancer:LoadBalancer": lambda name, inputs: {
        "arnSuffix": f"app/{name}/1",
        "dnsName": f"{name}.elb.amazonaws.com",
        "zoneId": "ZELB",
    },
    "aws:lb/targetGroup:TargetGroup": lambda name, inputs: {
        "arnSuffix": f"targetgroup/{name}/2",
    },
    "aws:rds/instance:Instance": lambda name, inputs: {
        "identifier": name,
        "address": f"{name}.rds.amazonaws.com",
        "endpoint": f"{name}.rds.amazonaws.com:5432",
        "masterUserSecrets": [
            {"secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!{name}-AbCdEf"}
        ],
        **GROWN.get(name, {}),
    },
    "aws:rds/proxy:Proxy": lambda name, inputs: {"endpoint": f"{name}.proxy.amazonaws.com"},
    "aws:secretsmanager/secretVersion:SecretVersion": lambda name, inputs: {
        "secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"
    },
    "aws:elasticache/replicationGroup:ReplicationGroup": lambda name, inputs: {
        "primaryEndpointAddress": f"{name}.cache.amazonaws.com",
        "memberClusters": [f"{name}-00{n}" for n in range(1, int(inputs["numCacheClusters"]) + 1)],
    },
    "aws:acm/certificate:Certificate": lambda name, inputs: {
        "domainValidationOptions": [
            {
                "domainName": inputs["domainName"],
                "resourceRecordName": f"_proof.{inputs['domainName']}",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_value.acm-validations.aws",
            }
        ]
    },
    "aws:route53/record:Record": lambda name, inputs: {"fqdn": inputs["name"]},
    "aws:s3/bucket:Bucket": lambda name, inputs: {"bucket": f"{name}-0123456"},
    "aws:ec2/launchTemplate:LaunchTemplate": lambda name, inputs: {"latestVersion": 1},
    "aws:ecs/service:Service": lambda name, inputs: {"taskDefinition": inputs["taskDefinition"]},
    "aws:ecs/cluster:Cluster": lambda name, inputs: {
        "arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{name}"
    },
    "random:index/randomPassword:RandomPassword": lambda name, inputs: {
        # the engine keeps this one encrypted
        "result": pulumi.Output.secret(GENERATED)
    },
}
