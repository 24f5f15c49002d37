"""What the provider reads of each type of resource when it refreshes one.

Source: the read functions of the provider that pulumi-aws 7 is built on,
hashicorp/terraform-provider-aws in internal/service/<service>/, and AWS's service authorization
reference. A type of the program that is missing here fails a test.
"""

from collections.abc import Mapping

READS: Mapping[str, str] = {
    "acm/certificate": "acm:DescribeCertificate acm:ListTagsForCertificate",
    "acm/certificateValidation": "acm:DescribeCertificate",
    "appautoscaling/policy": "application-autoscaling:DescribeScalingPolicies",
    "appautoscaling/scheduledAction": "application-autoscaling:DescribeScheduledActions",
    "appautoscaling/target": (
        "application-autoscaling:DescribeScalableTargets"
        " application-autoscaling:ListTagsForResource"
    ),
    "autoscaling/group": (
        "autoscaling:DescribeAutoScalingGroups autoscaling:DescribeInstanceRefreshes"
        " autoscaling:DescribeScalingActivities elasticloadbalancing:DescribeTargetHealth"
    ),
    "autoscaling/lifecycleHook": "autoscaling:DescribeLifecycleHooks",
    "autoscaling/policy": "autoscaling:DescribePolicies",
    "autoscaling/schedule": "autoscaling:DescribeScheduledActions",
    "chatbot/slackChannelConfiguration": (
        "chatbot:DescribeSlackChannelConfigurations chatbot:ListTagsForResource"
    ),
    "cloudwatch/compositeAlarm": "cloudwatch:DescribeAlarms cloudwatch:ListTagsForResource",
    "cloudwatch/dashboard": "cloudwatch:GetDashboard",
    "cloudwatch/logGroup": "logs:DescribeLogGroups logs:ListTagsForResource",
    "cloudwatch/logResourcePolicy": "logs:DescribeResourcePolicies",
    "cloudwatch/metricAlarm": "cloudwatch:DescribeAlarms cloudwatch:ListTagsForResource",
    "ec2/defaultSecurityGroup": "ec2:DescribeSecurityGroups",
    "ec2/eip": "ec2:DescribeAddresses ec2:DescribeAddressesAttribute",
    "ec2/flowLog": "ec2:DescribeFlowLogs",
    "ec2/internetGateway": "ec2:DescribeInternetGateways",
    "ec2/launchTemplate": "ec2:DescribeLaunchTemplates ec2:DescribeLaunchTemplateVersions",
    "ec2/natGateway": "ec2:DescribeNatGateways",
    "ec2/route": "ec2:DescribeRouteTables",
    "ec2/routeTable": "ec2:DescribeRouteTables",
    "ec2/routeTableAssociation": "ec2:DescribeRouteTables",
    "ec2/securityGroup": "ec2:DescribeSecurityGroups",
    "ec2/subnet": "ec2:DescribeSubnets",
    "ec2/vpc": (
        "ec2:DescribeVpcs ec2:DescribeVpcAttribute ec2:DescribeNetworkAcls"
        " ec2:DescribeRouteTables ec2:DescribeSecurityGroups"
    ),
    "ec2/vpcEndpoint": "ec2:DescribeVpcEndpoints ec2:DescribePrefixLists",
    "ecr/lifecyclePolicy": "ecr:GetLifecyclePolicy",
    "ecr/repository": "ecr:DescribeRepositories ecr:ListTagsForResource",
    "ecs/cluster": "ecs:DescribeClusters",
    "ecs/clusterCapacityProviders": "ecs:DescribeClusters",
    "ecs/service": "ecs:DescribeServices ecs:ListServiceDeployments ecs:DescribeServiceDeployments",
    "ecs/taskDefinition": "ecs:DescribeTaskDefinition",
    "elasticache/parameterGroup": (
        "elasticache:DescribeCacheParameterGroups elasticache:DescribeCacheParameters"
        " elasticache:ListTagsForResource"
    ),
    "elasticache/replicationGroup": (
        "elasticache:DescribeReplicationGroups elasticache:DescribeCacheClusters"
        " elasticache:ListTagsForResource"
    ),
    "elasticache/subnetGroup": (
        "elasticache:DescribeCacheSubnetGroups elasticache:ListTagsForResource"
    ),
    "elasticache/user": "elasticache:DescribeUsers elasticache:ListTagsForResource",
    "elasticache/userGroup": "elasticache:DescribeUserGroups elasticache:ListTagsForResource",
    "iam/instanceProfile": "iam:GetInstanceProfile iam:GetRole",
    "iam/role": (
        "iam:GetRole iam:ListRolePolicies iam:GetRolePolicy iam:ListAttachedRolePolicies"
        " iam:ListInstanceProfilesForRole"
    ),
    "iam/rolePolicy": "iam:GetRolePolicy",
    "iam/rolePolicyAttachment": "iam:ListAttachedRolePolicies",
    "imagebuilder/component": "imagebuilder:GetComponent",
    "imagebuilder/distributionConfiguration": "imagebuilder:GetDistributionConfiguration",
    "imagebuilder/image": "imagebuilder:GetImage",
    "imagebuilder/imageRecipe": "imagebuilder:GetImageRecipe",
    "imagebuilder/infrastructureConfiguration": "imagebuilder:GetInfrastructureConfiguration",
    "kms/key": ("kms:DescribeKey kms:GetKeyPolicy kms:GetKeyRotationStatus kms:ListResourceTags"),
    "lb/listener": (
        "elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeListenerAttributes"
        " elasticloadbalancing:DescribeTags"
    ),
    "lb/listenerRule": ("elasticloadbalancing:DescribeRules elasticloadbalancing:DescribeTags"),
    "lb/loadBalancer": (
        "elasticloadbalancing:DescribeLoadBalancers"
        " elasticloadbalancing:DescribeLoadBalancerAttributes"
        " elasticloadbalancing:DescribeCapacityReservation elasticloadbalancing:DescribeTags"
    ),
    "lb/targetGroup": (
        "elasticloadbalancing:DescribeTargetGroups"
        " elasticloadbalancing:DescribeTargetGroupAttributes elasticloadbalancing:DescribeTags"
    ),
    "rds/instance": "rds:DescribeDBInstances rds:ListTagsForResource",
    "rds/parameterGroup": (
        "rds:DescribeDBParameterGroups rds:DescribeDBParameters rds:ListTagsForResource"
    ),
    "rds/proxy": "rds:DescribeDBProxies rds:ListTagsForResource",
    "rds/proxyDefaultTargetGroup": "rds:DescribeDBProxyTargetGroups",
    "rds/proxyTarget": "rds:DescribeDBProxyTargets",
    "rds/subnetGroup": "rds:DescribeDBSubnetGroups rds:ListTagsForResource",
    "route53/record": "route53:GetHostedZone route53:ListResourceRecordSets route53:GetChange",
    "route53/zone": "route53:GetHostedZone route53:ListTagsForResource",
    "s3/bucket": (
        "s3:ListBucket s3:GetBucketAcl s3:GetBucketCORS s3:GetBucketWebsite"
        " s3:GetBucketVersioning s3:GetAccelerateConfiguration s3:GetBucketRequestPayment"
        " s3:GetBucketLogging s3:GetLifecycleConfiguration s3:GetReplicationConfiguration"
        " s3:GetEncryptionConfiguration s3:GetBucketObjectLockConfiguration"
        " s3:GetBucketLocation s3:GetBucketTagging s3:GetBucketPolicy"
    ),
    "s3/bucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3/bucketOwnershipControls": "s3:GetBucketOwnershipControls",
    "s3/bucketPolicy": "s3:GetBucketPolicy",
    "s3/bucketPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3/bucketServerSideEncryptionConfiguration": "s3:GetEncryptionConfiguration",
    "scheduler/schedule": "scheduler:GetSchedule",
    "secretsmanager/secret": "secretsmanager:DescribeSecret secretsmanager:GetResourcePolicy",
    "secretsmanager/secretRotation": "secretsmanager:DescribeSecret",
    "secretsmanager/secretVersion": "secretsmanager:GetSecretValue",
    "sns/topic": "sns:GetTopicAttributes sns:ListTagsForResource",
    "sns/topicSubscription": "sns:GetSubscriptionAttributes",
    "vpc/securityGroupEgressRule": "ec2:DescribeSecurityGroupRules",
    "vpc/securityGroupIngressRule": "ec2:DescribeSecurityGroupRules",
    "wafv2/webAcl": "wafv2:GetWebACL wafv2:ListTagsForResource",
    "wafv2/webAclAssociation": "wafv2:GetWebACLForResource",
    "wafv2/webAclLoggingConfiguration": "wafv2:GetLoggingConfiguration",
}
# what the program and its packages look up, whatever the stack
LOOKUPS = (
    "sts:GetCallerIdentity ec2:DescribeAvailabilityZones ec2:DescribeImages ssm:GetParameter"
    " route53:ListHostedZones route53:GetHostedZone route53:ListTagsForResource"
    " ecr:GetAuthorizationToken ec2:DescribeSubnets ec2:DescribeRouteTables"
    " ec2:DescribeNetworkInterfaces"
)
# what `make deploy`, `make rollback` and `make run` ask beside Pulumi
WATCHING = (
    "s3:ListBucket s3:GetObject ecr:DescribeImages ecr:BatchGetImage ecr:PutImage"
    " ecs:RunTask ecs:StopTask ecs:DescribeTasks ecs:ListTasks ecs:DescribeServices"
    " ecs:ListServiceDeployments"
    " elasticloadbalancing:DescribeTargetHealth logs:GetLogEvents logs:DescribeLogStreams"
    " autoscaling:DescribeAutoScalingGroups autoscaling:DescribeInstanceRefreshes"
    " autoscaling:DescribeScalingActivities"
)
