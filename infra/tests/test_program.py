"""The whole program, for each stack that the template promises."""

import re
from collections import Counter
from itertools import product

import pulumi
import pytest

from cloud import ACCOUNT, REGION
from harness import DEV, PROD, Run, keys, leaves, run, stack

STACKS = list(product(("dev", "prod"), ("fargate", "ec2"), (True, False)))
every_stack = pytest.mark.parametrize(("tier", "compute", "domain"), STACKS)

# what every stack has, whatever computes and wherever it is reached
EVERYWHERE = Counter(
    {
        "aws:cloudwatch/dashboard:Dashboard": 1,
        "aws:cloudwatch/metricAlarm:MetricAlarm": 4,
        "aws:cloudwatch/logGroup:LogGroup": 3,
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": 1,
        "aws:ec2/flowLog:FlowLog": 1,
        "aws:ec2/securityGroup:SecurityGroup": 4,
        "aws:ecs/cluster:Cluster": 1,
        "aws:ecs/taskDefinition:TaskDefinition": 1,
        "aws:elasticache/parameterGroup:ParameterGroup": 1,
        "aws:elasticache/replicationGroup:ReplicationGroup": 1,
        "aws:elasticache/subnetGroup:SubnetGroup": 1,
        "aws:elasticache/user:User": 1,
        "aws:elasticache/userGroup:UserGroup": 1,
        "aws:iam/role:Role": 5,
        "aws:iam/rolePolicy:RolePolicy": 4,
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": 1,
        "aws:kms/key:Key": 1,
        "aws:lb/listener:Listener": 1,
        "aws:lb/loadBalancer:LoadBalancer": 1,
        "aws:lb/targetGroup:TargetGroup": 1,
        "aws:rds/instance:Instance": 1,
        "aws:rds/parameterGroup:ParameterGroup": 1,
        "aws:rds/subnetGroup:SubnetGroup": 1,
        "aws:s3/bucket:Bucket": 1,
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": 1,
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls": 1,
        "aws:s3/bucketPolicy:BucketPolicy": 1,
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": 1,
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": 1,
        "aws:scheduler/schedule:Schedule": 2,
        "aws:secretsmanager/secret:Secret": 1,
        "aws:secretsmanager/secretRotation:SecretRotation": 1,
        "aws:secretsmanager/secretVersion:SecretVersion": 1,
        "aws:sns/topic:Topic": 2,
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": 4,
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": 4,
        "awsx:ec2:Vpc": 1,
        "awsx:ecr:Repository": 1,
        "command:local:Command": 1,
        "docker-build:index:Image": 2,
        "random:index/randomPassword:RandomPassword": 1,
    }
)
IN_PRODUCTION = Counter(
    {
        "aws:ec2/securityGroup:SecurityGroup": 1,
        "aws:ec2/vpcEndpoint:VpcEndpoint": 5,
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": 1,
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": 1,
        "aws:cloudwatch/logGroup:LogGroup": 1,
        "aws:cloudwatch/metricAlarm:MetricAlarm": 35,
        "aws:cloudwatch/compositeAlarm:CompositeAlarm": 2,
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": 1,
        "aws:sns/topicSubscription:TopicSubscription": 2,
        "aws:wafv2/webAcl:WebAcl": 1,
        "aws:wafv2/webAclAssociation:WebAclAssociation": 1,
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": 1,
    }
)
WITH_A_DOMAIN = Counter(
    {
        "aws:acm/certificate:Certificate": 1,
        "aws:acm/certificateValidation:CertificateValidation": 1,
        "aws:lb/listener:Listener": 1,
        "aws:route53/record:Record": 2,
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": 1,
    }
)
ON = {
    "fargate": Counter(
        {
            "aws:appautoscaling/policy:Policy": 2,
            "aws:appautoscaling/target:Target": 1,
            "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": 1,
            "aws:ecs/service:Service": 1,
            "aws:ecs/taskDefinition:TaskDefinition": 1,
        }
    ),
    "ec2": Counter(
        {
            "aws:autoscaling/group:Group": 1,
            "aws:autoscaling/lifecycleHook:LifecycleHook": 1,
            "aws:autoscaling/policy:Policy": 2,
            "aws:ec2/launchTemplate:LaunchTemplate": 1,
            "aws:iam/instanceProfile:InstanceProfile": 1,
            "aws:iam/role:Role": 1,
            "aws:iam/rolePolicy:RolePolicy": 1,
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment": 1,
        }
    ),
}


def resources(run: Run) -> Counter[str]:
    return Counter(entry.type for entry in run.registrations if entry.type[:8] != "service:")


@every_stack
def test_a_stack_is_made_of_exactly_this(tier: str, compute: str, domain: bool) -> None:
    wanted = EVERYWHERE + ON[compute]
    wanted += IN_PRODUCTION if tier == "prod" else Counter()
    wanted += WITH_A_DOMAIN if domain else Counter()
    if (tier, compute) == ("prod", "ec2"):
        # shells without SSH
        wanted["aws:ec2/vpcEndpoint:VpcEndpoint"] += 2
        # EC2 has no metric of memory, and one more of failing instances
        wanted["aws:cloudwatch/metricAlarm:MetricAlarm"] += 1
    assert resources(stack(tier, compute, domain)) == wanted


@every_stack
def test_preview_registers_the_resources_of_an_update(
    tier: str, compute: str, domain: bool
) -> None:
    unknown = stack(tier, compute, domain, preview=True)
    assert len(unknown.registrations) > 50
    assert unknown.counts() == stack(tier, compute, domain).counts()


@every_stack
def test_names_leave_room_for_the_suffix_of_pulumi(tier: str, compute: str, domain: bool) -> None:
    made = stack(tier, compute, domain)
    short = ("aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup")
    assert [made.one(kind).name for kind in short] == [f"shop-{tier}"] * 2
    names = [entry.name for entry in made.registrations]
    assert [name for name in names if not f"{name}-".startswith(f"shop-{tier}-")] == []


@every_stack
def test_every_resource_belongs_to_a_component(tier: str, compute: str, domain: bool) -> None:
    parts = [r for r in stack(tier, compute, domain).registrations if r.type[:8] != "service:"]
    assert len(parts) > 40
    assert [r.name for r in parts if "::pulumi:pulumi:Stack::" in r.parent] == []


ARN = re.compile(rf"arn:aws:[a-z0-9-]+:[a-z0-9-]*:{ACCOUNT}:[^\"\s,]*[^\"\s,:*/]")


@every_stack
def test_every_reference_is_to_something_that_exists(tier: str, compute: str, domain: bool) -> None:
    made = stack(tier, compute, domain)
    texts = [v for r in made.registrations for v in leaves(r.inputs) if isinstance(v, str)]
    ids = {text for text in texts if text.endswith("-id")}
    arns = {arn for text in texts for arn in ARN.findall(text)}
    assert len(ids) >= 8
    assert len(arns) >= 8
    assert ids - made.given == set()
    # a part of awsx's component, by its URL
    repository = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shop-{tier}-0123456"
    roots = (*made.given, repository)
    assert [arn for arn in arns if not arn.startswith(roots)] == []


def test_a_refusal_stops_everything_before_the_first_resource() -> None:
    recorded = Run()
    with pytest.raises(pulumi.RunError, match=r"^latency_ms: "):
        run("prod", keys("prod") | {"latency_ms": "0"}, recorded=recorded)
    assert recorded.registrations == []


def test_one_stack_is_production_by_its_tier_and_not_by_its_name() -> None:
    made = run("blue", PROD | {"domain": "api.example.com"})
    assert made.one("aws:rds/instance:Instance").protect
    assert not run("prod", DEV).one("aws:rds/instance:Instance").protect
