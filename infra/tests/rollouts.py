"""What AWS says in the course of a deployment, in its own words."""

from datetime import UTC, datetime
from typing import Any

from cloud import ACCOUNT, REGION
from delivering import DeployScenario, Session

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop-dev"
DIGESTS = {build: f"sha256:{number:064d}" for number, build in enumerate(("old", "new", "older"))}
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
TASK = f"{ECS}:task/shop-dev/0a1b"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg-1"]}}
LOCKS = {"Bucket": f"shop-dev-state-{ACCOUNT}-{REGION}"}


def uri(build: str) -> str:
    return f"{REPOSITORY}@{DIGESTS[build]}"


def revision(number: int, family: str = "shop-dev") -> str:
    return f"{ECS}:task-definition/{family}:{number}"


def exported(url: str, build: str, compute: str = "fargate") -> dict[str, Any]:
    number = {"older": 3, "old": 4, "new": 5}[build]
    of_fargate = {
        "cluster": "shop-dev",
        "service": "shop-dev",
        "task_definition": revision(number),
    }
    of_ec2 = {"group": "shop-dev", "template_version": str(number)}
    return {
        "url": url,
        "image": uri(build),
        "log_group": "shop-dev",
        "target_group": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/shop-dev/1",
        "plan": {"more": "numbers"},
        **(of_fargate if compute == "fargate" else of_ec2),
    }


def unlocked(session: Session) -> None:
    session.says("s3", "list_objects_v2", {})


def built(scenario: DeployScenario, build: str = "new") -> None:
    """The registry before and after a push."""
    token = {"authorizationToken": "QVdTOnNlc2FtZQ==", "proxyEndpoint": f"https://{REPOSITORY}"}
    registry(scenario.session)
    scenario.session.refuses("ecr", "describe_images", "ImageNotFoundException")
    scenario.session.says("ecr", "get_authorization_token", {"authorizationData": [token]})
    stored(scenario.session, build, f"{scenario.commit}-arm64")


def registry(session: Session) -> None:
    session.says("ecr", "describe_repositories", {"repositories": [{"repositoryUri": REPOSITORY}]})


def known(session: Session, build: str) -> None:
    """An image that the registry has had for long."""
    registry(session)
    stored(session, build, f"{build}-arm64")


def stored(session: Session, build: str, tag: str) -> None:
    details = {"imageDigest": DIGESTS[build], "imageTags": [tag]}
    session.says("ecr", "describe_images", {"imageDetails": [details]})


def task_starts(session: Session) -> None:
    container = {
        "name": "app",
        "image": uri("old"),
        "portMappings": [{"containerPort": 8000}],
        "healthCheck": {"command": ["CMD", "true"]},
        "environment": [{"name": "PORT", "value": "8000"}],
    }
    sidecar = {"name": "collector", "image": "collector"}
    running = {
        "family": "shop-dev",
        "containerDefinitions": [container, sidecar],
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/execution",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
    }
    session.says(
        "ecs",
        "describe_task_definition",
        {"taskDefinition": running},
        taskDefinition=revision(4),
    )
    migrating = {
        "name": "app",
        "image": uri("new"),
        "environment": [{"name": "PORT", "value": "8000"}],
        "command": ["alembic", "upgrade", "head"],
    }
    made = {"taskDefinitionArn": revision(1, "shop-dev-migrate")}
    session.says(
        "ecs",
        "register_task_definition",
        {"taskDefinition": made},
        **{name: running[name] for name in running if name != "family"}
        | {"family": "shop-dev-migrate", "containerDefinitions": [migrating]},
    )
    service(session, deployment("ecs-svc/4", 4))
    session.says(
        "ecs",
        "run_task",
        {"tasks": [{"taskArn": TASK}]},
        cluster="shop-dev",
        taskDefinition=made["taskDefinitionArn"],
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        count=1,
    )


def task_ends(session: Session, code: int, reason: str = "Essential container exited") -> None:
    task(session, "RUNNING")
    task(session, "STOPPED", code, reason)


def task(session: Session, status: str, code: int = 0, reason: str = "") -> None:
    container = {"name": "app"} | ({"exitCode": code} if status == "STOPPED" else {})
    answer = {"taskArn": TASK, "lastStatus": status, "containers": [container]}
    session.says("ecs", "describe_tasks", {"tasks": [answer | {"stoppedReason": reason}]})


def definition_goes(session: Session) -> None:
    asked = revision(1, "shop-dev-migrate")
    session.says("ecs", "deregister_task_definition", {}, taskDefinition=asked)


def migrated(session: Session) -> None:
    task_starts(session)
    task_ends(session, 0)
    definition_goes(session)


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
        "networkConfiguration": NETWORK,
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
    task(session, "STOPPED", 1, reason)
    logged(session, *lines)


def healthy(session: Session, *states: str) -> None:
    targets = [{"TargetHealth": {"State": state}} for state in states]
    session.says("elbv2", "describe_target_health", {"TargetHealthDescriptions": targets})
