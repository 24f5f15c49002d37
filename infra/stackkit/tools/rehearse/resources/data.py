"""Database, proxy, cache, their keys and their secrets."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.prerequisites import PASSWORD
from stackkit.tools.rehearse.resource_creator import Create, Outputs, ResourceCreator, single_call

_INSTANCE = {
    "dbName": "DBName",
    "username": "MasterUsername",
    "instanceClass": "DBInstanceClass",
    "parameterGroupName": "DBParameterGroupName",
    "backupWindow": "PreferredBackupWindow",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "caCertIdentifier": "CACertificateIdentifier",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "replicateSourceDb": "SourceDBInstanceIdentifier",
}


def _key(creator: ResourceCreator) -> Outputs:
    rotated, window = creator.take("enableKeyRotation"), creator.take("deletionWindowInDays")
    key = creator.rest("kms", "CreateKey")["KeyMetadata"]
    if rotated:
        creator.call("kms", "EnableKeyRotation", KeyId=key["KeyId"])
    if window is not None and not 7 <= window <= 30:
        creator.fail(f"deletionWindowInDays: {window} is not 7 to 30", "ScheduleKeyDeletion")
    return {"id": key["KeyId"], "keyId": key["KeyId"], "arn": key["Arn"]}


def _database_parameters(creator: ResourceCreator) -> Outputs:
    settings = creator.take("parameters", [])
    family = creator.take("family")
    made = creator.rest(
        "rds",
        "CreateDBParameterGroup",
        DBParameterGroupName=creator.named(),
        DBParameterGroupFamily=family,
        Description=creator.take("description", "Managed by Pulumi"),
    )["DBParameterGroup"]
    name = made["DBParameterGroupName"]
    fitted = [
        creator.fitted(
            "rds",
            "ModifyDBParameterGroup",
            "Parameters.[]",
            parameterName=entry["name"],
            parameterValue=entry["value"],
            applyMethod=entry.get("applyMethod", "immediate"),
        )
        for entry in settings
    ]
    if fitted:
        change = "ModifyDBParameterGroup"
        creator.call("rds", change, DBParameterGroupName=name, Parameters=fitted)
    return {"id": name, "name": name, "arn": made["DBParameterGroupArn"]}


def _subnets(creator: ResourceCreator) -> Outputs:
    made = creator.rest(
        "rds",
        "CreateDBSubnetGroup",
        DBSubnetGroupName=creator.named(),
        DBSubnetGroupDescription=creator.take("description", "Managed by Pulumi"),
    )["DBSubnetGroup"]
    return {"id": made["DBSubnetGroupName"], "name": made["DBSubnetGroupName"]}


def _instance(creator: ResourceCreator) -> Outputs:
    creator.skip("applyImmediately", "skipFinalSnapshot", "deleteAutomatedBackups")
    creator.skip("finalSnapshotIdentifier", "allowMajorVersionUpgrade")
    replica = "replicateSourceDb" in creator.inputs
    operation = "CreateDBInstanceReadReplica" if replica else "CreateDBInstance"
    if replica:
        # encrypted as its source is: the provider only compares it
        creator.skip("storageEncrypted")
    identifier = creator.named("identifier")
    made = creator.rest("rds", operation, _INSTANCE, DBInstanceIdentifier=identifier)["DBInstance"]
    if replica and creator.inputs:
        # a replica is made with less, and then changed
        creator.rest("rds", "ModifyDBInstance", _INSTANCE, DBInstanceIdentifier=identifier)
    found = creator.call("rds", "DescribeDBInstances", DBInstanceIdentifier=identifier)
    made = made | found["DBInstances"][0]
    endpoint = made["Endpoint"]
    secret = made.get("MasterUserSecret", {})
    return {
        "id": made["DbiResourceId"],
        "identifier": identifier,
        "arn": made["DBInstanceArn"],
        "address": endpoint["Address"],
        "endpoint": f"{endpoint['Address']}:{endpoint['Port']}",
        "masterUserSecrets": [
            {"secretArn": secret.get("SecretArn"), "kmsKeyId": secret.get("KmsKeyId")}
        ],
    }


def _proxy(creator: ResourceCreator) -> Outputs:
    auths = creator.take("auths", [])
    made = creator.rest(
        "rds",
        "CreateDBProxy",
        {"requireTls": "RequireTLS"},
        DBProxyName=creator.named(),
        Auth=[creator.fitted("rds", "CreateDBProxy", "Auth.[]", **auth) for auth in auths],
    )["DBProxy"]
    name = made["DBProxyName"]
    return {"id": name, "name": name, "arn": made["DBProxyArn"], "endpoint": made["Endpoint"]}


def _proxy_targets(creator: ResourceCreator) -> Outputs:
    pool = creator.take("connectionPoolConfig", {})
    proxy = creator.take("dbProxyName")
    fitted = creator.fitted("rds", "ModifyDBProxyTargetGroup", "ConnectionPoolConfig", **pool)
    creator.call(
        "rds",
        "ModifyDBProxyTargetGroup",
        TargetGroupName="default",
        DBProxyName=proxy,
        ConnectionPoolConfig=fitted,
    )
    return {"id": proxy, "name": "default"}


def _proxy_target(creator: ResourceCreator) -> Outputs:
    instance = creator.take("dbInstanceIdentifier")
    creator.rest("rds", "RegisterDBProxyTargets", DBInstanceIdentifiers=[instance])
    return {"id": instance}


def _cache_parameters(creator: ResourceCreator) -> Outputs:
    settings = creator.take("parameters", [])
    name = creator.named()
    creator.rest(
        "elasticache",
        "CreateCacheParameterGroup",
        {"family": "CacheParameterGroupFamily"},
        CacheParameterGroupName=name,
        Description=creator.take("description", "Managed by Pulumi"),
    )
    pairs = [{"ParameterName": p["name"], "ParameterValue": p["value"]} for p in settings]
    creator.call(
        "elasticache",
        "ModifyCacheParameterGroup",
        CacheParameterGroupName=name,
        ParameterNameValues=pairs,
    )
    return {"id": name, "name": name}


def _cache_subnets(creator: ResourceCreator) -> Outputs:
    name = creator.named()
    creator.rest(
        "elasticache",
        "CreateCacheSubnetGroup",
        CacheSubnetGroupName=name,
        CacheSubnetGroupDescription=creator.take("description", "Managed by Pulumi"),
    )
    return {"id": name, "name": name}


def _replication_group(creator: ResourceCreator) -> Outputs:
    creator.skip("applyImmediately")
    nodes = creator.inputs["numCacheClusters"]
    name = creator.named("replicationGroupId")
    made = creator.rest(
        "elasticache",
        "CreateReplicationGroup",
        {
            "description": "ReplicationGroupDescription",
            "nodeType": "CacheNodeType",
            "subnetGroupName": "CacheSubnetGroupName",
            "parameterGroupName": "CacheParameterGroupName",
            "maintenanceWindow": "PreferredMaintenanceWindow",
            "multiAzEnabled": "MultiAZEnabled",
        },
        ReplicationGroupId=name,
    )["ReplicationGroup"]
    address = made["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    return {
        "id": name,
        "arn": made["ARN"],
        "primaryEndpointAddress": address,
        # moto names none; AWS numbers them
        "memberClusters": [f"{name}-{number:03}" for number in range(1, nodes + 1)],
    }


def _secret_version(creator: ResourceCreator) -> Outputs:
    made = creator.rest("secretsmanager", "PutSecretValue")
    return {
        "id": f"{made['ARN']}|{made['VersionId']}",
        "arn": made["ARN"],
        "secretArn": made["ARN"],
    }


def _rotation(creator: ResourceCreator) -> Outputs:
    rules: dict[str, Any] = creator.take("rotationRules", {})
    creator.inputs["rotationRules"] = rules
    made = creator.rest("secretsmanager", "RotateSecret")
    return {"id": made["ARN"]}


CREATORS: Mapping[str, Create] = {
    "aws:kms/key:Key": _key,
    "aws:rds/parameterGroup:ParameterGroup": _database_parameters,
    "aws:rds/subnetGroup:SubnetGroup": _subnets,
    "aws:rds/instance:Instance": _instance,
    "aws:rds/proxy:Proxy": _proxy,
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": _proxy_targets,
    "aws:rds/proxyTarget:ProxyTarget": _proxy_target,
    "aws:elasticache/parameterGroup:ParameterGroup": _cache_parameters,
    "aws:elasticache/subnetGroup:SubnetGroup": _cache_subnets,
    "aws:elasticache/user:User": single_call(
        "elasticache",
        "CreateUser",
        outputs={"id": "request.UserId", "userId": "request.UserId", "arn": "response.ARN"},
    ),
    "aws:elasticache/userGroup:UserGroup": single_call(
        "elasticache",
        "CreateUserGroup",
        outputs={"id": "request.UserGroupId", "userGroupId": "request.UserGroupId"},
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": _replication_group,
    "aws:secretsmanager/secret:Secret": single_call(
        "secretsmanager",
        "CreateSecret",
        auto="name=Name",
        skipped=("recoveryWindowInDays", "forceOverwriteReplicaSecret"),
        outputs={"id": "response.ARN", "arn": "response.ARN"},
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": _secret_version,
    "aws:secretsmanager/secretRotation:SecretRotation": _rotation,
    "random:index/randomPassword:RandomPassword": lambda creator: (
        creator.skip("length", "special") or {"id": "none", "result": PASSWORD}
    ),
}
