"""What somebody could change about the edge and the compute, and what they then read."""

import pytest

from editing import Changes, Edit, after, swap, swap_encoded

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
TARGETS = "aws:lb/targetGroup:TargetGroup"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
FORWARD = [{"type": "forward", "targetGroupArn": "arn"}]
DEFINITIONS, USER_DATA = "containerDefinitions", "userData"
PASSWORD = '{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "ENVIRONMENT"'
VALKEY_URL = "rediss://app:hunter2@"

# what somebody changes of which resource (after the stack's name), and what they read
EDITS: list[Edit] = [
    (
        "listener-tls",
        LISTENER,
        "-https",
        {"sslPolicy": "ELBSecurityPolicy-2016-08"},
        "sslPolicy is ELBSecurityPolicy-2016-08, which knows weak ciphers; use",
    ),
    ("listener-tls", LISTENER, "-https", {"sslPolicy": None}, "sslPolicy is the default"),
    ("http-redirects", LISTENER, "-http", {"defaultActions": FORWARD}, "redirect (HTTP_301)"),
    (
        "health-check",
        TARGETS,
        "",
        {"healthCheck": {"path": "/ready"}},
        "healthCheck.path is '/ready', not '/health'",
    ),
    (
        "timeouts-in-order",
        TARGETS,
        "",
        {"deregistrationDelay": 10},
        "REQUEST_TIMEOUT (10 s) does not end before deregistrationDelay (10 s)",
    ),
    (
        "timeouts-in-order",
        TASK,
        "",
        {DEFINITIONS: swap('"stopTimeout": 40', '"stopTimeout": 30')},
        "GRANIAN_WORKERS_KILL_TIMEOUT (30 s) does not end before the stop timeout (30 s)",
    ),
    (
        "timeouts-in-order",
        TEMPLATE,
        "-arm64",
        {USER_DATA: swap_encoded("STOP_SECONDS=40", "STOP_SECONDS=20")},
        "GRANIAN_WORKERS_KILL_TIMEOUT (30 s) does not end before the stop timeout (20 s)",
    ),
    ("balancer-hangs-up-first", BALANCER, "", {"idleTimeout": 60}, "or clients see 502"),
    (
        "iam-actions-named",
        POLICY,
        "-rotation",
        {"policy": swap('"ecs:UpdateService"', '"ecs:*"')},
        "ecs:* is allowed; name the actions",
    ),
    (
        "iam-actions-named",
        POLICY,
        "-rotation",
        {"policy": swap('"Action"', '"NotAction"')},
        "everything but NotAction",
    ),
    (
        "iam-resources-named",
        POLICY,
        "-execution",
        {"policy": swap("ecr:GetAuthorizationToken", "ecr:BatchGetImage")},
        "ecr:BatchGetImage on * is allowed; name the resources",
    ),
    (
        "iam-trust-named",
        ROLE,
        "-task",
        {"assumeRolePolicy": swap('{"Service": "ecs-tasks.amazonaws.com"}', '{"AWS": ["*"]}')},
        "any principal may assume the role",
    ),
    (
        "iam-no-administrators",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "-monitoring",
        {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        "write a policy",
    ),
    (
        "metadata-token",
        TEMPLATE,
        "-arm64",
        {"metadataOptions": {"httpTokens": "optional"}},
        "metadataOptions.httpTokens is not required",
    ),
    (
        "metadata-token",
        TEMPLATE,
        "-arm64",
        {"metadataOptions": {"httpPutResponseHopLimit": 2}},
        "must not borrow the instance's role",
    ),
    (
        "no-plain-secrets",
        TASK,
        "",
        {DEFINITIONS: swap('{"name": "ENVIRONMENT"', PASSWORD)},
        "DB_PASSWORD in app looks like a secret in plain text; put it into Secrets Manager",
    ),
    (
        "no-plain-secrets",
        TEMPLATE,
        "-arm64",
        {USER_DATA: swap_encoded("rediss://app@", VALKEY_URL)},
        "REDIS_URL in /etc/app/environment looks like a secret",
    ),
    (
        "container-confined",
        TASK,
        "",
        {DEFINITIONS: swap('"readonlyRootFilesystem": true, ', "")},
        "set readonlyRootFilesystem to true",
    ),
    (
        "container-confined",
        TASK,
        "",
        {DEFINITIONS: swap('"user": "10001"', '"user": "0:0"')},
        "app runs as root",
    ),
    (
        "container-confined",
        TASK,
        "",
        {DEFINITIONS: swap('"privileged": false', '"privileged": true')},
        "app is privileged",
    ),
    ("image-by-digest", TASK, "", {DEFINITIONS: swap("@sha256:", ":v")}, "name the image by its"),
    (
        "logs-expire",
        "aws:cloudwatch/logGroup:LogGroup",
        "-flow",
        {"retentionInDays": None},
        "set log_days",
    ),
]


@pytest.mark.parametrize(("policy", "kind", "role", "changes", "words"), EDITS)
def test_an_edit_breaks_just_the_policy_about_it(
    policy: str, kind: str, role: str, changes: Changes, words: str
) -> None:
    found = after(kind, role, changes)
    assert {name for name, _, _ in found} == {policy}
    assert words in " ".join(message for _, _, message in found)


def test_a_secret_is_named_and_not_shown() -> None:
    shown = after(TASK, "", {DEFINITIONS: swap('{"name": "ENVIRONMENT"', PASSWORD)})
    assert "DB_PASSWORD" in str(shown)
    assert "hunter2" not in str(shown)
