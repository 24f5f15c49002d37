"""What each change of a key may do to a development stack: the plans that `pulumi up` must have.

A line is operation, type, name without the stack's, and the properties that differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.aws.stack import Change

IMAGE = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:{'0' * 64}"
NEWER_IMAGE = IMAGE.replace("0" * 64, "1" * 64)
# whoever replaces one of these loses data, or the address that clients know
STATEFUL = {
    "aws:rds/instance:Instance",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:ecs/service:Service",
    "aws:ecs/cluster:Cluster",
    "aws:autoscaling/group:Group",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/eip:Eip",
    "aws:kms/key:Key",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
}
ROLL_OUT = (
    "replace aws:ecs/taskDefinition:TaskDefinition shop-dev containerDefinitions",
    "update aws:ecs/service:Service shop-dev taskDefinition",
)
LOG_DAYS = (
    "update aws:cloudwatch/logGroup:LogGroup shop-dev retentionInDays",
    "update aws:cloudwatch/logGroup:LogGroup shop-dev-flow retentionInDays",
    "update aws:cloudwatch/logGroup:LogGroup shop-dev-metrics retentionInDays",
    "update aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration shop-dev-logs rules",
)
DATABASE = "update aws:rds/instance:Instance shop-dev instanceClass"
CACHE = "update aws:elasticache/replicationGroup:ReplicationGroup shop-dev nodeType"
GROUP = "update aws:autoscaling/group:Group shop-dev"
TARGET = "update aws:appautoscaling/target:Target shop-dev maxCapacity"
DASHBOARD = "update aws:cloudwatch/dashboard:Dashboard shop-dev dashboardBody"
REQUESTS = "update aws:appautoscaling/policy:Policy shop-dev-requests"


@dataclass(frozen=True)
class Edit:
    """New values of keys, and the plan for each kind of compute."""

    name: str
    keys: Mapping[str, str]
    fargate: tuple[str, ...]
    ec2: tuple[str, ...] = field(default=())

    def plan(self, compute: str) -> list[str]:
        return sorted(self.fargate if compute == "fargate" else self.ec2)


# in this order: each one is made on top of those before
EDITS = [
    Edit(
        "image",
        {"image": NEWER_IMAGE},
        ROLL_OUT,
        (
            "update aws:ec2/launchTemplate:LaunchTemplate shop-dev userData",
            f"{GROUP} mixedInstancesPolicy",
        ),
    ),
    Edit("log_days", {"log_days": "60"}, LOG_DAYS, LOG_DAYS),
    Edit(
        "task_cpu",
        {"task_cpu": "512", "task_memory_mib": "1024"},
        (
            "replace aws:ecs/taskDefinition:TaskDefinition shop-dev"
            " containerDefinitions cpu memory",
            ROLL_OUT[1],
            f"{REQUESTS} targetTrackingScalingPolicyConfiguration",
            TARGET,
            DASHBOARD,
        ),
    ),
    Edit(
        "peak_in_flight",
        {"peak_in_flight": "200"},
        (*ROLL_OUT, TARGET, DASHBOARD),
        (f"{GROUP} maxSize", DASHBOARD),
    ),
    Edit(
        "spot_percent",
        {"spot_percent": "50"},
        ("update aws:ecs/service:Service shop-dev capacityProviderStrategies",),
        (f"{GROUP} mixedInstancesPolicy",),
    ),
    # the pool's size follows from the database's memory
    Edit("database_class", {"database_class": "db.t4g.small"}, (DATABASE, *ROLL_OUT), (DATABASE,)),
    Edit("cache_class", {"cache_class": "cache.t4g.small"}, (CACHE,), (CACHE,)),
]


def replaced(changes: list[Change]) -> list[str]:
    """Of the changes, those that replace or delete what must stay."""
    return [str(c) for c in changes if c.operation != "update" and c.type in STATEFUL]
