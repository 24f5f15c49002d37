"""The platform, from the ground up: network, data, edge, compute, and what watches them."""

from datetime import date
from pathlib import Path

import pulumi
import pulumi_aws as aws
from stackkit.alarms import monitoring
from stackkit.alarms.dashboard import Dashboard, DashboardArgs
from stackkit.alarms.limits import storage_limit
from stackkit.alarms.panels import sections
from stackkit.alarms.topics import Topics
from stackkit.plan import plan, transition
from stackkit.plan.capacity import installed_versions, measurement_warnings, read_measurement
from stackkit.plan.fleet import mean_in_flight, rate
from stackkit.plan.quotas import addresses
from stackkit.resources import boundary, compute, existing_network, last_deployment, service
from stackkit.resources.build import build_id
from stackkit.resources.cache import Cache, CacheArgs
from stackkit.resources.collector import Collector, CollectorArgs
from stackkit.resources.database import Database, DatabaseArgs
from stackkit.resources.database_proxy import PINNING, DatabaseProxy, DatabaseProxyArgs
from stackkit.resources.delivery_permissions import DeliveryScope
from stackkit.resources.domain import Alias, AliasArgs, Certificate, CertificateArgs
from stackkit.resources.edge import Edge, EdgeArgs
from stackkit.resources.endpoints import Endpoints, EndpointsArgs
from stackkit.resources.image import Image, ImageArgs
from stackkit.resources.log_bucket import LogBucket, LogBucketArgs
from stackkit.resources.migration import Migration, MigrationArgs
from stackkit.resources.monitored import MonitoredResource
from stackkit.resources.network import Network, NetworkArgs
from stackkit.resources.placement import Placement
from stackkit.resources.replica_address import ReplicaAddress, ReplicaAddressArgs
from stackkit.resources.rotation import Rotation, RotationArgs
from stackkit.resources.security_groups import SecurityGroups, SecurityGroupsArgs
from stackkit.resources.standalone_task import StandaloneTask, StandaloneTaskArgs
from stackkit.resources.waf import Waf, WafArgs, bill_warning
from stackkit.settings import conflicts
from stackkit.settings.errors import ConfigError
from stackkit.settings.load import check_region, load_config

import overrides

HERE = Path(__file__).absolute().parent

# Config and plan: everything is checked before the first resource is registered.
region = pulumi.Config("aws").require("region")
try:
    check_region(region)
    settings = load_config()
    measured = read_measurement(HERE)
    numbers = plan.derive(settings, measured)
    conflicts.check(settings)
    last = last_deployment.outputs()
    transition.check(numbers, region, last.get("deployed", {}))
    needed = addresses(settings, numbers.fleet)
    existing = existing_network.find(settings, needed) if settings.vpc_id else None
except ConfigError as error:
    raise pulumi.RunError(str(error)) from None
for warning in measurement_warnings(
    measured, settings.architecture, installed_versions(HERE.parent), date.today()
):
    pulumi.warn(warning)
name = settings.name
overrides.register()
deployer = ""
if settings.github_repository:
    # the roles themselves and the boundary are made by `make bootstrap`
    account = aws.get_caller_identity().account_id
    scope = DeliveryScope(settings, region, account)
    boundary.register(scope)
    deployer = scope.iam(f"role/{name}-deployer")
    pulumi.export("deployer", deployer)
    pulumi.export("reader", scope.iam(f"role/{name}-reader"))

# Network
network = Network(
    name,
    NetworkArgs(
        settings=settings,
        region=region,
        existing=existing,
    ),
)
groups = SecurityGroups(
    name,
    SecurityGroupsArgs(
        settings=settings,
        vpc_id=network.vpc_id,
        outbound_ports=service.outbound_ports(settings),
    ),
)
if settings.production and not existing:
    Endpoints(
        name,
        EndpointsArgs(
            region=region,
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            client_group_id=groups.compute_id,
            sessions=settings.compute == "ec2",
        ),
    )

# Data
database = Database(
    name,
    DatabaseArgs(
        settings=settings,
        numbers=numbers,
        subnet_ids=network.isolated_subnet_ids,
        security_group_id=groups.database_id,
        deployer_arn=deployer,
    ),
)
database_host = database.instance.address
# what a migration needs before it can reach the database
before_migration: list[pulumi.Resource] = [network, groups, database]
if settings.database_proxy:
    proxy = DatabaseProxy(
        name,
        DatabaseProxyArgs(
            numbers=numbers,
            region=region,
            vpc_id=network.vpc_id,
            subnet_ids=network.isolated_subnet_ids,
            groups=groups,
            database=database,
        ),
    )
    database_host = proxy.host
    before_migration.append(proxy)
replica_host = None
if database.replicas:
    replica_host = ReplicaAddress(
        name, ReplicaAddressArgs(vpc_id=network.vpc_id, replicas=database.replicas)
    ).host
cache = Cache(
    name,
    CacheArgs(
        settings=settings,
        subnet_ids=network.isolated_subnet_ids,
        security_group_id=groups.cache_id,
    ),
)

# Edge: before compute, because a service joins a target group that a listener already uses.
zone_id = (
    aws.route53.get_zone_output(name=settings.hosted_zone).zone_id if settings.hosted_zone else None
)
certificate_arn = settings.certificate_arn or None
if zone_id is not None and not certificate_arn:
    certificate_arn = Certificate(
        name, CertificateArgs(domain=settings.domain, zone_id=zone_id)
    ).arn
log_bucket = LogBucket(
    name, LogBucketArgs(days=settings.log_days, destroyable=not settings.production)
)
edge = Edge(
    name,
    EdgeArgs(
        settings=settings,
        numbers=numbers,
        vpc_id=network.vpc_id,
        subnet_ids=network.balancer_subnet_ids,
        security_group_id=groups.balancer_id,
        certificate_arn=certificate_arn,
        log_bucket=log_bucket,
    ),
)
# by which name CloudWatch knows what it measures
resource_names = {
    MonitoredResource.STACK: [name],
    MonitoredResource.REGION: [region],
    MonitoredResource.NAT_GATEWAYS: network.nat_gateway_ids,
    MonitoredResource.DATABASE: [database.instance.identifier],
    MonitoredResource.REPLICAS: [replica.identifier for replica in database.replicas],
    MonitoredResource.CACHE_NODES: cache.node_ids,
    MonitoredResource.BALANCER: [edge.balancer.arn_suffix],
    MonitoredResource.TARGETS: [group.arn_suffix for group in edge.target_groups],
}
if zone_id is not None:
    Alias(
        name,
        AliasArgs(
            domain=settings.domain,
            zone_id=zone_id,
            balancer=edge.balancer,
            taken_over=settings.take_over_domain,
            ipv6=settings.ipv6,
        ),
    )
if settings.waf:
    waf = Waf(
        name,
        WafArgs(
            balancer_arn=edge.balancer.arn,
            rate_limit=settings.waf_rate_limit,
            log_days=settings.log_days,
        ),
    )
    resource_names[MonitoredResource.FIREWALL] = [waf.metric]
topics = Topics(name, settings)
rollback = monitoring.rollback(numbers, topics, resource_names)

# Compute
image = Image(
    name,
    ImageArgs(settings=settings, build=build_id(HERE.parent), context=".."),
)
collector = Collector(
    name,
    CollectorArgs(settings=settings, region=region, image=image.collector),
)
container = service.container(
    settings,
    numbers,
    service.ServiceDependencies(
        image=image.uri,
        repository_arns=image.repository_arns,
        balancer_ranges=network.balancer_ranges,
        database_host=database_host,
        replica_host=replica_host,
        database_secret_arn=database.secret_arn,
        database_key_arn=database.key_arn,
        cache_host=cache.endpoint,
        cache_secret_arn=cache.secret_arn,
        collector=collector,
    ),
)
standalone = StandaloneTask(
    name,
    StandaloneTaskArgs(
        settings=settings,
        region=region,
        container=container,
        subnet_ids=network.compute_subnet_ids,
        security_group_id=groups.compute_id,
    ),
)
migration = Migration(
    name,
    MigrationArgs(
        region=region,
        image=image.uri,
        task=standalone.output,
        needs=[*before_migration, *standalone.permissions],
    ),
)
running_compute = compute.run(
    Placement(
        settings=settings,
        numbers=numbers,
        region=region,
        container=container,
        subnet_ids=network.compute_subnet_ids,
        security_group_id=groups.compute_id,
        edge=edge,
        alarm_names=[alarm for row in rollback.names.values() for alarm in row],
        standalone=standalone,
        migration=migration,
    ),
)
Rotation(name, RotationArgs(secret_arn=database.secret_arn, restart=running_compute.restart))

# Observability
monitored = {**resource_names, **running_compute.resource_names}
# the disk grows by itself
disk = {"database-storage": database.instance.allocated_storage.apply(storage_limit)}
monitoring.everything(numbers, topics, rollback, monitored, disk)
dashboard = Dashboard(
    name,
    DashboardArgs(
        region=region,
        sections=sections(numbers),
        resource_names=monitored,
        runbooks=settings.runbooks,
    ),
)

# Outputs
warnings = []
if not certificate_arn:
    warnings.append("Plain HTTP: anyone on the way can read and change it. Set domain.")
if settings.waf:
    warnings.append(bill_warning(float(rate(mean_in_flight(settings), settings.latency_ms))))
if settings.otlp_endpoint:
    warnings.append(
        "The service's own alarms are not made: CloudWatch hears nothing of its metrics. Make them"
        " where otlp_endpoint leads, from infra/runbooks."
    )
if settings.database_proxy:
    warnings.append(PINNING)
if numbers.step and not numbers.step.scales_in:
    warnings.append(f"Scale-in is {numbers.step.scale_in_rationale}.")
scheme = "https" if certificate_arn else "http"
host = settings.domain or edge.balancer.dns_name
pulumi.export("url", pulumi.Output.format("{0}://{1}", scheme, host))
pulumi.export("image", image.uri)
pulumi.export("repository", image.repository_url)
pulumi.export("balancer", edge.balancer.name)
pulumi.export("target_group", edge.target_groups[0].arn)
pulumi.export("target_groups", [group.arn for group in edge.target_groups])
pulumi.export("log_group", standalone.log_group.name)
pulumi.export("cluster", standalone.cluster.name)
pulumi.export("task", standalone.output)
for output, value in running_compute.outputs.items():
    pulumi.export(output, value)
pulumi.export("dashboard", dashboard.name)
pulumi.export("plan", plan.outputs(numbers))
pulumi.export("deployed", transition.deployed(numbers, region))
deployments = image.uri.apply(lambda uri: last_deployment.deployments(last, uri))
pulumi.export("deployments", deployments)
pulumi.export("warnings", warnings)
for warning in warnings:
    pulumi.log.warn(warning)
