"""Database, proxy, cache, their keys and their secrets."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.prerequisites import PASSWORD
from stackkit.tools.rehearse.resource_creator import Make, Maker, Outputs, row

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


def _key(maker: Maker) -> Outputs:
    rotated, window = maker.take("enableKeyRotation"), maker.take("deletionWindowInDays")
    key = maker.rest("kms", "CreateKey")["KeyMetadata"]
    if rotated:
        maker.call("kms", "EnableKeyRotation", KeyId=key["KeyId"])
    if window is not None and not 7 <= window <= 30:
        maker.refuse(f"deletionWindowInDays: {window} is not 7 to 30", "ScheduleKeyDeletion")
    return {"id": key["KeyId"], "keyId": key["KeyId"], "arn": key["Arn"]}


def _database_parameters(maker: Maker) -> Outputs:
    settings = maker.take("parameters", [])
    family = maker.take("family")
    made = maker.rest(
        "rds",
        "CreateDBParameterGroup",
        DBParameterGroupName=maker.named(),
        DBParameterGroupFamily=family,
        Description=maker.take("description", "Managed by Pulumi"),
    )["DBParameterGroup"]
    name = made["DBParameterGroupName"]
    fitted = [
        maker.fitted(
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
        maker.call("rds", change, DBParameterGroupName=name, Parameters=fitted)
    return {"id": name, "name": name, "arn": made["DBParameterGroupArn"]}


def _subnets(maker: Maker) -> Outputs:
    made = maker.rest(
        "rds",
        "CreateDBSubnetGroup",
        DBSubnetGroupName=maker.named(),
        DBSubnetGroupDescription=maker.take("description", "Managed by Pulumi"),
    )["DBSubnetGroup"]
    return {"id": made["DBSubnetGroupName"], "name": made["DBSubnetGroupName"]}


def _instance(maker: Maker) -> Outputs:
    maker.skip("applyImmediately", "skipFinalSnapshot", "deleteAutomatedBackups")
    maker.skip("finalSnapshotIdentifier")
    replica = "replicateSourceDb" in maker.inputs
    operation = "CreateDBInstanceReadReplica" if replica else "CreateDBInstance"
    if replica:
        # encrypted as its source is: the provider only compares it
        maker.skip("storageEncrypted")
    identifier = maker.named("identifier")
    made = maker.rest("rds", operation, _INSTANCE, DBInstanceIdentifier=identifier)["DBInstance"]
    if replica and maker.inputs:
        # a replica is made with less, and then changed
        maker.rest("rds", "ModifyDBInstance", _INSTANCE, DBInstanceIdentifier=identifier)
    found = maker.call("rds", "DescribeDBInstances", DBInstanceIdentifier=identifier)
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


def _proxy(maker: Maker) -> Outputs:
    auths = maker.take("auths", [])
    made = maker.rest(
        "rds",
        "CreateDBProxy",
        {"requireTls": "RequireTLS"},
        DBProxyName=maker.named(),
        Auth=[maker.fitted("rds", "CreateDBProxy", "Auth.[]", **auth) for auth in auths],
    )["DBProxy"]
    name = made["DBProxyName"]
    return {"id": name, "name": name, "arn": made["DBProxyArn"], "endpoint": made["Endpoint"]}


def _proxy_targets(maker: Maker) -> Outputs:
    pool = maker.take("connectionPoolConfig", {})
    proxy = maker.take("dbProxyName")
    fitted = maker.fitted("rds", "ModifyDBProxyTargetGroup", "ConnectionPoolConfig", **pool)
    maker.call(
        "rds",
        "ModifyDBProxyTargetGroup",
        TargetGroupName="default",
        DBProxyName=proxy,
        ConnectionPoolConfig=fitted,
    )
    return {"id": proxy, "name": "default"}


def _proxy_target(maker: Maker) -> Outputs:
    instance = maker.take("dbInstanceIdentifier")
    maker.rest("rds", "RegisterDBProxyTargets", DBInstanceIdentifiers=[instance])
    return {"id": instance}


def _cache_parameters(maker: Maker) -> Outputs:
    settings = maker.take("parameters", [])
    name = maker.named()
    maker.rest(
        "elasticache",
        "CreateCacheParameterGroup",
        {"family": "CacheParameterGroupFamily"},
        CacheParameterGroupName=name,
        Description=maker.take("description", "Managed by Pulumi"),
    )
    pairs = [{"ParameterName": p["name"], "ParameterValue": p["value"]} for p in settings]
    maker.call(
        "elasticache",
        "ModifyCacheParameterGroup",
        CacheParameterGroupName=name,
        ParameterNameValues=pairs,
    )
    return {"id": name, "name": name}


def _cache_subnets(maker: Maker) -> Outputs:
    name = maker.named()
    maker.rest(
        "elasticache",
        "CreateCacheSubnetGroup",
        CacheSubnetGroupName=name,
        CacheSubnetGroupDescription=maker.take("description", "Managed by Pulumi"),
    )
    return {"id": name, "name": name}


def _replication_group(maker: Maker) -> Outputs:
    maker.skip("applyImmediately")
    nodes = maker.inputs["numCacheClusters"]
    name = maker.named("replicationGroupId")
    made = maker.rest(
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


def _secret_version(maker: Maker) -> Outputs:
    made = maker.rest("secretsmanager", "PutSecretValue")
    return {
        "id": f"{made['ARN']}|{made['VersionId']}",
        "arn": made["ARN"],
        "secretArn": made["ARN"],
    }


def _rotation(maker: Maker) -> Outputs:
    rules: dict[str, Any] = maker.take("rotationRules", {})
    maker.inputs["rotationRules"] = rules
    made = maker.rest("secretsmanager", "RotateSecret")
    return {"id": made["ARN"]}


ROWS: Mapping[str, Make] = {
    "aws:kms/key:Key": _key,
    "aws:rds/parameterGroup:ParameterGroup": _database_parameters,
    "aws:rds/subnetGroup:SubnetGroup": _subnets,
    "aws:rds/instance:Instance": _instance,
    "aws:rds/proxy:Proxy": _proxy,
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": _proxy_targets,
    "aws:rds/proxyTarget:ProxyTarget": _proxy_target,
    "aws:elasticache/parameterGroup:ParameterGroup": _cache_parameters,
    "aws:elasticache/subnetGroup:SubnetGroup": _cache_subnets,
    "aws:elasticache/user:User": row(
        "elasticache",
        "CreateUser",
        outputs={"id": "request.UserId", "userId": "request.UserId", "arn": "response.ARN"},
    ),
    "aws:elasticache/userGroup:UserGroup": row(
        "elasticache",
        "CreateUserGroup",
        outputs={"id": "request.UserGroupId", "userGroupId": "request.UserGroupId"},
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": _replication_group,
    "aws:secretsmanager/secret:Secret": row(
        "secretsmanager",
        "CreateSecret",
        auto="name=Name",
        skipped=("recoveryWindowInDays", "forceOverwriteReplicaSecret"),
        outputs={"id": "response.ARN", "arn": "response.ARN"},
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": _secret_version,
    "aws:secretsmanager/secretRotation:SecretRotation": _rotation,
    "random:index/randomPassword:RandomPassword": lambda maker: (
        maker.skip("length", "special") or {"id": "none", "result": PASSWORD}
    ),
}
