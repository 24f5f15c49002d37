"""Resources that more than a row of `resources.yaml` makes."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from stackkit.resources.migration import COMMAND, VARIABLE
from stackkit.tools.deploy.task import request
from stackkit.tools.rehearse.account import ApiError
from stackkit.tools.rehearse.prerequisites import PASSWORD
from stackkit.tools.rehearse.resource_creator import Create, Outputs, ResourceCreator

MEDIA = "application/vnd.oci.image.manifest.v1+json"
# the provider's names → the API's
_DATABASE = {
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


def _database(creator: ResourceCreator) -> Outputs:
    creator.skip("applyImmediately", "skipFinalSnapshot", "deleteAutomatedBackups")
    creator.skip("finalSnapshotIdentifier", "allowMajorVersionUpgrade")
    identifier = creator.named("identifier")
    named = {"DBInstanceIdentifier": identifier}
    creator.inputs = {_DATABASE.get(name, name): v for name, v in creator.inputs.items()}
    create = "rds CreateDBInstance"
    if "SourceDBInstanceIdentifier" in creator.inputs:
        # encrypted as its source is; made with less, and then changed
        creator.skip("storageEncrypted")
        create = "rds CreateDBInstanceReadReplica"
    _, answer = creator.fit_and_call(create, creator.take_fitting(create) | named)
    if creator.inputs:
        change = "rds ModifyDBInstance"
        creator.fit_and_call(change, creator.take_fitting(change) | named)
    found = creator.call("rds", "DescribeDBInstances", **named)["DBInstances"][0]
    made = answer["DBInstance"] | found
    endpoint, secret = made["Endpoint"], made.get("MasterUserSecret", {})
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


def _validation(creator: ResourceCreator) -> Outputs:
    """The provider only waits: for a record of the name that ACM asked for."""
    arn, names = creator.take("certificateArn"), creator.take("validationRecordFqdns", [])
    found = creator.call("acm", "DescribeCertificate", CertificateArn=arn)["Certificate"]
    for option in found["DomainValidationOptions"]:
        wanted = option["ResourceRecord"]["Name"]
        if wanted.rstrip(".") not in {name.rstrip(".") for name in names}:
            raise ApiError(f"no record {wanted} proves the domain", "DescribeCertificate", {})
    return {"id": arn, "certificateArn": arn}


def _image(creator: ResourceCreator) -> Outputs:
    """Docker builds it, no two times alike; the registry gets a manifest."""
    [tag] = creator.take("tags")
    creator.inputs.clear()
    repository, _, name = tag.partition("/")[2].partition(":")
    built = hashlib.sha256(f"{tag} {len(creator.account.calls)}".encode()).hexdigest()
    layer = {"digest": f"sha256:{built}", "size": 1}
    manifest = {"schemaVersion": 2, "mediaType": MEDIA, "config": layer, "layers": [layer]}
    made = creator.call(
        "ecr",
        "PutImage",
        repositoryName=repository,
        imageTag=name,
        imageManifestMediaType=MEDIA,
        imageManifest=json.dumps(manifest),
    )
    digest = made["image"]["imageId"]["imageDigest"]
    return {"id": digest, "digest": digest, "ref": f"{tag}@{digest}"}


def _migration(creator: ResourceCreator) -> Outputs:
    creator.skip("create", "update", "triggers")
    place: Any = json.loads(creator.take("environment")[VARIABLE])
    started = creator.call("ecs", "RunTask", **request(place, COMMAND.split()))
    return {"id": started["tasks"][0]["taskArn"], "stdout": "", "stderr": ""}


def _password(creator: ResourceCreator) -> Outputs:
    creator.skip("length", "special")
    return {"id": "none", "result": PASSWORD}


SPECIAL: Mapping[str, Create] = {
    "aws:rds/instance:Instance": _database,
    "aws:acm/certificateValidation:CertificateValidation": _validation,
    "docker-build:index:Image": _image,
    "command:local:Command": _migration,
    "random:index/randomPassword:RandomPassword": _password,
}
