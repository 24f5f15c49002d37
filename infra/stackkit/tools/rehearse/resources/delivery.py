"""The image and its repository, and the task that migrates."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from stackkit.resources.migration import COMMAND, VARIABLE
from stackkit.tools.deploy.task import request
from stackkit.tools.rehearse.monitor import reference
from stackkit.tools.rehearse.resource_creator import Create, Outputs, ResourceCreator
from stackkit.tools.rehearse.resources.vpc import Inputs, Register

MEDIA = "application/vnd.oci.image.manifest.v1+json"


def expand_repository(name: str, inputs: Inputs, register: Register) -> Inputs:
    """What awsx.ecr.Repository makes of its arguments."""
    policy = inputs.pop("lifecyclePolicy")
    url = register("aws:ecr/repository:Repository", name, inputs)
    rules = [
        {
            "rulePriority": priority,
            "description": rule["description"],
            "selection": {
                "tagStatus": rule["tagStatus"],
                "countType": "imageCountMoreThan",
                "countNumber": rule["maximumNumberOfImages"],
            },
            "action": {"type": "expire"},
        }
        for priority, rule in enumerate(policy["rules"], start=1)
    ]
    kept = register(
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        name,
        {"repository": url.partition("/")[2], "policy": json.dumps({"rules": rules})},
    )
    return {
        "url": url,
        "lifecyclePolicy": reference("aws:ecr/lifecyclePolicy:LifecyclePolicy", kept),
    }


def _repository(creator: ResourceCreator) -> Outputs:
    """Its id is the URL here: the component knows it by that."""
    creator.skip("forceDelete")
    made = creator.rest("ecr", "CreateRepository", repositoryName=creator.named())["repository"]
    return {"id": made["repositoryUri"], "arn": made["repositoryArn"]}


def _lifecycle(creator: ResourceCreator) -> Outputs:
    made = creator.call(
        "ecr",
        "PutLifecyclePolicy",
        repositoryName=creator.take("repository"),
        lifecyclePolicyText=creator.take("policy"),
    )
    return {"id": made["repositoryName"]}


def _image(creator: ResourceCreator) -> Outputs:
    """Docker builds it; the registry gets a manifest of its name."""
    creator.skip(
        "context", "platforms", "buildArgs", "push", "buildOnPreview", "registries", "network"
    )
    [tag] = creator.take("tags")
    repository, _, name = tag.partition("/")[2].partition(":")
    layer = {"digest": f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}", "size": 1}
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


CREATORS: Mapping[str, Create] = {
    "aws:ecr/repository:Repository": _repository,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _lifecycle,
    "docker-build:index:Image": _image,
    "command:local:Command": _migration,
}
