"""What a stack's keys name and the program doesn't make: it must exist before `pulumi up`."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from unittest.mock import patch

from moto.acm.models import acm_backends
from moto.secretsmanager.models import secretsmanager_backends

from stackkit.plan.network import blocks
from stackkit.resources.delivery_permissions import DeliveryScope, of_boundary
from stackkit.resources.policies import known_document
from stackkit.settings.config import WORLD, Config
from stackkit.tools.rehearse.account import ACCOUNT, SimulatedAccount, secret_parts

# ElastiCache's model requires letters; secrets of a rehearsal protect nothing
PASSWORD = "rehearsal0123456789rehearsal0123456789rehearsal0123456789rehears"


def add_prerequisites(account: SimulatedAccount, settings: Config) -> Iterator[str]:
    """Put it into the account; yields what it was."""
    account.allow_from = settings.allow_from
    if settings.vpc_id:
        yield _network(account.client("ec2"), settings)
        subnets = (*settings.public_subnet_ids, *settings.private_subnet_ids)
        account.known |= {settings.vpc_id, *subnets}
    if settings.hosted_zone:
        zones = account.client("route53")
        zones.create_hosted_zone(Name=settings.hosted_zone, CallerReference="assumed")
        yield f"hosted zone {settings.hosted_zone}"
    if settings.certificate_arn:
        _certificate(account, settings.domain, settings.certificate_arn)
        yield f"certificate {settings.certificate_arn} for {settings.domain}"
    if settings.github_repository:
        scope = DeliveryScope(settings, account.region, ACCOUNT)
        name = scope.boundary.rpartition("/")[2]
        document = known_document(of_boundary(scope))
        account.client("iam").create_policy(PolicyName=name, PolicyDocument=document)
        account.known.add(scope.boundary)
        yield f"boundary {name}"
    if settings.image:
        yield f"image {settings.image}"
    if settings.ami_id:
        yield f"AMI {settings.ami_id}"
    references = [secret_parts(line.partition("=")[2]) for line in settings.secrets]
    for arn in sorted({arn for arn, _ in references}):
        keys = {key for other, key in references if other == arn} - {""}
        _parameter(account, arn) if ":ssm:" in arn else _secret(account, arn, keys)
        account.known.add(arn)
        yield f"secret {arn}"


def _network(ec2: Any, settings: Config) -> str:
    vpc, ranges = settings.vpc_id, blocks(settings.vpc_cidr, settings.zones)
    # the default VPC is made with the first call
    ec2.describe_vpcs()
    # the API gives ids and takes none, so under the table
    with patch("moto.ec2.models.vpcs.random_vpc_id", partial(str, vpc)):
        ec2.create_vpc(CidrBlock=settings.vpc_cidr)
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    public = settings.public_subnet_ids or [f"subnet-{zone:08x}" for zone in range(settings.zones)]
    _subnets(ec2, vpc, dict(zip(public, ranges["public"], strict=False)), GatewayId=gateway)
    nat = ec2.create_nat_gateway(SubnetId=public[0])["NatGateway"]["NatGatewayId"]
    private = dict(zip(settings.private_subnet_ids, ranges["private"], strict=False))
    _subnets(ec2, vpc, private, NatGatewayId=nat)
    return f"VPC {vpc} with the subnets {', '.join([*public, *private])}"


def _subnets(ec2: Any, vpc: str, ranges: Mapping[str, str], **target: str) -> None:
    """Each in a zone of its own; `target` is where the default route leads."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=WORLD, **target)
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    for (subnet, block), zone in zip(ranges.items(), zones, strict=False):
        # as distinct as the third number of the IPv4 range
        place = {"VpcId": vpc, "Ipv6CidrBlock": f"2001:db8:0:{block.split('.')[2]}::/64"}
        with patch("moto.ec2.models.subnets.random_subnet_id", partial(str, subnet)):
            ec2.create_subnet(CidrBlock=block, AvailabilityZone=zone["ZoneName"], **place)
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


def _certificate(account: SimulatedAccount, domain: str, arn: str) -> None:
    made = account.client("acm").request_certificate(DomainName=domain)["CertificateArn"]
    # the API gives an ARN and takes none, so under the table
    certificates = acm_backends[ACCOUNT][account.region]._certificates
    certificates[arn] = certificates.pop(made)
    certificates[arn].arn = arn
    account.known.add(arn)


def _secret(account: SimulatedAccount, arn: str, keys: set[str]) -> None:
    name = arn.rpartition(":")[2]
    value = json.dumps(dict.fromkeys(sorted(keys), PASSWORD)) if keys else PASSWORD
    account.client("secretsmanager").create_secret(Name=name, SecretString=value)
    secretsmanager_backends[ACCOUNT][account.region].secrets[name].arn = arn


def _parameter(account: SimulatedAccount, arn: str) -> None:
    name = arn.partition(":parameter")[2]
    account.client("ssm").put_parameter(Name=name, Value=PASSWORD, Type="SecureString")
