"""Which changes replace a resource, by the AWS provider's schema (v7.51).

Only the properties that this program sets; a change of any other is an update in place.
"""

from collections.abc import Mapping
from typing import Any

from pulumi.runtime.proto import provider_pb2

from stackkit.tools.rehearse.engine.wire import Values

_OF_SCALING = {"name", "resourceId", "scalableDimension", "serviceNamespace"}
REPLACING: Mapping[str, set[str]] = {
    "aws:acm/certificate:Certificate": {"domainName", "validationMethod"},
    "aws:acm/certificateValidation:CertificateValidation": {
        "certificateArn",
        "validationRecordFqdns",
    },
    "aws:appautoscaling/policy:Policy": _OF_SCALING,
    "aws:appautoscaling/scheduledAction:ScheduledAction": _OF_SCALING,
    "aws:appautoscaling/target:Target": {"resourceId", "scalableDimension", "serviceNamespace"},
    "aws:autoscaling/group:Group": {"name"},
    "aws:autoscaling/lifecycleHook:LifecycleHook": {"name", "autoscalingGroupName"},
    "aws:autoscaling/policy:Policy": {"name", "autoscalingGroupName"},
    "aws:autoscaling/schedule:Schedule": {"autoscalingGroupName", "scheduledActionName"},
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": {"alarmName"},
    "aws:cloudwatch/dashboard:Dashboard": {"dashboardName"},
    "aws:cloudwatch/logGroup:LogGroup": {"name", "logGroupClass"},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {"name"},
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {"vpcId"},
    "aws:ec2/eip:Eip": {"domain"},
    "aws:ec2/flowLog:FlowLog": {
        "iamRoleArn",
        "logDestination",
        "logDestinationType",
        "logFormat",
        "maxAggregationInterval",
        "trafficType",
        "vpcId",
    },
    "aws:ec2/launchTemplate:LaunchTemplate": {"name"},
    "aws:ec2/natGateway:NatGateway": {"allocationId", "subnetId"},
    "aws:ec2/route:Route": {"routeTableId", "destinationCidrBlock"},
    "aws:ec2/routeTable:RouteTable": {"vpcId"},
    "aws:ec2/routeTableAssociation:RouteTableAssociation": {"subnetId"},
    "aws:ec2/securityGroup:SecurityGroup": {"name", "description", "vpcId"},
    "aws:ec2/subnet:Subnet": {"vpcId", "cidrBlock", "availabilityZone"},
    "aws:ec2/vpc:Vpc": {"cidrBlock"},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"vpcId", "serviceName", "vpcEndpointType"},
    "aws:ecs/cluster:Cluster": {"name"},
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": {"clusterName"},
    "aws:ecs/service:Service": {"name", "cluster", "launchType", "schedulingStrategy"},
    "aws:ecs/taskDefinition:TaskDefinition": {
        "family",
        "containerDefinitions",
        "cpu",
        "memory",
        "networkMode",
        "requiresCompatibilities",
        "runtimePlatform",
        "executionRoleArn",
        "taskRoleArn",
        "volumes",
    },
    "aws:elasticache/parameterGroup:ParameterGroup": {"name", "family", "description"},
    "aws:elasticache/replicationGroup:ReplicationGroup": {
        "replicationGroupId",
        "subnetGroupName",
        "port",
        "atRestEncryptionEnabled",
        "kmsKeyId",
    },
    "aws:elasticache/subnetGroup:SubnetGroup": {"name"},
    "aws:elasticache/user:User": {"userId", "userName", "engine"},
    "aws:elasticache/userGroup:UserGroup": {"userGroupId", "engine"},
    "aws:iam/instanceProfile:InstanceProfile": {"name", "path"},
    "aws:iam/policy:Policy": {"name", "path", "description"},
    "aws:iam/role:Role": {"name", "path"},
    "aws:iam/rolePolicy:RolePolicy": {"name", "role"},
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {"role", "policyArn"},
    "aws:kms/key:Key": {"keyUsage", "customerMasterKeySpec", "multiRegion"},
    "aws:lb/listener:Listener": {"loadBalancerArn"},
    "aws:lb/loadBalancer:LoadBalancer": {"name", "internal", "loadBalancerType"},
    "aws:lb/targetGroup:TargetGroup": {
        "name",
        "port",
        "protocol",
        "protocolVersion",
        "targetType",
        "vpcId",
    },
    "aws:rds/instance:Instance": {
        "identifier",
        "dbName",
        "engine",
        "username",
        "storageEncrypted",
        "kmsKeyId",
    },
    "aws:rds/parameterGroup:ParameterGroup": {"name", "family", "description"},
    "aws:rds/proxy:Proxy": {"name", "engineFamily", "vpcSubnetIds"},
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": {"dbProxyName"},
    "aws:rds/proxyTarget:ProxyTarget": {"dbProxyName", "targetGroupName", "dbInstanceIdentifier"},
    "aws:rds/subnetGroup:SubnetGroup": {"name"},
    "aws:route53/record:Record": {"zoneId", "name", "setIdentifier"},
    "aws:route53/zone:Zone": {"name"},
    "aws:s3/bucket:Bucket": {"bucket"},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"bucket"},
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {"bucket"},
    "aws:s3/bucketPolicy:BucketPolicy": {"bucket"},
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {"bucket"},
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
        "bucket"
    },
    "aws:scheduler/schedule:Schedule": {"name", "groupName"},
    "aws:secretsmanager/secret:Secret": {"name"},
    "aws:secretsmanager/secretRotation:SecretRotation": {"secretId"},
    "aws:secretsmanager/secretVersion:SecretVersion": {"secretId", "secretString"},
    "aws:sns/topic:Topic": {"name"},
    "aws:sns/topicSubscription:TopicSubscription": {"topic", "protocol", "endpoint"},
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {"securityGroupId"},
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {"securityGroupId"},
    "aws:wafv2/webAcl:WebAcl": {"name", "scope", "description"},
    "aws:wafv2/webAclAssociation:WebAclAssociation": {"resourceArn", "webAclArn"},
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": {"resourceArn"},
    # of an image, any change builds anew, in place
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": {"repository"},
    "aws:ecr/repository:Repository": {"name", "encryptionConfigurations"},
    "command:local:Command": {"triggers"},
    "random:index/randomPassword:RandomPassword": {"length", "special", "keepers"},
}


def replacing(kind: str, name: str, inputs: Values) -> bool:
    if (kind, name) == ("aws:ecs/service:Service", "capacityProviderStrategies"):
        return not inputs.get("forceNewDeployment")
    return name in REPLACING.get(kind, ())


def detailed(old: Values, new: Values, changed: list[str], replaces: list[str]) -> dict[str, Any]:
    return {name: _difference(name, old, new, name in replaces) for name in changed}


def _difference(name: str, old: Values, new: Values, replaces: bool) -> Any:
    kind = "UPDATE" if name in old and name in new else "ADD" if name in new else "DELETE"
    difference = provider_pb2.PropertyDiff
    named = getattr(difference, f"{kind}_REPLACE" if replaces else kind)
    return difference(kind=named, inputDiff=True)
