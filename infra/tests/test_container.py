"""What runs: the task, its environment, and what it may do."""

import json
from typing import Any

import pytest

from cloud import ACCOUNT, DIGEST, REGION
from harness import DEV, DOMAIN, PROD, PROJECT, Run, keys, run, stack
from plans import parse
from stackkit.plan import plan

POLICY = "aws:iam/rolePolicy:RolePolicy"


def container(made: Run) -> dict[str, Any]:
    """The service's container, its lists of pairs as mappings."""
    [definition, _collector] = json.loads(made.service_task().inputs["containerDefinitions"])
    pairs = {
        "environment": {pair["name"]: pair["value"] for pair in definition["environment"]},
        "secrets": {pair["name"]: pair["valueFrom"] for pair in definition["secrets"]},
        "systemControls": {c["namespace"]: c["value"] for c in definition["systemControls"]},
    }
    return definition | pairs


def planned(tier: str) -> plan.Plan:
    return plan.derive(parse(PROJECT, tier, keys(tier)))


def statements(made: Run, name: str) -> dict[str, Any]:
    """Resources by action."""
    policy = json.loads(made.one(POLICY, name).inputs["policy"])
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    return {
        action: statement["Resource"]
        for statement in policy["Statement"]
        for action in statement["Action"]
    }


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_container_gets_the_numbers_of_the_plan(tier: str) -> None:
    numbers = planned(tier)
    made = stack(tier)
    given = container(made)
    assert len(plan.environment(numbers)) >= 13
    assert plan.environment(numbers).items() <= given["environment"].items()
    assert given["stopTimeout"] == numbers.timeouts.stop.value
    assert given["systemControls"] == dict(numbers.server.kernel)
    files = numbers.server.open_files.value
    assert given["ulimits"] == [{"name": "nofile", "softLimit": files, "hardLimit": files}]
    service = made.one("aws:ecs/service:Service").inputs
    assert service["desiredCount"] == numbers.fleet.minimum.value
    assert made.outputs["plan"] == plan.outputs(numbers)


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_container_finds_everything_and_reads_no_password(tier: str) -> None:
    given = container(stack(tier))
    wired = given["environment"].items() - plan.environment(planned(tier)).items()
    assert dict(wired) == {
        "ENVIRONMENT": "production",
        "HOST": "0.0.0.0",
        "PORT": "8000",
        "TRUSTED_PROXIES": "10.0.0.0/16",
        "ADMIN_PORT": "9100",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_SERVICE_NAME": f"shop-{tier}",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
        "DATABASE_URL": f"postgresql://app@shop-{tier}.rds.amazonaws.com:5432/app?sslmode=require",
        "REDIS_URL": f"rediss://app@shop-{tier}.cache.amazonaws.com:6379/0",
        "UPSTREAM_URL": "https://upstream.example.com",
    }
    secret = f"arn:aws:secretsmanager:{REGION}:123456789012:secret"
    assert given["secrets"] == {
        "DATABASE_PASSWORD": f"{secret}:rds!shop-{tier}-AbCdEf:password::",
        "REDIS_PASSWORD": f"{secret}:shop-{tier}-cache-AbCdEf",
    }


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_container_can_change_nothing_but_tmp(tier: str) -> None:
    given = container(stack(tier))
    assert given["user"] == "10001"
    assert given["readonlyRootFilesystem"] is True
    assert given["privileged"] is False
    assert given["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert [mount["containerPath"] for mount in given["linuxParameters"]["tmpfs"]] == ["/tmp"]


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_container_is_deployed_by_digest_and_logs_to_its_group(tier: str) -> None:
    made = stack(tier)
    given = container(made)
    options = given["logConfiguration"]["options"]
    assert given["image"].partition("@")[2] == DIGEST
    assert options["awslogs-group"] == made.outputs["log_group"]
    assert options["awslogs-region"] == REGION
    assert "8000/health" in given["healthCheck"]["command"][-1]
    assert given["portMappings"] == [{"containerPort": 8000, "protocol": "tcp"}]


def test_a_task_is_as_large_as_configured() -> None:
    dev, prod = stack("dev").service_task().inputs, stack("prod").service_task().inputs
    assert (dev["cpu"], dev["memory"]) == ("256", "512")
    assert (prod["cpu"], prod["memory"]) == ("1024", "2048")
    assert prod["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert prod["networkMode"] == "awsvpc"
    assert prod["requiresCompatibilities"] == ["FARGATE"]


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_a_failing_deployment_is_rolled_back(tier: str) -> None:
    made = stack(tier)
    service = made.one("aws:ecs/service:Service").inputs
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (service["alarms"]["enable"], service["alarms"]["rollback"]) == (True, True)
    alarms = [f"shop-{tier}-{name}-0123456" for name in ("errors", "latency")]
    assert service["alarms"]["alarmNames"] == alarms
    assert service["deploymentMinimumHealthyPercent"] == 100
    assert service["deploymentMaximumPercent"] == 200
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    assert service["waitForSteadyState"] is True


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_starting_a_task_takes_exactly_these_permissions(tier: str) -> None:
    made = stack(tier)
    allowed = statements(made, f"shop-{tier}-execution")
    assert set(allowed) == {
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "secretsmanager:GetSecretValue",
        "kms:Decrypt",
    }
    assert [action for action, on in allowed.items() if on == ["*"]] == [
        "ecr:GetAuthorizationToken"
    ]
    secret = f"arn:aws:secretsmanager:{REGION}:123456789012:secret"
    assert sorted(allowed["secretsmanager:GetSecretValue"]) == [
        f"{secret}:rds!shop-{tier}-AbCdEf",
        f"{secret}:shop-{tier}-cache-AbCdEf",
    ]
    assert [arn.rpartition("/")[2] for arn in allowed["kms:Decrypt"]] == [f"shop-{tier}-database"]


def test_the_task_may_do_nothing_in_aws_but_send_metrics_and_traces() -> None:
    made = stack("prod")
    task = made.service_task().inputs
    assert task["taskRoleArn"].endswith("role/shop-prod-task")
    assert task["executionRoleArn"].endswith("role/shop-prod-execution")
    group = f"arn:aws:cloudwatch:{REGION}:123456789012:logGroup/shop-prod-metrics:*"
    assert statements(made, "shop-prod-task") == {
        "logs:CreateLogStream": [group],
        "logs:PutLogEvents": [group],
        "xray:PutTelemetryRecords": ["*"],
        "xray:PutTraceSegments": ["*"],
    }
    roles = {entry.inputs["role"] for entry in made.all(POLICY)}
    others = {f"shop-prod-{role}-id" for role in ("flow", "execution", "rotation")}
    assert roles == others | {"shop-prod-task-id"}


def test_only_this_accounts_tasks_may_take_the_roles() -> None:
    for purpose in ("task", "execution"):
        role = stack("prod").one("aws:iam/role:Role", f"shop-prod-{purpose}").inputs
        [trust] = json.loads(role["assumeRolePolicy"])["Statement"]
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Condition"] == {
            "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:{REGION}:123456789012:*"}
        }


def test_spot_takes_its_share() -> None:
    def shares(made: Run) -> dict[str, int]:
        strategies = made.one("aws:ecs/service:Service").inputs["capacityProviderStrategies"]
        return {entry["capacityProvider"]: entry["weight"] for entry in strategies}

    assert shares(stack("prod")) == {"FARGATE": 100}
    mixed = run("dev", DEV | {"spot_percent": "70"})
    assert shares(mixed) == {"FARGATE": 30, "FARGATE_SPOT": 70}


def test_ones_own_image_variables_and_secrets_reach_the_container() -> None:
    image = f"registry.example.com/shop@sha256:{'a' * 64}"
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mail-AbCdEf"
    parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/colour"
    own = {
        "image": image,
        "environment": '["LOCALE=en"]',
        "secrets": json.dumps([f"MAIL_KEY={secret}:key::", f"COLOUR={parameter}"]),
        "secrets_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/mail",
        "upstream_url": "http://upstream.example.com:8080/v1",
    }
    made = run("prod", PROD | {"domain": DOMAIN} | own)
    given = container(made)
    allowed = statements(made, "shop-prod-execution")
    assert given["image"] == image
    assert given["environment"]["LOCALE"] == "en"
    assert given["secrets"]["MAIL_KEY"] == f"{secret}:key::"
    assert secret in allowed["secretsmanager:GetSecretValue"]
    assert allowed["ssm:GetParameters"] == [parameter]
    assert own["secrets_key_arn"] in allowed["kms:Decrypt"]
    policy = made.one("aws:iam/rolePolicy:RolePolicy", "shop-prod-execution").inputs["policy"]
    for service in ("secretsmanager", "ssm"):
        assert f'"{service}.eu-west-1.amazonaws.com"' in policy
    # the collector's repository alone: the image lies elsewhere
    assert allowed["ecr:BatchGetImage"] == [
        f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shop-prod-0123456"
    ]
    outward = made.names("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    assert "shop-prod-compute-world-8080" in outward
