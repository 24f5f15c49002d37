"""How each type of the program is called in CloudFormation, and what its properties are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cloudformation_shapes import (
    Properties,
    alarm,
    balancer,
    composite,
    database,
    document,
    encryption,
    expiry,
    group,
    launch_template,
    listener,
    named,
    parameters,
    permissions,
    plain,
    record,
    service,
    targets,
    task,
)


@dataclass(frozen=True)
class Row:
    type: str
    # Pulumi's name → CloudFormation's, where it isn't the same in CamelCase
    names: Mapping[str, str] = field(default_factory=dict)
    shape: Callable[[Properties], Properties] = lambda properties: properties
    ref_is_arn: bool = False


@dataclass(frozen=True)
class Part:
    """One of Pulumi's resources that is a property in CloudFormation."""

    owner: str
    shape: Callable[[Properties], Properties]


ALIKE = {
    "aws:appautoscaling/target:Target": "AWS::ApplicationAutoScaling::ScalableTarget",
    "aws:cloudwatch/dashboard:Dashboard": "AWS::CloudWatch::Dashboard",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "AWS::EC2::VPCEndpoint",
    "aws:elasticache/user:User": "AWS::ElastiCache::User",
    "aws:elasticache/userGroup:UserGroup": "AWS::ElastiCache::UserGroup",
    "aws:s3/bucket:Bucket": "AWS::S3::Bucket",
    "aws:scheduler/schedule:Schedule": "AWS::Scheduler::Schedule",
    "aws:wafv2/webAcl:WebAcl": "AWS::WAFv2::WebACL",
}
ROWS: Mapping[str, Row] = {kind: Row(name) for kind, name in ALIKE.items()} | {
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Row(
        "AWS::WAFv2::LoggingConfiguration"
    ),
    "aws:acm/certificate:Certificate": Row("AWS::CertificateManager::Certificate", ref_is_arn=True),
    "aws:appautoscaling/policy:Policy": Row(
        "AWS::ApplicationAutoScaling::ScalingPolicy", shape=named("PolicyName")
    ),
    "aws:autoscaling/group:Group": Row(
        "AWS::AutoScaling::AutoScalingGroup",
        {"targetGroupArns": "TargetGroupARNs", "vpcZoneIdentifiers": "VPCZoneIdentifier"},
        group,
    ),
    "aws:autoscaling/lifecycleHook:LifecycleHook": Row(
        "AWS::AutoScaling::LifecycleHook",
        {"name": "LifecycleHookName", "autoscalingGroupName": "AutoScalingGroupName"},
    ),
    "aws:autoscaling/policy:Policy": Row(
        "AWS::AutoScaling::ScalingPolicy", {"autoscalingGroupName": "AutoScalingGroupName"}
    ),
    "aws:cloudwatch/logGroup:LogGroup": Row("AWS::Logs::LogGroup", {"name": "LogGroupName"}),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Row(
        "AWS::CloudWatch::Alarm", {"metricQueries": "Metrics", "okActions": "OKActions"}, alarm
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Row(
        "AWS::CloudWatch::CompositeAlarm", {"okActions": "OKActions"}, composite
    ),
    "aws:ec2/flowLog:FlowLog": Row(
        "AWS::EC2::FlowLog",
        {"iamRoleArn": "DeliverLogsPermissionArn", "vpcId": "ResourceId"},
        lambda found: found | {"ResourceType": "VPC"},
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": Row("AWS::EC2::LaunchTemplate", shape=launch_template),
    "aws:ec2/securityGroup:SecurityGroup": Row(
        "AWS::EC2::SecurityGroup", {"description": "GroupDescription"}
    ),
    "aws:ecs/cluster:Cluster": Row("AWS::ECS::Cluster", {"settings": "ClusterSettings"}),
    "aws:ecs/service:Service": Row(
        "AWS::ECS::Service",
        {
            "capacityProviderStrategies": "CapacityProviderStrategy",
            "enableEcsManagedTags": "EnableECSManagedTags",
        },
        service,
    ),
    "aws:ecs/taskDefinition:TaskDefinition": Row(
        "AWS::ECS::TaskDefinition", shape=task, ref_is_arn=True
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Row(
        "AWS::ElastiCache::ParameterGroup",
        {"family": "CacheParameterGroupFamily", "parameters": "Properties"},
        parameters("Properties"),
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Row(
        "AWS::ElastiCache::ReplicationGroup",
        {
            "description": "ReplicationGroupDescription",
            "maintenanceWindow": "PreferredMaintenanceWindow",
            "multiAzEnabled": "MultiAZEnabled",
            "nodeType": "CacheNodeType",
            "parameterGroupName": "CacheParameterGroupName",
            "subnetGroupName": "CacheSubnetGroupName",
        },
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": Row(
        "AWS::ElastiCache::SubnetGroup", {"description": "Description"}
    ),
    "aws:iam/instanceProfile:InstanceProfile": Row(
        "AWS::IAM::InstanceProfile",
        {"role": "Roles"},
        lambda found: found | {"Roles": [found["Roles"]]},
    ),
    "aws:iam/role:Role": Row(
        "AWS::IAM::Role",
        {"assumeRolePolicy": "AssumeRolePolicyDocument"},
        document("AssumeRolePolicyDocument"),
    ),
    "aws:iam/rolePolicy:RolePolicy": Row(
        "AWS::IAM::Policy", {"policy": "PolicyDocument", "role": "Roles"}, permissions
    ),
    "aws:kms/key:Key": Row("AWS::KMS::Key", {"deletionWindowInDays": "PendingWindowInDays"}),
    "aws:lb/listener:Listener": Row(
        "AWS::ElasticLoadBalancingV2::Listener", shape=listener, ref_is_arn=True
    ),
    "aws:lb/loadBalancer:LoadBalancer": Row(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        {"loadBalancerType": "Type"},
        balancer,
        ref_is_arn=True,
    ),
    "aws:lb/targetGroup:TargetGroup": Row(
        "AWS::ElasticLoadBalancingV2::TargetGroup", shape=targets, ref_is_arn=True
    ),
    "aws:rds/instance:Instance": Row(
        "AWS::RDS::DBInstance",
        {
            "backupWindow": "PreferredBackupWindow",
            "caCertIdentifier": "CACertificateIdentifier",
            "dbName": "DBName",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
            "instanceClass": "DBInstanceClass",
            "maintenanceWindow": "PreferredMaintenanceWindow",
            "multiAz": "MultiAZ",
            "parameterGroupName": "DBParameterGroupName",
            "performanceInsightsEnabled": "EnablePerformanceInsights",
            "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
            "username": "MasterUsername",
            "vpcSecurityGroupIds": "VPCSecurityGroups",
        },
        database,
    ),
    "aws:rds/parameterGroup:ParameterGroup": Row(
        "AWS::RDS::DBParameterGroup", shape=parameters("Parameters")
    ),
    "aws:rds/subnetGroup:SubnetGroup": Row(
        "AWS::RDS::DBSubnetGroup", {"description": "DBSubnetGroupDescription"}
    ),
    "aws:route53/record:Record": Row(
        "AWS::Route53::RecordSet",
        {"records": "ResourceRecords", "ttl": "TTL", "zoneId": "HostedZoneId"},
        record,
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Row(
        "AWS::S3::BucketPolicy", {"policy": "PolicyDocument"}, document("PolicyDocument")
    ),
    "aws:secretsmanager/secret:Secret": Row("AWS::SecretsManager::Secret", ref_is_arn=True),
    "aws:secretsmanager/secretRotation:SecretRotation": Row(
        "AWS::SecretsManager::RotationSchedule", {"rotateImmediately": "RotateImmediatelyOnUpdate"}
    ),
    "aws:sns/topic:Topic": Row("AWS::SNS::Topic", ref_is_arn=True),
    "aws:sns/topicSubscription:TopicSubscription": Row(
        "AWS::SNS::Subscription", {"topic": "TopicArn"}
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Row(
        "AWS::EC2::SecurityGroupEgress",
        {
            "cidrIpv4": "CidrIp",
            "referencedSecurityGroupId": "DestinationSecurityGroupId",
            "securityGroupId": "GroupId",
        },
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Row(
        "AWS::EC2::SecurityGroupIngress",
        {
            "cidrIpv4": "CidrIp",
            "referencedSecurityGroupId": "SourceSecurityGroupId",
            "securityGroupId": "GroupId",
        },
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Row(
        "AWS::WAFv2::WebACLAssociation", {"webAclArn": "WebACLArn"}
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": Row(
        "AWS::ECS::ClusterCapacityProviderAssociations",
        {"clusterName": "Cluster"},
        lambda found: found | {"DefaultCapacityProviderStrategy": []},
    ),
}
BELONGS: Mapping[str, Part] = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Part(
        "bucket", lambda found: {"PublicAccessBlockConfiguration": plain(found)}
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Part(
        "bucket", lambda found: {"OwnershipControls": {"Rules": [found["Rule"]]}}
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Part(
        "bucket",
        encryption,
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Part(
        "bucket",
        expiry,
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Part(
        "role", lambda found: {"ManagedPolicyArns": [found["PolicyArn"]]}
    ),
}
