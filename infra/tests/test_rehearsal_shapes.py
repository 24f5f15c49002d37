"""What AWS's API models forbid, and botocore alone lets through."""

from typing import Any

import botocore.session
import pytest

from stackkit.tools.rehearse.api_models import faults


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "fault"),
    [
        (
            "elbv2",
            "CreateTargetGroup",
            {"Name": "a", "TargetType": "ips"},
            "TargetType: 'ips' is none of instance, ip, lambda, alb",
        ),
        (
            "iam",
            "CreateRole",
            {"RoleName": "a role", "AssumeRolePolicyDocument": "{}"},
            r"RoleName: 'a role' doesn't match [\w+=,.@-]+",
        ),
        (
            "iam",
            "CreateInstanceProfile",
            {"InstanceProfileName": "a" * 129},
            f"InstanceProfileName: 129 characters ('{'a' * 129}') is above 128",
        ),
        (
            "kms",
            "ScheduleKeyDeletion",
            {"KeyId": "k", "PendingWindowInDays": 400},
            "PendingWindowInDays: 400 is above 365",
        ),
        (
            "ecs",
            "CreateService",
            {"serviceName": 3},
            "Invalid type for parameter serviceName, value: 3, type: <class 'int'>, valid types:"
            " <class 'str'>",
        ),
        (
            "ecs",
            "RegisterTaskDefinition",
            {"family": "a", "containerDefinitions": [{"nmae": "app"}]},
            'Unknown parameter in containerDefinitions[0]: "nmae", must be one of: name, image',
        ),
        ("sns", "CreateTopic", {}, 'Missing required parameter in input: "Name"'),
    ],
    ids=["enum", "pattern", "length", "maximum", "type", "typo", "required"],
)
def test_api_models_are_enforced_in_full(
    service: str, operation: str, parameters: dict[str, Any], fault: str
) -> None:
    model = botocore.session.get_session().get_service_model(service)
    shape: Any = model.operation_model(operation).input_shape
    [found] = faults(shape, parameters)
    assert found.startswith(fault)
