import json
from ipaddress import IPv4Network
from itertools import combinations

import pytest

from cloud import REGION
from harness import keys, run, stack
from stackkit.plan.network import blocks


@pytest.mark.parametrize(("tier", "gateways"), [("dev", "Single"), ("prod", "OnePerAz")])
def test_only_production_pays_for_a_gateway_in_each_zone(tier: str, gateways: str) -> None:
    vpc = stack(tier).one("awsx:ec2:Vpc").inputs
    assert vpc["natGateways"] == {"strategy": gateways}
    assert vpc["availabilityZoneNames"] == [f"{REGION}{zone}" for zone in "abc"]


def test_each_zone_has_a_public_a_private_and_an_isolated_subnet() -> None:
    vpc = stack("prod").one("awsx:ec2:Vpc").inputs
    assert vpc["cidrBlock"] == "10.0.0.0/16"
    assert {spec["type"]: spec["cidrBlocks"] for spec in vpc["subnetSpecs"]} == {
        "Private": ["10.0.0.0/20", "10.0.64.0/20", "10.0.128.0/20"],
        "Public": ["10.0.16.0/24", "10.0.80.0/24", "10.0.144.0/24"],
        "Isolated": ["10.0.17.0/24", "10.0.81.0/24", "10.0.145.0/24"],
    }


def test_a_third_zone_moves_no_range_of_the_others() -> None:
    for cidr in ("10.0.0.0/16", "172.16.0.0/19"):
        two, three = blocks(cidr, 2), blocks(cidr, 3)
        assert {kind: ranges[:2] for kind, ranges in three.items()} == two
        every = [IPv4Network(one) for ranges in three.values() for one in ranges]
        assert not any(a.overlaps(b) for a, b in combinations(every, 2))


def test_development_without_gateways_has_tasks_with_public_addresses() -> None:
    made = run("dev", keys("dev") | {"nat": "false"})
    assert made.one("awsx:ec2:Vpc").inputs["natGateways"] == {"strategy": "None"}
    network = made.one("aws:ecs/service:Service").inputs["networkConfiguration"]
    assert network["assignPublicIp"] is True
    assert network["subnets"] == [f"subnet-public-{zone}" for zone in "abc"]
    assert made.outputs["task"]["public_address"] == "ENABLED"
    assert made.outputs["task"]["subnets"] == network["subnets"]
    database = made.one("aws:rds/subnetGroup:SubnetGroup").inputs["subnetIds"]
    assert database == [f"subnet-isolated-{zone}" for zone in "abc"]
    assert "shop-dev-nat-ports" not in made.names("aws:cloudwatch/metricAlarm:MetricAlarm")


def test_everything_stands_in_its_own_kind_of_subnet() -> None:
    made = stack("prod")
    service = made.one("aws:ecs/service:Service").inputs["networkConfiguration"]
    balancer = made.one("aws:lb/loadBalancer:LoadBalancer").inputs["subnets"]
    database = made.one("aws:rds/subnetGroup:SubnetGroup").inputs["subnetIds"]
    cache = made.one("aws:elasticache/subnetGroup:SubnetGroup").inputs["subnetIds"]
    assert balancer == [f"subnet-public-{zone}" for zone in "abc"]
    assert service["subnets"] == [f"subnet-private-{zone}" for zone in "abc"]
    assert database == cache == [f"subnet-isolated-{zone}" for zone in "abc"]
    assert service["assignPublicIp"] is False


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_images_reach_the_tasks_without_passing_the_gateways(tier: str) -> None:
    vpc = stack(tier).one("awsx:ec2:Vpc").inputs
    assert vpc["vpcEndpointStrategy"] == "Auto"
    assert vpc["vpcEndpointSpecs"] == [
        {"serviceName": f"com.amazonaws.{REGION}.s3", "vpcEndpointType": "Gateway"}
    ]


def test_production_reaches_aws_by_private_addresses() -> None:
    endpoints = stack("prod").all("aws:ec2/vpcEndpoint:VpcEndpoint")
    services = {e.inputs["serviceName"].removeprefix(f"com.amazonaws.{REGION}.") for e in endpoints}
    assert services == {"ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm"}
    assert [e.name for e in endpoints if e.inputs["vpcEndpointType"] != "Interface"] == []
    assert [e.name for e in endpoints if e.inputs["privateDnsEnabled"] is not True] == []
    assert [e.name for e in endpoints if e.inputs["subnetIds"][0] != "subnet-private-a"] == []


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_all_traffic_is_in_the_flow_log(tier: str) -> None:
    made = stack(tier)
    flow = made.one("aws:ec2/flowLog:FlowLog").inputs
    role = made.one("aws:iam/role:Role", f"shop-{tier}-flow").inputs
    trusted = json.loads(role["assumeRolePolicy"])["Statement"][0]["Principal"]
    assert (flow["trafficType"], flow["vpcId"]) == ("ALL", f"vpc-shop-{tier}")
    assert flow["logDestination"].endswith(f"logGroup/shop-{tier}-flow")
    assert trusted == {"Service": "vpc-flow-logs.amazonaws.com"}
