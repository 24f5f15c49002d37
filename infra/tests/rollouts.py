"""What AWS says in the course of a deployment, in its own words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.stub import ANY

from cloud import ACCOUNT, REGION
from delivering import Session

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop-dev-0123456"
DIGESTS = {build: f"sha256:{number:064d}" for number, build in enumerate(("old", "new", "older"))}
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
TASK = f"{ECS}:task/shop-dev/0a1b"
PLACE = {
    "cluster": "shop-dev",
    "definition": f"{ECS}:task-definition/shop-dev-task:1",
    "subnets": ["subnet-a"],
    "security_group": "sg-1",
    "public_address": "DISABLED",
    "log_group": "shop-dev",
}
LOCKS = {"Bucket": f"shop-dev-state-{ACCOUNT}-{REGION}"}


def uri(build: str) -> str:
    return f"{REPOSITORY}@{DIGESTS[build]}"


def revision(number: int, family: str = "shop-dev") -> str:
    return f"{ECS}:task-definition/{family}:{number}"


def exported(
    url: str, build: str, compute: str = "fargate", deployments: Mapping[str, str] = {}
) -> dict[str, Any]:
    number = {"older": 3, "old": 4, "new": 5}[build]
    of_fargate = {
        "service": "shop-dev",
        "task_definition": revision(number),
    }
    of_ec2 = {"group": "shop-dev", "template_version": str(number)}
    return {
        "url": url,
        "image": uri(build),
        "deployments": [{"image": uri(each), "by": by} for each, by in deployments.items()],
        "repository": REPOSITORY,
        "cluster": "shop-dev",
        "task": PLACE,
        "log_group": "shop-dev",
        "target_group": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/shop-dev/1",
        "plan": {"more": "numbers"},
        **(of_fargate if compute == "fargate" else of_ec2),
    }


def unlocked(session: Session) -> None:
    session.says("s3", "list_objects_v2", {})


def known(
    session: Session, build: str, tag: str = "", architecture: str = "arm64", verified: bool = True
) -> None:
    """An image of the repository, by its digest."""
    tags = [f"deployed-{MOMENT:%Y%m%dT%H%M%SZ}"] if verified else []
    tags.append(f"{tag or build}-{architecture}")
    details = {"imageDigest": DIGESTS[build], "imageTags": tags}
    session.says(
        "ecr",
        "describe_images",
        {"imageDetails": [details]},
        repositoryName="shop-dev-0123456",
        imageIds=[{"imageDigest": DIGESTS[build]}],
    )


def marked(session: Session, build: str) -> None:
    """A verified image gets the time as a tag."""
    image = {"imageManifest": "{}", "imageManifestMediaType": "application/json"}
    wanted = {"repositoryName": "shop-dev-0123456"}
    session.says(
        "ecr",
        "batch_get_image",
        {"images": [image]},
        **wanted,
        imageIds=[{"imageDigest": DIGESTS[build]}],
    )
    session.says("ecr", "put_image", {}, **wanted, **image, imageTag=ANY)


def stopped(session: Session, reason: str) -> None:
    container = {"name": "app", "exitCode": 1}
    answer = {"taskArn": TASK, "lastStatus": "STOPPED", "containers": [container]}
    session.says("ecs", "describe_tasks", {"tasks": [answer | {"stoppedReason": reason}]})


def deployment(
    name: str, number: int, state: str = "COMPLETED", status: str = "PRIMARY", reason: str = ""
) -> dict[str, Any]:
    return {
        "id": name,
        "status": status,
        "taskDefinition": revision(number),
        "rolloutState": state,
        "rolloutStateReason": reason,
        "runningCount": 1,
        "desiredCount": 2,
    }


def service(session: Session, *deployments: dict[str, Any], event: str = "") -> None:
    events = [{"createdAt": MOMENT, "message": event}] if event else []
    described = {
        "deployments": list(deployments),
        "events": events,
    }
    session.says("ecs", "describe_services", {"services": [described]})


def logged(session: Session, *lines: str) -> None:
    session.says(
        "logs",
        "get_log_events",
        {"events": [{"message": line} for line in lines]},
        logGroupName="shop-dev",
        logStreamName="app/app/0a1b",
        limit=20,
    )


def evidence(session: Session, event: str, reason: str, *lines: str) -> None:
    """What is asked after a failure: events, then the tasks that stopped, then their log."""
    service(session, event=event)
    session.says("ecs", "list_tasks", {"taskArns": [TASK]})
    stopped(session, reason)
    logged(session, *lines)


def healthy(session: Session, *states: str) -> None:
    targets = [{"TargetHealth": {"State": state}} for state in states]
    session.says("elbv2", "describe_target_health", {"TargetHealthDescriptions": targets})
