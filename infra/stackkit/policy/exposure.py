"""Who can be reached from where."""

from collections.abc import Iterator

import pulumi
from pulumi_policy import PolicyResource, ResourceValidationArgs, StackValidationArgs

from stackkit.policy.rules import Finding, Props, of_kind, production, resource_policy, stack_policy

DATABASES = ("aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance")
SERVICE = "aws:ecs/service:Service"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
GROUPS = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
)
# the property that names a data store's security groups
DATA_GROUPS = {
    "aws:rds/instance:Instance": "vpcSecurityGroupIds",
    "aws:rds/cluster:Cluster": "vpcSecurityGroupIds",
    "aws:rds/proxy:Proxy": "vpcSecurityGroupIds",
    "aws:elasticache/replicationGroup:ReplicationGroup": "securityGroupIds",
    "aws:elasticache/cluster:Cluster": "securityGroupIds",
}
WEB_PORTS = (80, 443)
ALL_PORTS = (0, 65535)
ADDRESSES = ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds")
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
# (addresses, first port, last port)
Opening = tuple[str, int, int]


@resource_policy("database-private", DATABASES)
def database_is_private(args: ResourceValidationArgs) -> Iterator[str]:
    """A database has no public address."""
    if args.props.get("publiclyAccessible"):
        yield "publiclyAccessible is true; set it to false: the service reaches it inside the VPC."


@resource_policy("compute-private", (SERVICE, TEMPLATE))
def compute_is_private(args: ResourceValidationArgs) -> Iterator[str]:
    """Tasks and instances have no public address."""
    interfaces = args.props.get("networkInterfaces") or ()
    task = (args.props.get("networkConfiguration") or {}).get("assignPublicIp")
    # development without NAT gateways; its security group admits the load balancer alone
    task = task and (production() or pulumi.Config().get_bool("nat") is not False)
    if task or any(card.get("associatePublicIpAddress") == "true" for card in interfaces):
        yield (
            "it gets public addresses; use private subnets and no public address: only the load"
            " balancer is public."
        )


@resource_policy("bucket-private", (BLOCK,))
def bucket_stays_private(args: ResourceValidationArgs) -> Iterator[str]:
    """Nothing in a bucket can be made public."""
    missing = [name for name in BLOCKS if not args.props.get(name)]
    if missing:
        yield f"{', '.join(missing)} not set; set all four to true, so that no grant opens it."


@resource_policy("only-web-ports-open", (INGRESS, OLD_RULE, *GROUPS))
def addresses_reach_only_web_ports(args: ResourceValidationArgs) -> Iterator[str]:
    """Addresses reach ports 80 and 443; the rest is open from group to group."""
    for addresses, first, last in _openings(args.resource_type, args.props):
        if (first, last) not in [(port, port) for port in WEB_PORTS]:
            yield (
                f"{addresses} may reach ports {first} to {last}; open only 80 or 443 to addresses,"
                " and everything else to the security group that calls."
            )


@stack_policy("data-admits-groups")
def data_admits_only_groups(args: StackValidationArgs) -> Iterator[Finding]:
    """The database and the cache admit security groups, never addresses."""
    groups = _data_groups(args)
    for rule in of_kind(args, INGRESS, OLD_RULE, *GROUPS):
        owners = rule.property_dependencies.get("securityGroupId", [])
        if groups & {rule.urn, *(owner.urn for owner in owners)}:
            for addresses, _, _ in _openings(rule.resource_type, rule.props):
                yield (
                    f"the data tier's group admits {addresses}; admit the security group of the"
                    " compute tier instead.",
                    rule,
                )


def _data_groups(args: StackValidationArgs) -> set[str]:
    """URNs: ids are unknown in the first preview."""

    def named(store: PolicyResource) -> list[PolicyResource]:
        return store.property_dependencies.get(DATA_GROUPS[store.resource_type], [])

    return {group.urn for store in of_kind(args, *DATA_GROUPS) for group in named(store)}


def _openings(kind: str, props: Props) -> Iterator[Opening]:
    """What a rule or a group's own rules open to addresses."""
    if kind == INGRESS:
        keys = ("cidrIpv4", "cidrIpv6", "prefixListId")
        addresses = [props[key] for key in keys if props.get(key)]
        yield from _opening(addresses, props, props.get("ipProtocol"))
    elif kind == OLD_RULE:
        if props.get("type") == "ingress":
            yield from _opening(_listed(props), props, props.get("protocol"))
    else:
        for rule in props.get("ingress") or ():
            yield from _opening(_listed(rule), rule, rule.get("protocol"))


def _listed(rule: Props) -> list[str]:
    return [entry for key in ADDRESSES for entry in rule.get(key) or ()]


def _opening(addresses: list[str], rule: Props, protocol: str | None) -> Iterator[Opening]:
    first, last = ALL_PORTS
    if protocol != "-1":
        first, last = int(rule.get("fromPort") or 0), int(rule.get("toPort") or last)
    if addresses:
        yield ", ".join(addresses), first, last
