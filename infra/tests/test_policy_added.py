"""What the program doesn't make, and somebody adds."""

import json
from typing import Any

import pytest

from policed import in_tier, resource, violations

CIDR = ["0.0.0.0/0"]
ADMIN = {"Effect": "Allow", "Action": "*", "Resource": "*"}
INLINE = {"name": "all", "policy": json.dumps({"Statement": ADMIN})}
TRUST = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
)


@pytest.mark.parametrize(
    ("kind", "props", "broken"),
    [
        (
            "aws:ec2/securityGroupRule:SecurityGroupRule",
            {
                "type": "ingress",
                "protocol": "tcp",
                "fromPort": 22,
                "toPort": 22,
                "cidrBlocks": CIDR,
            },
            {"only-web-ports-open"},
        ),
        (
            "aws:ec2/securityGroupRule:SecurityGroupRule",
            {"type": "egress", "protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": CIDR},
            set(),
        ),
        ("aws:rds/proxy:Proxy", {"requireTls": False}, {"proxy-tls"}),
        ("aws:rds/proxy:Proxy", {"requireTls": True}, set()),
        (
            "aws:iam/role:Role",
            {"assumeRolePolicy": TRUST, "inlinePolicies": [INLINE]},
            {"iam-trust-named", "iam-actions-named", "iam-resources-named"},
        ),
        (
            "aws:imagebuilder/infrastructureConfiguration:InfrastructureConfiguration",
            {},
            {"metadata-token"},
        ),
        ("aws:s3/bucket:Bucket", {}, {"bucket-locked", "state-protected"}),
        ("aws:rds/parameterGroup:ParameterGroup", {"family": "mysql8.4"}, set()),
        ("aws:lb/listener:Listener", {"protocol": "HTTP", "port": 80}, set()),
    ],
)
def test_an_addition_is_judged_alike(kind: str, props: dict[str, Any], broken: set[str]) -> None:
    in_tier("prod")
    assert {name for name, _, _ in violations([resource(kind, "added", props)])} == broken


def test_a_fleet_without_scaling_counts_as_large_as_it_is() -> None:
    environment = {"DATABASE_URL": "", "DB_POOL_SIZE": "10", "WEB_CONCURRENCY": "2"}
    pairs = [{"name": name, "value": value} for name, value in environment.items()]
    container = {
        "name": "app",
        "image": "app@sha256:0",
        "user": "1",
        "readonlyRootFilesystem": True,
        "environment": pairs,
    }
    database = {
        "instanceClass": "db.t4g.medium",
        "storageEncrypted": True,
        "replicateSourceDb": "primary",
    }
    definitions = json.dumps([container])

    def found(tasks: int) -> list[str]:
        stack = [
            resource("aws:ecs/service:Service", "app", {"desiredCount": tasks}),
            resource(
                "aws:ecs/taskDefinition:TaskDefinition",
                "app",
                {"containerDefinitions": definitions},
            ),
            resource("aws:rds/instance:Instance", "app", database),
        ]
        return [message for _, _, message in violations(stack)]

    in_tier("prod")
    # 450 connections x 0.93, less 20
    assert found(9) == []
    assert found(10) == [
        "DB_POOL_SIZE 10 x WEB_CONCURRENCY 2 x 10 tasks x 2 in a deployment are 400 connections and"
        " db.t4g.medium has 398; use smaller pools, a smaller fleet or a larger class."
    ]
