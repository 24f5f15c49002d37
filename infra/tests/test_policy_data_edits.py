"""What somebody could change about the network and the data, and what they then read."""

import pytest

from editing import Changes, Edit, after, entries, swap, swap_encoded

DATABASE = "aws:rds/instance:Instance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
FROM_WORLD = {"cidrIpv4": "0.0.0.0/0", "referencedSecurityGroupId": None}
INLINE = [{"cidrBlocks": ["10.0.0.0/8"], "protocol": "-1", "fromPort": 0, "toPort": 0}]
DEFINITIONS, USER_DATA = "containerDefinitions", "userData"

# what somebody changes of which resource (after the stack's name), and what they read
EDITS: list[Edit] = [
    ("database-private", DATABASE, "", {"publiclyAccessible": True}, "set it to false"),
    (
        "compute-private",
        "aws:ecs/service:Service",
        "",
        {"networkConfiguration": {"assignPublicIp": True}},
        "use private subnets",
    ),
    (
        "compute-private",
        TEMPLATE,
        "-arm64",
        {"networkInterfaces": [{"associatePublicIpAddress": "true"}]},
        "use private subnets",
    ),
    ("bucket-private", BLOCK, "-logs", {"blockPublicPolicy": False}, "blockPublicPolicy not set"),
    (
        "only-web-ports-open",
        INGRESS,
        "-alb-compute",
        FROM_WORLD,
        "0.0.0.0/0 may reach ports 8000 to 8000; open only 80 or 443",
    ),
    (
        "only-web-ports-open",
        INGRESS,
        "-world-alb-80",
        {"ipProtocol": "-1", "fromPort": None, "toPort": None},
        "ports 0 to 65535",
    ),
    ("only-web-ports-open", GROUP, "-alb", {"ingress": INLINE}, "10.0.0.0/8 may reach ports 0 to"),
    (
        "data-admits-groups",
        INGRESS,
        "-compute-cache",
        FROM_WORLD | {"fromPort": 443, "toPort": 443},
        "the data tier's group admits 0.0.0.0/0; admit the security group of the compute tier",
    ),
    ("database-encrypted", DATABASE, "", {"storageEncrypted": None}, "set it now"),
    (
        "database-tls",
        "aws:rds/parameterGroup:ParameterGroup",
        "",
        {"parameters": entries("rds.force_ssl", "0")},
        'rds.force_ssl is not "1"; set it',
    ),
    ("cache-encrypted", CACHE, "", {"atRestEncryptionEnabled": False}, "snapshots hold"),
    (
        "cache-encrypted",
        CACHE,
        "",
        {"transitEncryptionMode": "preferred"},
        "plain text is accepted",
    ),
    (
        "disks-encrypted",
        TEMPLATE,
        "-arm64",
        {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 20}}]},
        "/dev/xvda is not encrypted; set ebs.encrypted",
    ),
    ("disks-encrypted", TEMPLATE, "-arm64", {"blockDeviceMappings": None}, "the AMI decides"),
    (
        "key-rotated",
        "aws:kms/key:Key",
        "-database",
        {"enableKeyRotation": False},
        "AWS then renews the key",
    ),
    (
        "bucket-tls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "-logs",
        {"policy": swap('"Deny"', '"Allow"')},
        "plain HTTP is accepted; deny",
    ),
    ("database-survives", DATABASE, "", {"deletionProtection": False}, "deletionProtection is not"),
    ("database-survives", DATABASE, "", {"skipFinalSnapshot": True}, "skipFinalSnapshot is true"),
    ("database-survives", DATABASE, "", {"finalSnapshotIdentifier": None}, "its last state"),
    ("database-survives", DATABASE, "", {"backupRetentionPeriod": 0}, "restored to a moment"),
    ("database-survives", DATABASE, "", {"multiAz": False}, "lost with its zone"),
    ("balancer-survives", BALANCER, "", {"enableDeletionProtection": False}, "a new address"),
    ("bucket-survives", "aws:s3/bucket:Bucket", "-logs", {"forceDestroy": True}, "set it to false"),
    (
        "connections-fit",
        DATABASE,
        "",
        {"instanceClass": "db.t4g.medium"},
        "db.t4g.medium has 398; use smaller pools, a smaller fleet or a larger class",
    ),
    ("connections-fit", DATABASE, "", {"instanceClass": "db.x9.large"}, "can't be counted"),
    (
        "connections-fit",
        TASK,
        "",
        {DEFINITIONS: swap('"DB_POOL_SIZE", "value": "7"', '"DB_POOL_SIZE", "value": "8"')},
        "DB_POOL_SIZE 8 x WEB_CONCURRENCY 1 x",
    ),
    (
        "connections-fit",
        TASK,
        "",
        {DEFINITIONS: swap("DB_POOL_SIZE", "POOL")},
        "DB_POOL_SIZE unset",
    ),
    (
        "connections-fit",
        TEMPLATE,
        "-arm64",
        {USER_DATA: swap_encoded("DB_POOL_SIZE=7", "DB_POOL_SIZE=9")},
        "DB_POOL_SIZE 9 x WEB_CONCURRENCY 4 x",
    ),
    (
        "connections-fit",
        "aws:appautoscaling/target:Target",
        "",
        {"maxCapacity": 900},
        "x 900 tasks x 2 in a deployment",
    ),
    ("connections-fit", "aws:autoscaling/group:Group", "", {"maxSize": 300}, "x 300 tasks x 2"),
]


@pytest.mark.parametrize(("policy", "kind", "role", "changes", "words"), EDITS)
def test_an_edit_breaks_just_the_policy_about_it(
    policy: str, kind: str, role: str, changes: Changes, words: str
) -> None:
    found = after(kind, role, changes)
    assert {name for name, _, _ in found} == {policy}
    assert words in " ".join(message for _, _, message in found)
