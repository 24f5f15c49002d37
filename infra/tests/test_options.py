"""What a deployment may not touch, and what it waits for."""

import json
import sys

import overrides
import pytest

from cloud import DIGEST, REGISTRY
from harness import PROD, Run, run, stack

STATEFUL = {
    ("aws:elasticache/replicationGroup:ReplicationGroup", "shop-prod"),
    ("aws:kms/key:Key", "shop-prod-database"),
    ("aws:lb/loadBalancer:LoadBalancer", "shop-prod"),
    ("aws:rds/instance:Instance", "shop-prod"),
    ("aws:s3/bucket:Bucket", "shop-prod-logs"),
}


def protected(made: Run) -> set[tuple[str, str]]:
    return {(entry.type, entry.name) for entry in made.registrations if entry.protect}


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_production_protects_what_holds_data_or_an_address(compute: str) -> None:
    assert protected(stack("prod", compute)) == STATEFUL


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_development_can_be_destroyed_at_once(compute: str) -> None:
    made = stack("dev", compute)
    assert protected(made) == set()
    database = made.one("aws:rds/instance:Instance").inputs
    assert (database["deletionProtection"], database["skipFinalSnapshot"]) == (False, True)
    assert made.one("aws:lb/loadBalancer:LoadBalancer").inputs["enableDeletionProtection"] is False
    assert made.one("aws:s3/bucket:Bucket").inputs["forceDestroy"] is True
    assert made.one("aws:secretsmanager/secret:Secret").inputs["recoveryWindowInDays"] == 0


@pytest.mark.parametrize(
    ("compute", "kind"),
    [("fargate", "aws:ecs/service:Service"), ("ec2", "aws:autoscaling/group:Group")],
)
def test_the_database_is_migrated_before_the_service_changes(compute: str, kind: str) -> None:
    made = stack("prod", compute)
    migration = ("command:local:Command", "shop-prod-migration")
    assert migration in waits_for(made, kind)
    needed = waits_for(made, "command:local:Command")
    assert ("aws:rds/instance:Instance", "shop-prod") in needed
    assert ("awsx:ec2:Vpc", "shop-prod") in needed
    assert ("aws:iam/rolePolicy:RolePolicy", "shop-prod-execution") in needed


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_a_migration_is_one_task_for_each_new_image(compute: str) -> None:
    command = stack("prod", compute).one("command:local:Command").inputs
    run_task = f"{sys.executable} -m stackkit.tools.deploy task alembic upgrade head"
    assert command["create"] == run_task
    assert command["triggers"] == [f"{REGISTRY}/shop-prod-0123456@{DIGEST}"]
    # what changes without a trigger runs nothing
    assert command["update"] == "true"
    task = json.loads(command["environment"]["STANDALONE_TASK"])
    assert sorted(task) == [
        "cluster", "definition", "log_group", "public_address", "security_group", "subnets",
    ]  # fmt: skip


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_a_deployment_leaves_the_number_of_tasks_to_the_scaling(tier: str) -> None:
    ignoring = [r for r in stack(tier).registrations if r.ignore_changes]
    assert [(r.type, r.ignore_changes) for r in ignoring] == [
        ("aws:ecs/service:Service", ["desiredCount"])
    ]


def waits_for(made: Run, kind: str) -> set[tuple[str, str]]:
    """Types and names of what was waited for, by option or by use."""
    split = [urn.split("::") for urn in made.one(kind).depends_on]
    return {(parts[2].rpartition("$")[2], parts[3]) for parts in split}


def test_the_service_waits_for_its_listeners_and_its_permissions() -> None:
    wanted = {
        ("aws:lb/listener:Listener", "shop-prod-https"),
        ("aws:lb/listener:Listener", "shop-prod-http"),
        ("aws:iam/rolePolicy:RolePolicy", "shop-prod-execution"),
        ("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders", "shop-prod"),
        ("aws:ecs/taskDefinition:TaskDefinition", "shop-prod"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "shop-prod-errors"),
    }
    assert wanted <= waits_for(stack("prod"), "aws:ecs/service:Service")


def test_the_balancer_waits_until_it_may_write_its_logs() -> None:
    found = waits_for(stack("prod"), "aws:lb/loadBalancer:LoadBalancer")
    assert ("aws:s3/bucketPolicy:BucketPolicy", "shop-prod-logs") in found


def test_any_resource_can_be_changed_without_editing_its_component(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changes = {
        ("aws:lb/loadBalancer:LoadBalancer", "*"): {"idleTimeout": 45},
        ("aws:ec2/securityGroup:SecurityGroup", "shop-prod-alb"): {"description": "Ours"},
    }
    monkeypatch.setattr(overrides, "OVERRIDES", changes)
    made = run("prod", PROD | {"domain": "api.example.com"})
    group = "aws:ec2/securityGroup:SecurityGroup"
    assert made.one("aws:lb/loadBalancer:LoadBalancer").inputs["idleTimeout"] == 45
    assert (
        made.one("aws:lb/loadBalancer:LoadBalancer").inputs["desyncMitigationMode"] == "strictest"
    )
    assert made.one(group, "shop-prod-alb").inputs["description"] == "Ours"
    assert made.one(group, "shop-prod-cache").inputs["description"] == "Valkey"
