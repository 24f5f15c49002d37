"""Which call of AWS's API makes, or completes, which type of CloudFormation's."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloudformation_shapes import (
    Properties,
    Shape,
    attribute,
    encryption,
    group,
    lifecycle,
    parameters,
    record,
    rule,
    same,
    scheduled,
    secret_key,
    tagged,
    zone,
)

Operation = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A call that makes a resource."""

    type: str
    # member of a request or an answer → the attribute that it is; "" for what Ref gives
    gives: Mapping[str, str] = field(default_factory=dict)
    # the API's name → CloudFormation's; "" leaves it out
    names: Mapping[str, str] = field(default_factory=dict)
    shape: Shape = same

    def renamed(self, found: Properties) -> Properties:
        named = {self.names.get(name, name): value for name, value in found.items()}
        return {name: value for name, value in named.items() if name}


@dataclass(frozen=True)
class Part:
    """A call that completes the resource which a member names."""

    owner: str
    shape: Shape = same


_DATABASE = Row(
    type="AWS::RDS::DBInstance",
    gives={
        "DBInstanceIdentifier": "",
        "DBInstanceArn": "DBInstanceArn",
        "SecretArn": "MasterUserSecret.SecretArn",
    },
    names={"VpcSecurityGroupIds": "VPCSecurityGroups"},
    shape=secret_key,
)
ROWS: Mapping[Operation, Row] = {
    ("acm", "RequestCertificate"): Row(
        type="AWS::CertificateManager::Certificate", gives={"CertificateArn": ""}
    ),
    ("application-autoscaling", "PutScalingPolicy"): Row(
        type="AWS::ApplicationAutoScaling::ScalingPolicy",
        names={"ResourceId": "ScalingTargetId", "ScalableDimension": "", "ServiceNamespace": ""},
    ),
    ("application-autoscaling", "RegisterScalableTarget"): Row(
        type="AWS::ApplicationAutoScaling::ScalableTarget", gives={"ResourceId": ""}
    ),
    ("autoscaling", "CreateAutoScalingGroup"): Row(
        type="AWS::AutoScaling::AutoScalingGroup",
        gives={"AutoScalingGroupName": ""},
        shape=group,
    ),
    ("autoscaling", "PutLifecycleHook"): Row(type="AWS::AutoScaling::LifecycleHook"),
    ("autoscaling", "PutScalingPolicy"): Row(
        type="AWS::AutoScaling::ScalingPolicy", names={"PolicyName": ""}
    ),
    ("autoscaling", "PutScheduledUpdateGroupAction"): Row(
        type="AWS::AutoScaling::ScheduledAction", names={"ScheduledActionName": ""}
    ),
    ("autoscaling", "PutWarmPool"): Row(type="AWS::AutoScaling::WarmPool"),
    ("cloudwatch", "PutCompositeAlarm"): Row(type="AWS::CloudWatch::CompositeAlarm"),
    ("cloudwatch", "PutDashboard"): Row(type="AWS::CloudWatch::Dashboard"),
    ("cloudwatch", "PutMetricAlarm"): Row(
        type="AWS::CloudWatch::Alarm", gives={"AlarmName": "", "AlarmArn": "Arn"}
    ),
    ("ec2", "AllocateAddress"): Row(
        type="AWS::EC2::EIP", gives={"AllocationId": "AllocationId"}, shape=tagged
    ),
    ("ec2", "AssociateRouteTable"): Row(type="AWS::EC2::SubnetRouteTableAssociation"),
    ("ec2", "AttachInternetGateway"): Row(type="AWS::EC2::VPCGatewayAttachment"),
    ("ec2", "AuthorizeSecurityGroupEgress"): Row(
        type="AWS::EC2::SecurityGroupEgress",
        names={"OtherGroupId": "DestinationSecurityGroupId"},
        shape=rule,
    ),
    ("ec2", "AuthorizeSecurityGroupIngress"): Row(
        type="AWS::EC2::SecurityGroupIngress",
        names={"OtherGroupId": "SourceSecurityGroupId"},
        shape=rule,
    ),
    ("ec2", "CreateFlowLogs"): Row(
        type="AWS::EC2::FlowLog",
        names={"ResourceIds": "ResourceId"},
        shape=lambda found: found | {"ResourceIds": found["ResourceIds"][0]},
    ),
    ("ec2", "CreateInternetGateway"): Row(
        type="AWS::EC2::InternetGateway", gives={"InternetGatewayId": ""}, shape=tagged
    ),
    ("ec2", "CreateLaunchTemplate"): Row(
        type="AWS::EC2::LaunchTemplate", gives={"LaunchTemplateId": ""}
    ),
    ("ec2", "CreateNatGateway"): Row(
        type="AWS::EC2::NatGateway", gives={"NatGatewayId": ""}, shape=tagged
    ),
    ("ec2", "CreateRoute"): Row(type="AWS::EC2::Route"),
    ("ec2", "CreateRouteTable"): Row(
        type="AWS::EC2::RouteTable", gives={"RouteTableId": ""}, shape=tagged
    ),
    ("ec2", "CreateSecurityGroup"): Row(
        type="AWS::EC2::SecurityGroup",
        gives={"GroupId": "GroupId"},
        names={"Description": "GroupDescription"},
    ),
    ("ec2", "CreateSubnet"): Row(type="AWS::EC2::Subnet", gives={"SubnetId": ""}, shape=tagged),
    ("ec2", "CreateVpc"): Row(type="AWS::EC2::VPC", gives={"VpcId": ""}, shape=tagged),
    ("ec2", "CreateVpcEndpoint"): Row(type="AWS::EC2::VPCEndpoint"),
    ("ecs", "CreateCluster"): Row(
        type="AWS::ECS::Cluster",
        gives={"clusterName": "", "clusterArn": "Arn"},
        names={"settings": "ClusterSettings"},
    ),
    ("ecs", "CreateService"): Row(
        type="AWS::ECS::Service", gives={"serviceName": "Name", "serviceArn": ""}
    ),
    ("ecs", "RegisterTaskDefinition"): Row(
        type="AWS::ECS::TaskDefinition", gives={"taskDefinitionArn": ""}
    ),
    ("elasticache", "CreateCacheParameterGroup"): Row(
        type="AWS::ElastiCache::ParameterGroup",
        gives={"CacheParameterGroupName": ""},
        names={"CacheParameterGroupName": ""},
    ),
    ("elasticache", "CreateCacheSubnetGroup"): Row(
        type="AWS::ElastiCache::SubnetGroup",
        gives={"CacheSubnetGroupName": ""},
        names={"CacheSubnetGroupDescription": "Description"},
    ),
    ("elasticache", "CreateReplicationGroup"): Row(
        type="AWS::ElastiCache::ReplicationGroup", gives={"ReplicationGroupId": ""}
    ),
    ("elasticache", "CreateUser"): Row(type="AWS::ElastiCache::User"),
    ("elasticache", "CreateUserGroup"): Row(type="AWS::ElastiCache::UserGroup"),
    ("elbv2", "CreateListener"): Row(type="AWS::ElasticLoadBalancingV2::Listener"),
    ("elbv2", "CreateLoadBalancer"): Row(
        type="AWS::ElasticLoadBalancingV2::LoadBalancer", gives={"LoadBalancerArn": ""}
    ),
    ("elbv2", "CreateTargetGroup"): Row(
        type="AWS::ElasticLoadBalancingV2::TargetGroup", gives={"TargetGroupArn": ""}
    ),
    ("iam", "CreateInstanceProfile"): Row(
        type="AWS::IAM::InstanceProfile", gives={"InstanceProfileName": "", "Arn": "Arn"}
    ),
    ("iam", "CreatePolicy"): Row(
        type="AWS::IAM::ManagedPolicy",
        gives={"Arn": ""},
        names={"PolicyName": "ManagedPolicyName"},
    ),
    ("iam", "CreateRole"): Row(type="AWS::IAM::Role", gives={"RoleName": "", "Arn": "Arn"}),
    ("imagebuilder", "CreateComponent"): Row(
        type="AWS::ImageBuilder::Component", names={"semanticVersion": "Version"}
    ),
    ("imagebuilder", "CreateDistributionConfiguration"): Row(
        type="AWS::ImageBuilder::DistributionConfiguration"
    ),
    ("imagebuilder", "CreateImage"): Row(type="AWS::ImageBuilder::Image"),
    ("imagebuilder", "CreateImageRecipe"): Row(
        type="AWS::ImageBuilder::ImageRecipe", names={"semanticVersion": "Version"}
    ),
    ("imagebuilder", "CreateInfrastructureConfiguration"): Row(
        type="AWS::ImageBuilder::InfrastructureConfiguration"
    ),
    ("kms", "CreateKey"): Row(
        type="AWS::KMS::Key", gives={"KeyId": "", "Arn": "Arn"}, names={"Policy": "KeyPolicy"}
    ),
    ("ecr", "CreateRepository"): Row(
        type="AWS::ECR::Repository", gives={"repositoryName": "", "repositoryArn": "Arn"}
    ),
    ("logs", "CreateLogGroup"): Row(type="AWS::Logs::LogGroup", gives={"logGroupName": ""}),
    ("logs", "PutResourcePolicy"): Row(type="AWS::Logs::ResourcePolicy"),
    ("rds", "CreateDBInstance"): _DATABASE,
    ("rds", "CreateDBInstanceReadReplica"): _DATABASE,
    ("rds", "CreateDBParameterGroup"): Row(
        type="AWS::RDS::DBParameterGroup",
        gives={"DBParameterGroupName": ""},
        names={"DBParameterGroupFamily": "Family"},
    ),
    ("rds", "CreateDBProxy"): Row(
        type="AWS::RDS::DBProxy", gives={"DBProxyName": "", "DBProxyArn": "DBProxyArn"}
    ),
    ("rds", "CreateDBSubnetGroup"): Row(
        type="AWS::RDS::DBSubnetGroup", gives={"DBSubnetGroupName": ""}
    ),
    ("rds", "ModifyDBProxyTargetGroup"): Row(
        type="AWS::RDS::DBProxyTargetGroup",
        gives={"TargetGroupName": ""},
        names={"ConnectionPoolConfig": "ConnectionPoolConfigurationInfo"},
    ),
    ("route53", "ChangeResourceRecordSets"): Row(type="AWS::Route53::RecordSet", shape=record),
    ("route53", "CreateHostedZone"): Row(
        type="AWS::Route53::HostedZone", names={"CallerReference": ""}, shape=zone
    ),
    ("s3", "CreateBucket"): Row(
        type="AWS::S3::Bucket",
        gives={"Bucket": ""},
        names={"Bucket": "BucketName", "CreateBucketConfiguration": ""},
    ),
    ("s3", "PutBucketPolicy"): Row(
        type="AWS::S3::BucketPolicy", names={"Policy": "PolicyDocument"}
    ),
    ("scheduler", "CreateSchedule"): Row(type="AWS::Scheduler::Schedule"),
    ("secretsmanager", "CreateSecret"): Row(type="AWS::SecretsManager::Secret", gives={"ARN": ""}),
    ("secretsmanager", "RotateSecret"): Row(
        type="AWS::SecretsManager::RotationSchedule",
        names={"RotateImmediately": "RotateImmediatelyOnUpdate"},
    ),
    ("sns", "CreateTopic"): Row(
        type="AWS::SNS::Topic", gives={"TopicArn": ""}, names={"Name": "TopicName"}
    ),
    ("sns", "Subscribe"): Row(type="AWS::SNS::Subscription"),
    ("wafv2", "AssociateWebACL"): Row(type="AWS::WAFv2::WebACLAssociation"),
    ("wafv2", "CreateWebACL"): Row(type="AWS::WAFv2::WebACL", gives={"ARN": "Arn"}),
    ("wafv2", "PutLoggingConfiguration"): Row(
        type="AWS::WAFv2::LoggingConfiguration", shape=lambda found: found["LoggingConfiguration"]
    ),
}
PARTS: Mapping[Operation, Part] = {
    ("application-autoscaling", "PutScheduledAction"): Part("ResourceId", scheduled),
    ("autoscaling", "EnableMetricsCollection"): Part(
        "AutoScalingGroupName", lambda found: {"MetricsCollection": [found]}
    ),
    ("ec2", "ModifySubnetAttribute"): Part("SubnetId", attribute),
    ("ec2", "ModifyVpcAttribute"): Part("VpcId", attribute),
    ("ecr", "PutLifecyclePolicy"): Part("repositoryName", lambda found: {"LifecyclePolicy": found}),
    ("ecs", "PutClusterCapacityProviders"): Part("cluster"),
    ("elasticache", "ModifyCacheParameterGroup"): Part(
        "CacheParameterGroupName", parameters("Properties", "ParameterNameValues")
    ),
    ("elbv2", "ModifyCapacityReservation"): Part("LoadBalancerArn"),
    ("elbv2", "ModifyLoadBalancerAttributes"): Part(
        "LoadBalancerArn", lambda found: {"LoadBalancerAttributes": found["Attributes"]}
    ),
    ("elbv2", "ModifyTargetGroupAttributes"): Part(
        "TargetGroupArn", lambda found: {"TargetGroupAttributes": found["Attributes"]}
    ),
    ("iam", "AddRoleToInstanceProfile"): Part(
        "InstanceProfileName", lambda found: {"Roles": [found["RoleName"]]}
    ),
    ("iam", "AttachRolePolicy"): Part(
        "RoleName", lambda found: {"ManagedPolicyArns": [found["PolicyArn"]]}
    ),
    ("iam", "PutRolePolicy"): Part("RoleName", lambda found: {"Policies": [found]}),
    ("kms", "EnableKeyRotation"): Part("KeyId", lambda found: {"EnableKeyRotation": True}),
    ("logs", "PutRetentionPolicy"): Part("logGroupName"),
    ("rds", "ModifyDBInstance"): Part("DBInstanceIdentifier"),
    ("rds", "ModifyDBParameterGroup"): Part(
        "DBParameterGroupName", parameters("Parameters", "Parameters")
    ),
    ("rds", "RegisterDBProxyTargets"): Part("TargetGroupName"),
    ("s3", "PutBucketEncryption"): Part("Bucket", encryption),
    ("s3", "PutBucketLifecycleConfiguration"): Part("Bucket", lifecycle),
    ("s3", "PutBucketOwnershipControls"): Part("Bucket"),
    ("s3", "PutPublicAccessBlock"): Part("Bucket"),
}
OUTSIDE: Mapping[Operation, str] = {
    ("autoscaling", "StartInstanceRefresh"): "a deployment, and no resource",
    ("ecr", "PutImage"): "an image, which no template holds",
    ("ecs", "RunTask"): "the migration, which runs once",
    ("ec2", "RevokeSecurityGroupEgress"): "takes AWS's own rules away: the template has ours only",
    ("ec2", "RevokeSecurityGroupIngress"): "takes AWS's own rules away: the template has ours only",
    ("secretsmanager", "PutSecretValue"): "the value, which no template should hold",
}
