"""The metrics that AWS has in a namespace, and by what they are filed: those that the table uses.

Sources: the CloudWatch pages of each service's user guide ("CloudWatch metrics for your Application
Load Balancer", "Amazon ECS Container Insights metrics", "Instance-level metrics for RDS", "Metrics
for Valkey and Redis OSS", "NAT gateway metrics", "AWS WAF metrics", "EC2 instance metrics", "Auto
Scaling group metrics"), compared with the lists that Grafana keeps for its CloudWatch data source.
"""

BALANCER = frozenset({"LoadBalancer"})
TARGETS = frozenset({"LoadBalancer", "TargetGroup"})
SERVICE = frozenset({"ClusterName", "ServiceName"})
GROUP = frozenset({"AutoScalingGroupName"})
ACL = frozenset({"WebACL", "Rule", "Region"})
DATABASE = frozenset({"DBInstanceIdentifier"})
NODE = frozenset({"CacheClusterId"})
GATEWAY = frozenset({"NatGatewayId"})

# namespace → metric → the sets of dimensions that it is there by
METRICS: dict[str, dict[str, set[frozenset[str]]]] = {
    "AWS/ApplicationELB": {
        "HTTPCode_ELB_5XX_Count": {BALANCER},
        "HTTPCode_Target_4XX_Count": {BALANCER, TARGETS},
        "HTTPCode_Target_5XX_Count": {BALANCER, TARGETS},
        "HealthyHostCount": {TARGETS},
        "RejectedConnectionCount": {BALANCER},
        "RequestCount": {BALANCER, TARGETS},
        "RequestCountPerTarget": {frozenset({"TargetGroup"}), TARGETS},
        "TargetConnectionErrorCount": {BALANCER, TARGETS},
        "TargetResponseTime": {BALANCER, TARGETS},
        "UnHealthyHostCount": {TARGETS},
    },
    "AWS/AutoScaling": {"GroupDesiredCapacity": {GROUP}, "GroupInServiceInstances": {GROUP}},
    "AWS/EC2": {
        "CPUUtilization": {GROUP},
        "EBSIOBalance%": {GROUP},
        "NetworkOut": {GROUP},
        "StatusCheckFailed": {GROUP},
    },
    "AWS/ECS": {"CPUUtilization": {SERVICE}, "MemoryUtilization": {SERVICE}},
    "AWS/ElastiCache": {
        "CurrConnections": {NODE},
        "DatabaseMemoryUsagePercentage": {NODE},
        "EngineCPUUtilization": {NODE},
        "Evictions": {NODE},
        "ReplicationLag": {NODE},
    },
    "AWS/NATGateway": {"ErrorPortAllocation": {GATEWAY}},
    "AWS/RDS": {
        "CPUUtilization": {DATABASE},
        "DatabaseConnections": {DATABASE},
        "DiskQueueDepth": {DATABASE},
        "FreeStorageSpace": {DATABASE},
        "FreeableMemory": {DATABASE},
        "MaximumUsedTransactionIDs": {DATABASE},
        "ReplicaLag": {DATABASE},
    },
    "AWS/WAFV2": {"AllowedRequests": {ACL}, "BlockedRequests": {ACL}},
    "ECS/ContainerInsights": {
        "DesiredTaskCount": {SERVICE},
        "EphemeralStorageReserved": {SERVICE},
        "EphemeralStorageUtilized": {SERVICE},
        "NetworkTxBytes": {SERVICE},
        "RunningTaskCount": {SERVICE},
    },
}
