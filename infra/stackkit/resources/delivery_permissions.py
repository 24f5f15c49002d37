"""What the roles of GitHub's runs may do, and the bound of every role that a deployment makes.

A resource is the stack's by its name, which ends with Pulumi's seven characters, so that
`shop-prod-???????` is never one of `shop-prod-eu`; or, where AWS gives the name, by its tags
`project` and `stack`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stackkit.resources.policies import Statement, allow
from stackkit.settings.config import Config

SUFFIX = f"-{'?' * 7}"
# roles of the program, by what follows the stack's name
ROLES = (
    "task",
    "execution",
    "instance",
    "builder",
    "rotation",
    "flow",
    "monitoring",
    "proxy",
    "slack",
    "balancer",
)
# what the roles of the program may be given, beside policies of its own
MANAGED = (
    "AmazonSSMManagedInstanceCore",
    "EC2InstanceProfileForImageBuilder",
    "service-role/AmazonRDSEnhancedMonitoringRole",
    "AmazonECSInfrastructureRolePolicyForLoadBalancers",
)
# services that may be given such a role
SERVICES = (
    *("ecs-tasks", "ecs", "ec2", "scheduler", "monitoring.rds", "rds", "vpc-flow-logs"),
    "chatbot",
)
# services whose own roles an account gets with its first stack
LINKED = (
    "ecs",
    "ecs.application-autoscaling",
    "autoscaling",
    "elasticloadbalancing",
    "elasticache",
    "rds",
    "imagebuilder",
    "wafv2",
    "management.chatbot",
)
# Configuration, and no data.
READERS = (
    "arn:aws:iam::aws:policy/SecurityAudit",
    "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
)

_VPC = "CreateVpc AllocateAddress"
_IN_VPC = "CreateSubnet CreateRouteTable CreateSecurityGroup CreateInternetGateway"
_IN_SUBNET = """
    CreateNatGateway CreateVpcEndpoint CreateFlowLogs CreateLaunchTemplate
    AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress
"""
_NETWORK = """
    CreateSubnet CreateRouteTable CreateSecurityGroup CreateNatGateway CreateVpcEndpoint
    CreateFlowLogs ReleaseAddress AssociateRouteTable DisassociateRouteTable
    ReplaceRouteTableAssociation AttachInternetGateway DetachInternetGateway
    AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress RevokeSecurityGroupEgress
    RevokeSecurityGroupIngress ModifySecurityGroupRules DeleteFlowLogs DeleteInternetGateway
    DeleteNatGateway CreateRoute ReplaceRoute DeleteRoute DeleteRouteTable DeleteSecurityGroup
    DeleteSubnet ModifySubnetAttribute DeleteVpc ModifyVpcAttribute ModifyVpcEndpoint
    DeleteVpcEndpoints CreateLaunchTemplateVersion ModifyLaunchTemplate DeleteLaunchTemplate
    RunInstances CreateTags DeleteTags
"""
_BALANCER = """
    AddTags RemoveTags CreateLoadBalancer DeleteLoadBalancer ModifyLoadBalancerAttributes
    ModifyCapacityReservation SetSecurityGroups SetSubnets CreateTargetGroup
    DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes CreateListener DeleteListener
    ModifyListener ModifyListenerAttributes CreateRule ModifyRule DeleteRule
"""
_ECS = """
    CreateCluster DeleteCluster UpdateCluster PutClusterCapacityProviders CreateService
    DeleteService UpdateService RegisterTaskDefinition RunTask StopTask TagResource UntagResource
"""
_GROUP = """
    CreateAutoScalingGroup DeleteAutoScalingGroup UpdateAutoScalingGroup CreateOrUpdateTags
    DeleteTags EnableMetricsCollection DisableMetricsCollection PutLifecycleHook
    DeleteLifecycleHook PutScalingPolicy DeletePolicy PutScheduledUpdateGroupAction
    DeleteScheduledAction PutWarmPool DeleteWarmPool StartInstanceRefresh CancelInstanceRefresh
    RollbackInstanceRefresh AttachLoadBalancerTargetGroups DetachLoadBalancerTargetGroups
"""
_TASK_SCALING = """
    RegisterScalableTarget DeregisterScalableTarget PutScalingPolicy DeleteScalingPolicy
    PutScheduledAction DeleteScheduledAction UntagResource ListTagsForResource
"""
_DATABASE = """
    AddTagsToResource RemoveTagsFromResource CreateDBInstance CreateDBInstanceReadReplica
    DeleteDBInstance ModifyDBInstance RebootDBInstance CreateDBSnapshot CreateDBParameterGroup
    DeleteDBParameterGroup ModifyDBParameterGroup ResetDBParameterGroup CreateDBSubnetGroup
    DeleteDBSubnetGroup ModifyDBSubnetGroup
"""
_PROXY = """
    DeleteDBProxy ModifyDBProxy ModifyDBProxyTargetGroup RegisterDBProxyTargets
    DeregisterDBProxyTargets AddTagsToResource RemoveTagsFromResource
"""
_CACHE = """
    AddTagsToResource RemoveTagsFromResource CreateCacheParameterGroup DeleteCacheParameterGroup
    ModifyCacheParameterGroup CreateCacheSubnetGroup DeleteCacheSubnetGroup ModifyCacheSubnetGroup
    CreateReplicationGroup DeleteReplicationGroup ModifyReplicationGroup IncreaseReplicaCount
    DecreaseReplicaCount CreateUser DeleteUser ModifyUser CreateUserGroup DeleteUserGroup
    ModifyUserGroup
"""
_SECRET = """
    CreateSecret DeleteSecret UpdateSecret PutSecretValue GetSecretValue TagResource UntagResource
"""
_KEY = """
    EnableKeyRotation UpdateKeyDescription PutKeyPolicy ScheduleKeyDeletion TagResource
    UntagResource CreateGrant Decrypt Encrypt GenerateDataKey
"""
_ROLE = """
    DeleteRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy TagRole UntagRole
"""
_PROFILE = """
    CreateInstanceProfile DeleteInstanceProfile AddRoleToInstanceProfile TagInstanceProfile
    RemoveRoleFromInstanceProfile UntagInstanceProfile
"""
_LOG = """
    CreateLogGroup DeleteLogGroup PutRetentionPolicy TagResource UntagResource GetLogEvents
    PutMetricFilter DeleteMetricFilter
"""
# WAF writes its log by these; none has a resource
_LOG_DELIVERY = """
    CreateLogDelivery UpdateLogDelivery DeleteLogDelivery PutResourcePolicy DeleteResourcePolicy
"""
_LOG_BUCKET = """
    CreateBucket DeleteBucket PutBucketTagging PutBucketPolicy DeleteBucketPolicy
    PutBucketOwnershipControls PutBucketPublicAccessBlock PutEncryptionConfiguration
    PutLifecycleConfiguration TagResource UntagResource ListBucket DeleteObject GetObject
"""
_TOPIC = "CreateTopic DeleteTopic SetTopicAttributes Subscribe TagResource UntagResource"
_SLACK = """
    UpdateSlackChannelConfiguration DeleteSlackChannelConfiguration TagResource UntagResource
"""
_SCHEDULE = "CreateSchedule DeleteSchedule UpdateSchedule GetSchedule"
_FIREWALL = """
    CreateWebACL DeleteWebACL UpdateWebACL AssociateWebACL DisassociateWebACL GetWebACLForResource
    PutLoggingConfiguration DeleteLoggingConfiguration TagResource UntagResource
"""
_BAKING = """
    CreateComponent DeleteComponent CreateImageRecipe DeleteImageRecipe CreateImage DeleteImage
    CreateInfrastructureConfiguration UpdateInfrastructureConfiguration
    DeleteInfrastructureConfiguration CreateDistributionConfiguration
    UpdateDistributionConfiguration DeleteDistributionConfiguration TagResource UntagResource
"""
_BAKED = """
    GetComponent GetImageRecipe GetImage GetInfrastructureConfiguration
    GetDistributionConfiguration
"""
_REPOSITORY = """
    CreateRepository DeleteRepository PutLifecyclePolicy DeleteLifecyclePolicy
    PutImageScanningConfiguration PutImageTagMutability TagResource UntagResource
    BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart CompleteLayerUpload PutImage
    BatchGetImage BatchDeleteImage GetDownloadUrlForLayer DescribeImages
"""
# an alarm's name ends with what it watches: its tags say whose it is
_ALARM = "PutMetricAlarm PutCompositeAlarm TagResource"


@dataclass(frozen=True, kw_only=True)
class DeliveryScope:
    """A stack in an account."""

    project: str
    stack: str
    region: str
    account: str
    # of the records that the stack makes; "" for none
    domain: str = ""
    # of a VPC that the program doesn't make; "" and none otherwise
    vpc_id: str = ""
    subnet_ids: Sequence[str] = ()

    @classmethod
    def of(cls, settings: Config, region: str, account: str) -> "DeliveryScope":
        return cls(
            project=settings.project,
            stack=settings.stack,
            region=region,
            account=account,
            domain=settings.domain,
            vpc_id=settings.vpc_id,
            subnet_ids=(*settings.public_subnet_ids, *settings.private_subnet_ids),
        )

    @property
    def name(self) -> str:
        return f"{self.project}-{self.stack}"

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def iam(self, rest: str) -> str:
        return f"arn:aws:iam::{self.account}:{rest}"

    def named(self, service: str, form: str, *purposes: str) -> list[str]:
        """ARNs of resources that Pulumi names; {} stands for the name."""
        names = [f"{self.name}-{p}{SUFFIX}" if p else self.name + SUFFIX for p in purposes or ("",)]
        return [self.arn(service, form.replace("{}", name)) for name in names]

    @property
    def state_bucket(self) -> str:
        return f"arn:aws:s3:::{self.name}-state-{self.account}-{self.region}"

    @property
    def boundary(self) -> str:
        return self.iam(f"policy/{self.name}-boundary")

    @property
    def roles(self) -> list[str]:
        return [self.iam(f"role/{self.name}-{purpose}{SUFFIX}") for purpose in ROLES]

    def tags(self, where: str) -> dict[str, str]:
        return {f"aws:{where}/project": self.project, f"aws:{where}/stack": self.stack}


def of_reader(scope: DeliveryScope) -> list[Statement]:
    """The state, and what a refresh reads beside AWS's own policies for readers."""
    return [
        allow(["s3:ListBucket"], [scope.state_bucket]),
        allow(["s3:GetObject"], [f"{scope.state_bucket}/*"]),
        _state_key(scope, ["kms:Decrypt"]),
        allow(
            ["secretsmanager:GetSecretValue"],
            scope.named("secretsmanager", "secret:{}-??????", "cache"),
        ),
        *_refreshed(scope),
    ]


def _refreshed(scope: DeliveryScope) -> list[Statement]:
    """Reads that SecurityAudit and ViewOnlyAccess lack."""
    return [
        allow(["ecr:GetAuthorizationToken"], ["*"]),
        allow(
            ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], scope.named("ecr", "repository/{}")
        ),
        allow(
            _actions("scheduler", "GetSchedule"),
            scope.named("scheduler", "schedule/*/{}", "rotation", "restart"),
        ),
        allow(
            ["application-autoscaling:ListTagsForResource"],
            [scope.arn("application-autoscaling", "scalable-target/*")],
        ),
        allow(_actions("chatbot", "DescribeSlackChannelConfigurations ListTagsForResource"), ["*"]),
        allow(["ssm:GetParameter"], [f"arn:aws:ssm:{scope.region}::parameter/aws/service/*"]),
        allow(
            _actions("imagebuilder", _BAKED),
            scope.named("imagebuilder", "*/{}/*") + scope.named("imagebuilder", "*/{}"),
        ),
    ]


def of_deployer(scope: DeliveryScope) -> Mapping[str, list[Statement]]:
    """By policy: one has room for 6,144 characters."""
    return {
        "state": _state(scope),
        "network": _network(scope),
        "edge": _edge(scope),
        "watching": _watching(scope),
        "data": _data(scope),
        "compute": _compute(scope),
        "roles": _roles(scope),
    }


def of_key(deployer: str) -> list[Statement]:
    """A key's own policy: what tags say of a key, anybody who may tag could have written."""
    root = ":".join([*deployer.split(":")[:5], "root"])
    return [
        {**allow(["kms:*"], ["*"]), "Principal": {"AWS": root}},
        {**allow(_actions("kms", _KEY), ["*"]), "Principal": {"AWS": deployer}},
    ]


def of_boundary(
    scope: DeliveryScope, secrets: Sequence[str] = (), secrets_key: str = ""
) -> list[Statement]:
    """The most that a role of the program may do; `secrets` are the ARNs in the stack's keys."""
    group = scope.named("autoscaling", "autoScalingGroup:*:autoScalingGroupName/{}")
    pull = "BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"
    return [
        allow(
            [
                *_actions("logs", "CreateLogStream PutLogEvents"),
                "logs:DescribeLogStreams",
            ],
            [
                *scope.named("logs", "log-group:{}:*", "", "exec", "flow", "metrics"),
                scope.arn("logs", "log-group:RDSOSMetrics:*"),
            ],
        ),
        allow(_actions("xray", "PutTelemetryRecords PutTraceSegments"), ["*"]),
        # the shares of a canary deployment
        allow(
            _actions("elasticloadbalancing", "ModifyRule RegisterTargets DeregisterTargets"),
            [
                *scope.named("elasticloadbalancing", "targetgroup/{}/*", "", "alt"),
                *scope.named("elasticloadbalancing", "listener-rule/app/{}/*"),
            ],
        ),
        allow(_actions("cloudwatch", "DescribeAlarms GetMetricData GetMetricWidgetImage"), ["*"]),
        allow(["ecr:GetAuthorizationToken"], ["*"]),
        allow(_actions("ecr", pull), scope.named("ecr", "repository/{}")),
        allow(
            ["secretsmanager:GetSecretValue"],
            [
                *scope.named("secretsmanager", "secret:{}-??????", "cache"),
                *(arn for arn in secrets if ":ssm:" not in arn),
            ],
        ),
        *(allow(["ssm:GetParameters"], [arn]) for arn in secrets if ":ssm:" in arn),
        allow(
            ["secretsmanager:GetSecretValue", "secretsmanager:RotateSecret"],
            [scope.arn("secretsmanager", "secret:rds!*")],
            _of_database(scope),
        ),
        allow(
            ["kms:Decrypt"],
            [scope.arn("kms", "key/*")],
            {"StringEquals": {"kms:ViaService": f"secretsmanager.{scope.region}.amazonaws.com"}},
        ),
        *([allow(["kms:Decrypt"], [secrets_key])] if secrets_key else []),
        allow(["ecs:UpdateService"], scope.named("ecs", "service/{}/{}")),
        allow(_actions("autoscaling", "StartInstanceRefresh CompleteLifecycleAction"), group),
        # what the SSM agent and Image Builder do on an instance, and ECS sees of balancers
        allow(
            [
                *_actions("ssm", "UpdateInstanceInformation ListAssociations GetDocument"),
                *_actions("ssm", "ListInstanceAssociations DescribeAssociation PutInventory"),
                *_actions("ssm", "PutComplianceItems UpdateAssociationStatus DescribeDocument"),
                *_actions("ssm", "UpdateInstanceAssociationStatus GetManifest"),
                *_actions("ssm", "GetDeployablePatchSnapshotForInstance PutConfigurePackageResult"),
                *_actions("ssmmessages", "CreateControlChannel CreateDataChannel"),
                *_actions("ssmmessages", "OpenControlChannel OpenDataChannel"),
                *_actions("ec2messages", "AcknowledgeMessage DeleteMessage FailMessage"),
                *_actions("ec2messages", "GetEndpoint GetMessages SendReply"),
                *("imagebuilder:GetComponent", "logs:DescribeLogGroups"),
                *_actions("elasticloadbalancing", "DescribeListeners DescribeRules"),
                *_actions("elasticloadbalancing", "DescribeTargetGroups DescribeTargetHealth"),
            ],
            ["*"],
        ),
    ]


def _state(scope: DeliveryScope) -> list[Statement]:
    return [
        allow(["s3:ListBucket"], [scope.state_bucket]),
        allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [f"{scope.state_bucket}/*"]),
        _state_key(scope, ["kms:Decrypt", "kms:Encrypt"]),
        *_refreshed(scope),
        allow(_actions("ecr", _REPOSITORY), scope.named("ecr", "repository/{}")),
        allow(
            _actions("imagebuilder", _BAKING),
            scope.named("imagebuilder", "*/{}/*") + scope.named("imagebuilder", "*/{}"),
        ),
    ]


def _network(scope: DeliveryScope) -> list[Statement]:
    def ec2(*kinds: str) -> list[str]:
        return [scope.arn("ec2", f"{kind}/*") for kind in kinds]

    requested = {"StringEquals": scope.tags("RequestTag")}
    return [
        allow(_actions("ec2", _VPC), ec2("vpc", "elastic-ip"), requested),
        allow(
            _actions("ec2", _IN_VPC),
            ec2("subnet", "route-table", "security-group", "internet-gateway"),
            requested,
        ),
        allow(
            _actions("ec2", _IN_SUBNET),
            ec2(
                *("natgateway", "vpc-endpoint", "vpc-flow-log", "launch-template"),
                "security-group-rule",
            ),
            requested,
        ),
        allow(
            ["ec2:CreateTags"],
            ec2("*"),
            requested | {"Null": {"ec2:CreateAction": "false"}},
        ),
        allow(_actions("ec2", _NETWORK), ec2("*"), {"StringEquals": scope.tags("ResourceTag")}),
        # the launch template, its subnets and groups are the stack's by the statement above
        allow(
            ["ec2:RunInstances"],
            [
                "arn:aws:ec2:*::image/*",
                *ec2("instance", "network-interface", "volume"),
                *(scope.arn("ec2", f"subnet/{subnet}") for subnet in scope.subnet_ids),
            ],
        ),
        *_existing_vpc(scope),
    ]


def _existing_vpc(scope: DeliveryScope) -> list[Statement]:
    """Its tags are not the stack's."""
    if not scope.vpc_id:
        return []
    return [allow(["ec2:CreateSecurityGroup"], [scope.arn("ec2", f"vpc/{scope.vpc_id}")])]


def _edge(scope: DeliveryScope) -> list[Statement]:
    balancer = scope.named("elasticloadbalancing", "loadbalancer/app/{}/*")
    ours = {"StringEquals": scope.tags("ResourceTag")}
    requested = {"StringEquals": scope.tags("RequestTag")}
    untaken = {"StringEqualsIfExists": scope.tags("ResourceTag")}
    return [
        allow(
            _actions("elasticloadbalancing", _BALANCER),
            [
                *balancer,
                *scope.named("elasticloadbalancing", "targetgroup/{}/*", "", "alt"),
                *scope.named("elasticloadbalancing", "listener/app/{}/*"),
                *scope.named("elasticloadbalancing", "listener-rule/app/{}/*"),
            ],
        ),
        allow(
            _actions("wafv2", _FIREWALL),
            [
                *scope.named("wafv2", "regional/webacl/{}/*"),
                scope.arn("wafv2", "regional/managedruleset/*/*"),
                *balancer,
            ],
        ),
        allow(["elasticloadbalancing:SetWebACL"], ["*"]),
        allow(["acm:RequestCertificate"], ["*"], requested),
        allow(
            ["acm:AddTagsToCertificate"], [scope.arn("acm", "certificate/*")], requested | untaken
        ),
        allow(["acm:DeleteCertificate"], [scope.arn("acm", "certificate/*")], ours),
        *_records(scope),
        allow(
            _actions("s3", _LOG_BUCKET),
            [
                f"arn:aws:s3:::{scope.name}-logs{SUFFIX}",
                f"arn:aws:s3:::{scope.name}-logs{SUFFIX}/*",
            ],
        ),
    ]


def _watching(scope: DeliveryScope) -> list[Statement]:
    ours = {"StringEquals": scope.tags("ResourceTag")}
    requested = {"StringEquals": scope.tags("RequestTag")}
    untaken = {"StringEqualsIfExists": scope.tags("ResourceTag")}
    topics = scope.named("sns", "{}", "page", "ticket")
    logs = [
        *scope.named("logs", "log-group:{}", "", "exec", "flow", "metrics"),
        *scope.named("logs", "log-group:{}:*", "", "exec", "flow", "metrics"),
        scope.arn("logs", f"log-group:aws-waf-logs-{scope.name}"),
        scope.arn("logs", f"log-group:aws-waf-logs-{scope.name}:*"),
    ]
    return [
        allow(_actions("logs", _LOG), logs),
        allow([*_actions("logs", _LOG_DELIVERY), "sns:Unsubscribe"], ["*"]),
        allow(_actions("sns", _TOPIC), topics),
        allow(["chatbot:CreateSlackChannelConfiguration"], ["*"], requested),
        allow(
            _actions("chatbot", _SLACK),
            [f"arn:aws:chatbot::{scope.account}:chat-configuration/slack-channel/{scope.name}"],
        ),
        allow(
            _actions("cloudwatch", _ALARM),
            [scope.arn("cloudwatch", f"alarm:{scope.name}-*")],
            requested | untaken,
        ),
        allow(
            _actions("cloudwatch", f"{_ALARM} DeleteAlarms UntagResource"),
            [scope.arn("cloudwatch", f"alarm:{scope.name}-*")],
            ours,
        ),
        allow(
            ["cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"],
            [f"arn:aws:cloudwatch::{scope.account}:dashboard/{scope.name}"],
        ),
        allow(
            _actions("scheduler", _SCHEDULE),
            scope.named("scheduler", "schedule/*/{}", "rotation", "restart"),
        ),
    ]


def _records(scope: DeliveryScope) -> list[Statement]:
    """Zones have no names in ARNs: the names of the records bound what may change."""
    names = [f"*.{scope.name}.internal"]
    names += [scope.domain, f"_*.{scope.domain}"] if scope.domain else []
    only = {
        "ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": names}
    }
    return [
        allow(["route53:ChangeResourceRecordSets"], ["arn:aws:route53:::hostedzone/*"], only),
        # the private zone of the replicas' name; AWS gives it an id
        allow(["route53:CreateHostedZone", "route53:GetChange"], ["*"]),
        allow(
            ["route53:DeleteHostedZone", "route53:ChangeTagsForResource"],
            ["arn:aws:route53:::hostedzone/*"],
        ),
    ]


def _compute(scope: DeliveryScope) -> list[Statement]:
    scalable = [scope.arn("application-autoscaling", "scalable-target/*")]
    requested = {"StringEquals": scope.tags("RequestTag")}
    return [
        allow(
            _actions("ecs", _ECS),
            [
                *scope.named("ecs", "cluster/{}"),
                *scope.named("ecs", "service/{}/{}"),
                *scope.named("ecs", "task/{}/*"),
                scope.arn("ecs", f"task-definition/{scope.name}:*"),
                scope.arn("ecs", f"task-definition/{scope.name}-task:*"),
            ],
        ),
        # a revision that is taken back starts nothing
        allow(["ecs:DeregisterTaskDefinition"], ["*"]),
        allow(
            _actions("autoscaling", _GROUP),
            scope.named("autoscaling", "autoScalingGroup:*:autoScalingGroupName/{}"),
        ),
        allow(
            _actions("application-autoscaling", "RegisterScalableTarget TagResource"),
            scalable,
            requested | {"StringEqualsIfExists": scope.tags("ResourceTag")},
        ),
        allow(
            _actions("application-autoscaling", _TASK_SCALING),
            scalable,
            {"StringEquals": scope.tags("ResourceTag")},
        ),
    ]


def _data(scope: DeliveryScope) -> list[Statement]:
    ours = {"StringEquals": scope.tags("ResourceTag")}
    requested = {"StringEquals": scope.tags("RequestTag")}
    databases = [
        *scope.named("rds", "db:{}", "", "replica-1", "replica-2", "replica-3"),
        *scope.named("rds", "db:{}", "replica-4", "replica-5"),
    ]
    return [
        allow(
            _actions("rds", _DATABASE),
            [
                *databases,
                *scope.named("rds", "pg:{}"),
                *scope.named("rds", "subgrp:{}"),
                *scope.named("rds", "snapshot:{}-final"),
            ],
        ),
        allow(["rds:CreateDBProxy"], ["*"], requested),
        allow(
            ["rds:AddTagsToResource"],
            [scope.arn("rds", "db-proxy:*")],
            requested | {"StringEqualsIfExists": scope.tags("ResourceTag")},
        ),
        allow(
            _actions("rds", _PROXY),
            [scope.arn("rds", "db-proxy:*"), scope.arn("rds", "target-group:*")],
            ours,
        ),
        allow(
            _actions("elasticache", _CACHE),
            [
                *scope.named("elasticache", "replicationgroup:{}"),
                *scope.named("elasticache", "cluster:{}-???"),
                *scope.named("elasticache", "subnetgroup:{}"),
                *scope.named("elasticache", "parametergroup:{}"),
                *scope.named("elasticache", "user:{}"),
                *scope.named("elasticache", "usergroup:{}"),
            ],
        ),
        allow(
            _actions("secretsmanager", _SECRET),
            scope.named("secretsmanager", "secret:{}-??????", "cache"),
        ),
        # RDS makes it with the rights of the deployer
        allow(
            _actions("secretsmanager", "CreateSecret TagResource"),
            [scope.arn("secretsmanager", "secret:rds!*")],
        ),
        allow(
            _actions("secretsmanager", "RotateSecret CancelRotateSecret"),
            [scope.arn("secretsmanager", "secret:rds!*")],
            _of_database(scope),
        ),
        allow(
            _actions("kms", "CreateKey TagResource"),
            ["*"],
            requested
            | {
                "StringEqualsIfExists": scope.tags("ResourceTag"),
                "Null": {"aws:ResourceTag/state-of": "true", "kms:ResourceAliases": "true"},
            },
        ),
    ]


def _roles(scope: DeliveryScope) -> list[Statement]:
    """Roles of this stack only, within its boundary, for AWS's services only.

    The deployer's and the reader's own roles, and the boundary, have other names.
    """
    bounded = {"StringEquals": {"iam:PermissionsBoundary": scope.boundary}}
    services = [f"{service}.amazonaws.com" for service in SERVICES]
    linked = [f"{service}.amazonaws.com" for service in LINKED]
    managed = [f"arn:aws:iam::aws:policy/{name}" for name in MANAGED]
    return [
        allow(_actions("iam", "CreateRole PutRolePolicy DeleteRolePolicy"), scope.roles, bounded),
        allow(
            ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
            scope.roles,
            bounded | {"ArnEquals": {"iam:PolicyARN": managed}},
        ),
        allow(_actions("iam", _ROLE), scope.roles),
        allow(
            _actions("iam", _PROFILE),
            [scope.iam(f"instance-profile/{scope.name}{p}{SUFFIX}") for p in ("", "-builder")],
        ),
        allow(["iam:PassRole"], scope.roles, {"StringEquals": {"iam:PassedToService": services}}),
        allow(
            ["iam:CreateServiceLinkedRole"],
            [scope.iam("role/aws-service-role/*")],
            {"StringEquals": {"iam:AWSServiceName": linked}},
        ),
    ]


def _of_database(scope: DeliveryScope) -> dict[str, dict[str, list[str]]]:
    """RDS tags the secret of a database with the database."""
    key = "aws:ResourceTag/aws:rds:primaryDBInstanceArn"
    return {"ArnLike": {key: scope.named("rds", "db:{}")}}


def _state_key(scope: DeliveryScope, actions: Sequence[str]) -> Statement:
    alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{scope.name}-state"}}
    return allow(actions, [scope.arn("kms", "key/*")], alias)


def _actions(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]
