"""A VPC that exists: what is looked at, what is refused, and what is not made in it."""

import json
from collections.abc import Mapping

import pulumi
import pytest

import cloud
from harness import Run, keys, run

NAMED = {
    "vpc_id": cloud.VPC,
    "public_subnet_ids": json.dumps(cloud.PUBLIC),
    "private_subnet_ids": json.dumps(cloud.PRIVATE),
}


def stack(tier: str = "prod", **more: str) -> Run:
    return run(tier, keys(tier) | NAMED | more)


def refusal(values: Mapping[str, str]) -> list[str]:
    """Its lines; nothing was registered before it."""
    recorded = Run()
    with pytest.raises(pulumi.RunError) as refused:
        run("prod", {**keys("prod"), **NAMED, **values}, recorded=recorded)
    assert recorded.registrations == []
    return str(refused.value).splitlines()


def test_everything_stands_in_the_named_subnets() -> None:
    made = stack()
    service = made.one("aws:ecs/service:Service").inputs["networkConfiguration"]
    assert made.one("aws:lb/loadBalancer:LoadBalancer").inputs["subnets"] == cloud.PUBLIC
    assert service["subnets"] == cloud.PRIVATE
    assert made.outputs["task"]["subnets"] == cloud.PRIVATE
    for kind in ("aws:rds/subnetGroup:SubnetGroup", "aws:elasticache/subnetGroup:SubnetGroup"):
        assert made.one(kind).inputs["subnetIds"] == cloud.PRIVATE
    groups = made.all("aws:ec2/securityGroup:SecurityGroup")
    assert {group.inputs["vpcId"] for group in groups} == {cloud.VPC}
    assert made.one("aws:lb/targetGroup:TargetGroup").inputs["vpcId"] == cloud.VPC


def test_nothing_of_the_vpc_itself_is_made_or_adopted() -> None:
    made = stack()
    network = ("awsx:ec2:Vpc", "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/flowLog:FlowLog")
    for kind in (*network, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"):
        assert made.all(kind) == []
    assert "shop-prod-nat-ports" not in made.names("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert not [name for name in made.outputs["plan"] if name.startswith("subnets.")]


def test_the_service_trusts_what_the_balancers_subnets_forward() -> None:
    def trusted(made: Run) -> str:
        [app, _] = json.loads(made.service_task().inputs["containerDefinitions"])
        return {each["name"]: each["value"] for each in app["environment"]}["TRUSTED_PROXIES"]

    assert trusted(stack()) == "172.31.0.0/24,172.31.1.0/24,172.31.2.0/24"
    internal = stack(internal="true", public_subnet_ids="[]")
    assert trusted(internal) == "172.31.3.0/24,172.31.4.0/24,172.31.5.0/24"


def test_an_internal_balancer_needs_no_public_subnet() -> None:
    balancer = stack(internal="true", public_subnet_ids="[]").one(
        "aws:lb/loadBalancer:LoadBalancer"
    )
    assert (balancer.inputs["internal"], balancer.inputs["subnets"]) == (True, cloud.PRIVATE)


def test_clients_with_ipv6_addresses_are_let_in_by_a_balancer_that_has_one() -> None:
    made = stack(allow_from='["0.0.0.0/0", "2001:db8::/32"]')
    assert made.one("aws:lb/loadBalancer:LoadBalancer").inputs["ipAddressType"] == "dualstack"
    rules = made.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    opened = {(r.inputs["cidrIpv6"], r.inputs["fromPort"]) for r in rules if "cidrIpv6" in r.inputs}
    assert opened == {("2001:db8::/32", 80), ("2001:db8::/32", 443)}
    kinds = {r.inputs["type"] for r in made.all("aws:route53/record:Record")}
    assert kinds == {"A", "AAAA", "CNAME"}


def test_subnets_of_another_vpc_are_refused() -> None:
    ours = cloud.PRIVATE[:2]
    assert refusal({"private_subnet_ids": json.dumps([*ours, "subnet-00000000"])}) == [
        f"private_subnet_ids: subnet-00000000 is not in {cloud.VPC}; name subnets of that VPC, in"
        " the stack's region."
    ]
    assert len(refusal({"vpc_id": "vpc-00000000"})) == 6


def test_every_fault_of_the_vpc_is_told_in_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    public, private = (dict(cloud.SUBNETS[ids[0]]) for ids in (cloud.PUBLIC, cloud.PRIVATE))
    private |= {"availableIpAddressCount": 300}
    public |= {"availableIpAddressCount": 7, "ipv6CidrBlock": "", "availabilityZone": "eu-west-1b"}
    monkeypatch.setitem(cloud.SUBNETS, cloud.PUBLIC[0], public)
    monkeypatch.setitem(cloud.SUBNETS, cloud.PRIVATE[0], private)
    monkeypatch.setitem(cloud.TABLES, "rtb-2", ({"natGatewayId": "nat-1"}, cloud.PUBLIC[:1]))
    monkeypatch.setitem(cloud.TABLES, "rtb-3", ({"gatewayId": "igw-1"}, cloud.PRIVATE[:1]))
    monkeypatch.setitem(cloud.TABLES, "rtb-4", ({"gatewayId": "igw-1"}, cloud.PUBLIC[1:]))
    monkeypatch.setitem(cloud.TABLES, "rtb-5", ({"transitGatewayId": "tgw-1"}, cloud.PRIVATE[1:2]))
    assert refusal({"allow_from": '["2001:db8::/32"]'}) == [
        "public_subnet_ids: they are in eu-west-1b, eu-west-1b, eu-west-1c; name one subnet in each"
        " zone, public and private ones in the same zones.",
        "public_subnet_ids: the default route of subnet-aaaaaaa1 leads to nat-1 and not to an"
        " internet gateway.",
        "public_subnet_ids: subnet-aaaaaaa1 has 7 free addresses and needs 8 at the peak; use a"
        " larger subnet.",
        "private_subnet_ids: the default route of subnet-bbbbbbb1 leads to igw-1 and not to a NAT"
        " gateway or another way out.",
        "private_subnet_ids: subnet-bbbbbbb1 has 300 free addresses and needs 337 at the peak; use"
        " a larger subnet.",
        # the main table's, which leads nowhere
        "private_subnet_ids: the default route of subnet-bbbbbbb3 leads to nothing and not to a NAT"
        " gateway or another way out.",
        "allow_from: no IPv6 in subnet-aaaaaaa1; name IPv4 ranges alone.",
    ]


def test_addresses_that_the_stack_has_already_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_full = cloud.SUBNETS[cloud.PRIVATE[0]] | {"availableIpAddressCount": 37}
    monkeypatch.setitem(cloud.SUBNETS, cloud.PRIVATE[0], nearly_full)
    assert len(refusal({})) == 1
    monkeypatch.setitem(cloud.OCCUPIED, cloud.PRIVATE[0], 300)
    assert stack().outputs["url"] == "https://api.example.com"
