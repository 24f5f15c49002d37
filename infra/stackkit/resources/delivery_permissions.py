"""What delivering a stack takes: each action by its name, on what bears the stack's name.

Networks, load balancers' listeners and keys are named by AWS: those are bound to the account and
the region, so stacks that must not touch each other belong in accounts of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stackkit.resources.policies import Statement, allow

# what the roles of the program may be given, beside policies of its own
MANAGED = (
    "AmazonSSMManagedInstanceCore",
    "EC2InstanceProfileForImageBuilder",
    "service-role/AmazonRDSEnhancedMonitoringRole",
)
# who may be given such a role
SERVICES = ("ecs-tasks", "ec2", "scheduler", "monitoring.rds", "rds", "vpc-flow-logs")
# Configuration, and no data.
READERS = (
    "arn:aws:iam::aws:policy/SecurityAudit",
    "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
)

_NETWORK = """
    AllocateAddress ReleaseAddress AssociateRouteTable DisassociateRouteTable
    ReplaceRouteTableAssociation AttachInternetGateway DetachInternetGateway
    AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress RevokeSecurityGroupEgress
    RevokeSecurityGroupIngress ModifySecurityGroupRules CreateFlowLogs DeleteFlowLogs
    CreateInternetGateway DeleteInternetGateway CreateNatGateway DeleteNatGateway CreateRoute
    ReplaceRoute DeleteRoute CreateRouteTable DeleteRouteTable CreateSecurityGroup
    DeleteSecurityGroup CreateSubnet DeleteSubnet ModifySubnetAttribute CreateVpc DeleteVpc
    ModifyVpcAttribute CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints CreateLaunchTemplate
    CreateLaunchTemplateVersion ModifyLaunchTemplate DeleteLaunchTemplate RunInstances CreateTags
    DeleteTags
"""
_BALANCER = """
    AddTags RemoveTags CreateLoadBalancer DeleteLoadBalancer ModifyLoadBalancerAttributes
    ModifyCapacityReservation SetSecurityGroups SetSubnets SetWebACL CreateTargetGroup
    DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes CreateListener DeleteListener
    ModifyListener ModifyListenerAttributes
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
    PutScheduledAction DeleteScheduledAction TagResource UntagResource
"""
_DATABASE = """
    AddTagsToResource RemoveTagsFromResource CreateDBInstance CreateDBInstanceReadReplica
    DeleteDBInstance ModifyDBInstance RebootDBInstance CreateDBSnapshot CreateDBParameterGroup
    DeleteDBParameterGroup ModifyDBParameterGroup ResetDBParameterGroup CreateDBSubnetGroup
    DeleteDBSubnetGroup ModifyDBSubnetGroup CreateDBProxy DeleteDBProxy ModifyDBProxy
    ModifyDBProxyTargetGroup RegisterDBProxyTargets DeregisterDBProxyTargets
"""
_CACHE = """
    AddTagsToResource RemoveTagsFromResource CreateCacheParameterGroup DeleteCacheParameterGroup
    ModifyCacheParameterGroup CreateCacheSubnetGroup DeleteCacheSubnetGroup ModifyCacheSubnetGroup
    CreateReplicationGroup DeleteReplicationGroup ModifyReplicationGroup IncreaseReplicaCount
    DecreaseReplicaCount CreateUser DeleteUser ModifyUser CreateUserGroup DeleteUserGroup
    ModifyUserGroup
"""
_SECRET = """
    CreateSecret DeleteSecret UpdateSecret PutSecretValue GetSecretValue RotateSecret
    CancelRotateSecret TagResource UntagResource
"""
_KEY = """
    CreateAlias DeleteAlias EnableKeyRotation UpdateKeyDescription PutKeyPolicy ScheduleKeyDeletion
    TagResource UntagResource CreateGrant Decrypt Encrypt GenerateDataKey
"""
_ROLE = """
    CreateRole DeleteRole UpdateRole UpdateAssumeRolePolicy PutRolePolicy DeleteRolePolicy TagRole
    UntagRole CreateInstanceProfile DeleteInstanceProfile AddRoleToInstanceProfile
    RemoveRoleFromInstanceProfile CreatePolicy DeletePolicy CreatePolicyVersion DeletePolicyVersion
"""
_LOG = """
    CreateLogGroup DeleteLogGroup PutRetentionPolicy TagResource UntagResource GetLogEvents
    CreateLogDelivery DeleteLogDelivery PutResourcePolicy PutMetricFilter DeleteMetricFilter
"""
_LOG_BUCKET = """
    CreateBucket DeleteBucket PutBucketTagging PutBucketPolicy DeleteBucketPolicy
    PutBucketOwnershipControls PutBucketPublicAccessBlock PutEncryptionConfiguration
    PutLifecycleConfiguration ListBucket DeleteObject GetObject
"""
_TOPIC = "CreateTopic DeleteTopic SetTopicAttributes Subscribe Unsubscribe TagResource"
_SCHEDULE = "CreateSchedule DeleteSchedule UpdateSchedule"
_FIREWALL = """
    CreateWebACL DeleteWebACL UpdateWebACL AssociateWebACL DisassociateWebACL
    PutLoggingConfiguration DeleteLoggingConfiguration TagResource UntagResource
"""
_CERTIFICATE = "RequestCertificate DeleteCertificate AddTagsToCertificate"
_BAKING = """
    CreateComponent DeleteComponent CreateImageRecipe DeleteImageRecipe CreateImage DeleteImage
    CreateImagePipeline UpdateImagePipeline DeleteImagePipeline CreateInfrastructureConfiguration
    UpdateInfrastructureConfiguration DeleteInfrastructureConfiguration
    CreateDistributionConfiguration UpdateDistributionConfiguration
    DeleteDistributionConfiguration TagResource
"""
_PUSH = """
    BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart CompleteLayerUpload PutImage
    BatchGetImage GetDownloadUrlForLayer DescribeImages DescribeRepositories
"""


@dataclass(frozen=True, kw_only=True)
class DeliveryScope:
    """A stack's in an account."""

    name: str
    region: str
    account: str

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    @property
    def state_bucket(self) -> str:
        return f"arn:aws:s3:::{self.name}-state-{self.account}-{self.region}"


def of_reader(place: DeliveryScope) -> list[Statement]:
    """The state and what the program looks up; AWS's own policies for readers do the rest."""
    return [
        allow(["s3:ListBucket"], [place.state_bucket]),
        allow(["s3:GetObject"], [f"{place.state_bucket}/*"]),
        _state_key(place, ["kms:Decrypt"]),
        _named(place, "secretsmanager", "GetSecretValue", f"secret:{place.name}-*"),
        _named(place, "ecr", "DescribeRepositories", f"repository/{place.name}"),
    ]


KINDS = ("delivery", "network", "data", "platform")


def of_deployer(place: DeliveryScope) -> Mapping[str, list[Statement]]:
    """By policy: one has room for 6,144 characters."""
    return {
        "delivery": _delivery(place),
        "network": _network(place),
        "data": _data(place),
        "platform": _platform(place),
    }


def _delivery(place: DeliveryScope) -> list[Statement]:
    objects = f"{place.state_bucket}/*"
    return [
        allow(["s3:ListBucket"], [place.state_bucket]),
        allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [objects]),
        _state_key(place, ["kms:Decrypt", "kms:Encrypt"]),
        allow(["ecr:GetAuthorizationToken", "ecs:DeregisterTaskDefinition"], ["*"]),
        _named(place, "ecr", _PUSH, f"repository/{place.name}"),
        allow(
            ["ssm:SendCommand"],
            [
                f"arn:aws:ssm:{place.region}::document/AWS-RunShellScript",
                place.arn("ec2", "instance/*"),
            ],
        ),
        allow(["ssm:GetCommandInvocation", "ssm:CancelCommand"], [place.arn("ssm", "*:*")]),
    ]


def _network(place: DeliveryScope) -> list[Statement]:
    ours = f"{place.name}-*"
    return [
        allow(_actions("ec2", _NETWORK), [place.arn("ec2", "*/*"), "arn:aws:ec2:*::image/*"]),
        _named(place, "elasticloadbalancing", _BALANCER, "*/*"),
        _named(place, "wafv2", _FIREWALL, "*/*"),
        _named(place, "acm", _CERTIFICATE, "certificate/*"),
        allow(["route53:ChangeResourceRecordSets"], ["arn:aws:route53:::hostedzone/*"]),
        allow(_actions("s3", _LOG_BUCKET), [f"arn:aws:s3:::{place.name}-logs-*"]),
        _named(place, "logs", _LOG, f"log-group:*{place.name}*"),
        _named(place, "sns", _TOPIC, ours),
        _named(place, "cloudwatch", "PutMetricAlarm PutCompositeAlarm DeleteAlarms", "alarm:*"),
        allow(
            ["cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"],
            [f"arn:aws:cloudwatch::{place.account}:dashboard/*"],
        ),
        _named(place, "scheduler", _SCHEDULE, f"schedule/*/{ours}"),
    ]


def _platform(place: DeliveryScope) -> list[Statement]:
    ours = f"{place.name}-*"
    ecs = [f"{kind}/{ours}" for kind in ("cluster", "service", "task", "task-definition")]
    return [
        *_roles(place),
        _named(place, "ecs", _ECS, *ecs),
        _named(place, "autoscaling", _GROUP, f"*:*:*/{ours}"),
        _named(place, "application-autoscaling", _TASK_SCALING, "scalable-target/*"),
        _named(place, "imagebuilder", _BAKING, "*/*"),
    ]


def _data(place: DeliveryScope) -> list[Statement]:
    return [
        _named(place, "rds", _DATABASE, "*:*"),
        _named(place, "elasticache", _CACHE, "*:*"),
        _named(place, "secretsmanager", _SECRET, f"secret:{place.name}-*", "secret:rds!*"),
        allow(["kms:CreateKey"], ["*"]),
        _named(place, "kms", _KEY, "key/*", "alias/*"),
    ]


def _roles(place: DeliveryScope) -> list[Statement]:
    """Roles of this stack only, for AWS's services only, with AWS's policies as listed only."""
    iam = f"arn:aws:iam::{place.account}"
    roles = [f"{iam}:role/{place.name}-*"]
    services = [f"{service}.amazonaws.com" for service in SERVICES]
    own = f"{iam}:policy/{place.name}-*"
    managed = [*(f"arn:aws:iam::aws:policy/{name}" for name in MANAGED), *READERS, own]
    return [
        allow(_actions("iam", _ROLE), [*roles, f"{iam}:instance-profile/{place.name}-*", own]),
        allow(
            ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
            roles,
            {"ArnLike": {"iam:PolicyARN": managed}},
        ),
        allow(["iam:PassRole"], roles, {"StringEquals": {"iam:PassedToService": services}}),
        allow(["iam:CreateServiceLinkedRole"], [f"{iam}:role/aws-service-role/*"]),
    ]


def _state_key(place: DeliveryScope, actions: Sequence[str]) -> Statement:
    alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{place.name}-state"}}
    return allow(actions, [place.arn("kms", "key/*")], alias)


def _named(place: DeliveryScope, service: str, actions: str, *resources: str) -> Statement:
    return allow(_actions(service, actions), [place.arn(service, rest) for rest in resources])


def _actions(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]
