"""`make shell` and `make psql`: commands are pretended, AWS answers by its own models."""

import json
from typing import Any

import pytest

import rollouts as aws
from cloud import ACCOUNT, REGION
from delivering import DeployScenario

SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-1"
DATABASE = "db.example.com"
# the local end of a forwarded port differs from run to run
FORWARDING = {"host": [DATABASE], "portNumber": ["5432"]}


@pytest.fixture
def deployed(scenario: DeployScenario, request: pytest.FixtureRequest) -> DeployScenario:
    compute = getattr(request, "param", "fargate")
    told = aws.exported("https://shop.test", "new", compute)
    scenario.commands.answer("pulumi", "output", out=told)
    scenario.commands.put("aws", "session-manager-plugin")
    with (scenario.infra / "Pulumi.dev.yaml").open("a") as file:
        file.write("  shop:exec: true\n" if compute == "fargate" else "")
    return scenario


ON_EC2 = pytest.mark.parametrize("deployed", ["ec2"], indirect=True)


def tasks(scenario: DeployScenario, *agents: str) -> None:
    """Running ones, each with the state of its agent; "" for none."""
    arns = [f"{aws.TASK}{number}" for number in range(len(agents))]
    scenario.session.says("ecs", "list_tasks", {"taskArns": arns})
    described = [
        {"taskArn": arn, "containers": [{"name": "collector"}, container(state)]}
        for arn, state in zip(arns, agents, strict=True)
    ]
    scenario.session.says("ecs", "describe_tasks", {"tasks": described})


def container(state: str) -> dict[str, Any]:
    agent = {"name": "ExecuteCommandAgent", "lastStatus": state}
    return {"name": "app", "runtimeId": "0a1b-3", **({"managedAgents": [agent]} if state else {})}


def instances(scenario: DeployScenario, *states: str) -> None:
    described = [
        {"InstanceId": f"i-{n}", "LifecycleState": state, "AvailabilityZone": "a"}
        | {"HealthStatus": "Healthy", "ProtectedFromScaleIn": False}
        for n, state in enumerate(states)
    ]
    group = {
        "AutoScalingGroupName": "shop-dev",
        "MinSize": 1,
        "MaxSize": 2,
        "DesiredCapacity": 1,
        "DefaultCooldown": 1,
        "AvailabilityZones": ["a"],
        "HealthCheckType": "ELB",
        "CreatedTime": aws.MOMENT,
        "Instances": described,
    }
    answer = {"AutoScalingGroups": [group]}
    scenario.session.says("autoscaling", "describe_auto_scaling_groups", answer)


def test_a_shell_opens_in_a_task_that_takes_one(deployed: DeployScenario) -> None:
    tasks(deployed, "", "PENDING", "RUNNING")
    deployed.commands.answer("aws", "execute-command", code=7)
    assert deployed.run("shell") == (7, "", "")
    [asked] = deployed.commands.asked("aws")
    assert " ".join(asked.arguments) == (
        "ecs execute-command --cluster shop-dev --task 0a1b2 --container app --interactive"
        f" --command /bin/sh --region {REGION}"
    )


@ON_EC2
def test_a_shell_opens_in_the_container_of_an_instance(deployed: DeployScenario) -> None:
    file = deployed.infra / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace("compute: fargate", "compute: ec2"))
    instances(deployed, "Terminating", "InService")
    deployed.commands.answer("aws", "start-session")
    assert deployed.run("shell") == (0, "", "")
    [asked] = deployed.commands.asked("aws", "i-1", "AWS-StartInteractiveCommand")
    assert '{"command": ["sudo docker exec -it app /bin/sh"]}' in asked.arguments


def test_tasks_from_before_exec_take_no_shell(deployed: DeployScenario) -> None:
    tasks(deployed, "", "PENDING")
    assert deployed.run("shell") == (
        1,
        "",
        "None of 2 running tasks takes a shell: one that started before exec was true never does,"
        " and a new one needs a minute.\n",
    )


def test_without_the_key_a_shell_is_refused(deployed: DeployScenario) -> None:
    file = deployed.infra / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace("exec: true", "exec: false"))
    sentence = "exec is false, tasks take no shell: set it to true and `make deploy`.\n"
    assert deployed.run("shell") == (1, "", sentence)


def test_what_is_not_installed_is_told_at_once(
    deployed: DeployScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    (deployed.commands.folder / "aws").unlink()
    monkeypatch.setenv("PATH", str(deployed.commands.folder))
    code, _, err = deployed.run("psql")
    assert (code, [line.split()[0] for line in err.splitlines()]) == (1, ["aws", "psql"])
    assert "psql is not installed: https://www.postgresql.org/download/ says how.\n" in err


def signs_in(scenario: DeployScenario) -> None:
    """The standalone task's definition, and the secret that it names."""
    definition = {
        "environment": [
            {
                "name": "DATABASE_URL",
                "value": f"postgresql://app@{DATABASE}:5432/app?sslmode=require",
            }
        ],
        "secrets": [{"name": "DATABASE_PASSWORD", "valueFrom": f"{SECRET}:password::"}],
    }
    described = {"taskDefinition": {"containerDefinitions": [definition]}}
    name = aws.PLACE["definition"]
    scenario.session.says("ecs", "describe_task_definition", described, taskDefinition=name)
    secret = {"SecretString": json.dumps({"username": "app", "password": "hunter2"})}
    scenario.session.says("secretsmanager", "get_secret_value", secret, SecretId=SECRET)


def test_psql_signs_in_through_a_port_that_a_task_forwards(deployed: DeployScenario) -> None:
    client = deployed.commands.folder / "psql"
    client.write_text(f'#!/bin/sh\necho "$PGPASSWORD $1" >{client}.told\nexit 3\n')
    client.chmod(0o755)
    tasks(deployed, "RUNNING")
    signs_in(deployed)
    deployed.commands.answer(
        "aws", "start-session", out="Port opened\nWaiting for connections...\n"
    )
    assert deployed.run("psql") == (3, "", "")
    [asked] = deployed.commands.asked("aws", "ecs:shop-dev_0a1b0_0a1b-3")
    ends = json.loads(asked.arguments[asked.arguments.index("--parameters") + 1])
    [local] = ends.pop("localPortNumber")
    assert ends == FORWARDING
    told = client.with_suffix(".told").read_text()
    assert told == f"hunter2 postgresql://app@127.0.0.1:{local}/app?sslmode=require\n"


def test_a_way_to_the_database_that_does_not_open_is_a_failure(deployed: DeployScenario) -> None:
    deployed.commands.put("psql")
    tasks(deployed, "RUNNING")
    signs_in(deployed)
    deployed.commands.answer("aws", "start-session", error="TargetNotConnected\n", code=254)
    assert deployed.run("psql") == (
        1,
        "",
        "The way to the database could not be opened.\nTargetNotConnected\n",
    )
    assert deployed.commands.asked("psql") == []
