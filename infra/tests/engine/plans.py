"""What each change of a key may do: the plans that `pulumi up` must have, in a development stack.

A line is operation, type, name, and the properties that differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.tasks import FAILING
from stackkit.tools.rehearse.engine.stack import Change

# an image by its digest, and one whose migration fails
REPOSITORY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop"
IMAGE = f"{REPOSITORY}@sha256:{'0' * 64}"
BROKEN_IMAGE = f"{REPOSITORY}@{FAILING}"
# replacing one of these loses data, or an address that others know
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
TASK = "replace aws:ecs/taskDefinition:TaskDefinition shop-dev-task containerDefinitions"
ROLL_OUT = (
    "replace aws:ecs/taskDefinition:TaskDefinition shop-dev containerDefinitions",
    "update aws:ecs/service:Service shop-dev taskDefinition",
)
SIZE = f"{ROLL_OUT[0]} cpu memory"
# the task that migrates is another, but nothing is migrated
SETTINGS = (TASK, "update command:local:Command shop-dev-migration environment")
NEW_IMAGE = (
    "update docker-build:index:Image shop-dev buildArgs tags",
    TASK,
    "replace command:local:Command shop-dev-migration environment triggers",
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
INSTANCES = (
    "update aws:ec2/launchTemplate:LaunchTemplate shop-dev-arm64 userData",
    f"{GROUP} mixedInstancesPolicy",
)
DASHBOARD = "update aws:cloudwatch/dashboard:Dashboard shop-dev dashboardBody"
REQUESTS = "update aws:appautoscaling/policy:Policy shop-dev-requests"


@dataclass(frozen=True)
class Edit:
    """A commit or new values of keys, and the plan for each kind of compute."""

    name: str
    # none: a commit of the service
    keys: Mapping[str, str]
    fargate: tuple[str, ...]
    ec2: tuple[str, ...]
    # keys without which Fargate's change is refused
    fargate_keys: Mapping[str, str] = field(default_factory=dict)

    def values(self, compute: str) -> Mapping[str, str]:
        return {**self.keys, **(self.fargate_keys if compute == "fargate" else {})}

    def plan(self, compute: str, stack: str = "dev") -> list[str]:
        lines = self.fargate if compute == "fargate" else self.ec2
        return sorted(line.replace("shop-dev", f"shop-{stack}") for line in lines)


# in this order: each one is made on top of those before
EDITS = [
    Edit(
        "commit",
        {},
        (*NEW_IMAGE, *ROLL_OUT),
        (*NEW_IMAGE, *INSTANCES),
    ),
    Edit("log_days", {"log_days": "60"}, LOG_DAYS, LOG_DAYS),
    Edit(
        "task_cpu",
        {"task_cpu": "512", "task_memory_mib": "1024"},
        (
            SIZE,
            ROLL_OUT[1],
            *SETTINGS,
            f"{REQUESTS} targetTrackingScalingPolicyConfiguration",
            DASHBOARD,
        ),
        (),
        {"fleet_max": "3"},
    ),
    Edit(
        "peak_in_flight",
        {"peak_in_flight": "200"},
        (DASHBOARD,),
        (DASHBOARD,),
        {"fleet_max": "0"},
    ),
    Edit(
        "spot_percent",
        {"spot_percent": "50"},
        ("update aws:ecs/service:Service shop-dev capacityProviderStrategies",),
        (f"{GROUP} mixedInstancesPolicy",),
    ),
    # the pool's size follows from the database's memory
    Edit(
        "database_class",
        {"database_class": "db.t4g.small"},
        (DATABASE, *ROLL_OUT, *SETTINGS),
        (DATABASE, *INSTANCES, *SETTINGS),
    ),
    Edit("cache_class", {"cache_class": "cache.t4g.small"}, (CACHE,), (CACHE,)),
]


BIGGER = (
    *NEW_IMAGE,
    *LOG_DAYS,
    DATABASE,
    CACHE,
    DASHBOARD,
    *(
        f"update aws:cloudwatch/metricAlarm:MetricAlarm shop-dev-{alarm} threshold"
        for alarm in ("busy-targets", "cache-connections", "too-few-targets")
    ),
)
# a commit, all of these keys at once and another instance type; the database's class waits
PRODUCTION = Edit(
    "everything",
    {
        "log_days": "60",
        "task_cpu": "2048",
        "task_memory_mib": "4096",
        "peak_in_flight": "40000",
        "spot_percent": "50",
        "database_class": "db.r8g.4xlarge",
        "cache_class": "cache.r7g.xlarge",
    },
    (
        *BIGGER,
        SIZE,
        "update aws:ecs/service:Service shop-dev capacityProviderStrategies taskDefinition",
        f"{REQUESTS} targetTrackingScalingPolicyConfiguration",
        "update aws:appautoscaling/target:Target shop-dev minCapacity",
    ),
    (
        *BIGGER,
        "update aws:ec2/launchTemplate:LaunchTemplate shop-dev-arm64 instanceType userData",
        f"{GROUP} minSize mixedInstancesPolicy waitForElbCapacity",
        "update aws:autoscaling/policy:Policy shop-dev-requests targetTrackingConfiguration",
        "update aws:cloudwatch/metricAlarm:MetricAlarm shop-dev-memory threshold",
    ),
)


def replaced(changes: list[Change]) -> list[str]:
    """Of the changes, those that replace or delete what must stay."""
    return [str(c) for c in changes if c.operation != "update" and c.type in STATEFUL]
