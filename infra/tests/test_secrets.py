"""No password is ever readable: not in an input, not in an output, not in the environment."""

import base64
import json

import pytest

from cloud import GENERATED
from harness import Run, Secret, keys, leaves, run, stack

OWN = "a-password-of-ones-own"


def readable(made: Run) -> list[str]:
    found = [v for r in made.registrations for v in leaves(r.inputs) if isinstance(v, str)]
    scripts = [r.inputs["userData"] for r in made.all("aws:ec2/launchTemplate:LaunchTemplate")]
    return found + [base64.b64decode(script).decode() for script in scripts]


def sealed(made: Run) -> list[tuple[str, object]]:
    return [
        (r.type, value.value)
        for r in made.registrations
        for value in leaves(r.inputs)
        if isinstance(value, Secret)
    ]


@pytest.fixture(scope="module", params=["fargate", "ec2"])
def own_password(request: pytest.FixtureRequest) -> Run:
    return run("prod", keys("prod", request.param), secrets={"cache_password": OWN})


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_a_generated_password_is_only_seen_sealed(tier: str, compute: str) -> None:
    made = stack(tier, compute)
    ours = [entry for entry in sealed(made) if entry[0] != "docker-build:index:Image"]
    assert sorted(ours) == [
        ("aws:elasticache/user:User", {"passwords": [GENERATED], "type": "password"}),
        ("aws:secretsmanager/secretVersion:SecretVersion", GENERATED),
    ]
    assert [text for text in readable(made) if GENERATED in text] == []


def test_ones_own_password_is_only_seen_sealed(own_password: Run) -> None:
    assert len([entry for entry in sealed(own_password) if OWN in str(entry)]) == 2
    assert [text for text in readable(own_password) if OWN in text] == []
    assert own_password.all("random:index/randomPassword:RandomPassword") == []


def test_no_output_holds_a_password(own_password: Run) -> None:
    for made, password in ((stack("prod"), GENERATED), (own_password, OWN)):
        assert "url" in made.outputs
        assert password not in json.dumps(made.outputs)


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_database_password_is_made_and_kept_by_rds(tier: str) -> None:
    database = stack(tier).one("aws:rds/instance:Instance").inputs
    assert database["manageMasterUserPassword"] is True
    assert database["masterUserSecretKmsKeyId"] == database["kmsKeyId"]
    assert [key for key in database if key.startswith("password")] == []


def test_the_fleet_starts_afresh_after_each_rotation() -> None:
    made = stack("prod")
    rotation = made.one("aws:secretsmanager/secretRotation:SecretRotation").inputs
    rotate = made.one("aws:scheduler/schedule:Schedule", "shop-prod-rotation").inputs
    renewal = made.one("aws:scheduler/schedule:Schedule", "shop-prod-restart").inputs
    secret = rotation["secretId"]
    assert ":secret:rds!shop-prod" in secret
    assert rotation["rotateImmediately"] is False
    # later than the schedule's next turn
    assert rotation["rotationRules"] == {"automaticallyAfterDays": 60}
    assert rotate["scheduleExpression"] == "cron(0 4 1 * ? *)"
    assert rotate["target"]["arn"] == "arn:aws:scheduler:::aws-sdk:secretsmanager:rotateSecret"
    assert json.loads(rotate["target"]["input"]) == {"SecretId": secret}
    assert renewal["scheduleExpression"] == "cron(5/25 4 1 * ? *)"
    assert renewal["target"]["arn"] == "arn:aws:scheduler:::aws-sdk:ecs:updateService"
    assert permitted(made) == {
        "secretsmanager:RotateSecret": secret.rpartition(":")[2],
        "ecs:UpdateService": "service/shop-prod",
    }
    assert json.loads(renewal["target"]["input"]) == {
        "Cluster": "shop-prod-0123456",
        "Service": "shop-prod-0123456",
        "ForceNewDeployment": True,
    }


def test_instances_start_afresh_after_each_rotation_too() -> None:
    made = stack("prod", "ec2")
    target = made.one("aws:scheduler/schedule:Schedule", "shop-prod-restart").inputs["target"]
    asked = json.loads(target["input"])
    assert target["arn"] == "arn:aws:scheduler:::aws-sdk:autoscaling:startInstanceRefresh"
    assert asked["AutoScalingGroupName"] == made.outputs["group"]
    # instances of an unchanged template are the very ones that need a new password
    assert asked["Preferences"]["SkipMatching"] is False
    assert permitted(made)["autoscaling:StartInstanceRefresh"] == "group/shop-prod"


def permitted(made: Run) -> dict[str, str]:
    """What the schedules may do, and the end of the one ARN that they may do it to."""
    policy = made.one("aws:iam/rolePolicy:RolePolicy", "shop-prod-rotation").inputs["policy"]
    found = {}
    for statement in json.loads(policy)["Statement"]:
        [action], [resource] = statement["Action"], statement["Resource"]
        found[action] = resource.rpartition(":")[2]
    return found
