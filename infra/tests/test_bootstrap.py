"""What a first deployment needs, made in a simulated account, and made once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cloud import ACCOUNT, REGION
from delivering import DeployScenario, FakeCommands
from stackkit.tools.deploy.__main__ import main

BUCKET = f"shop-dev-state-{ACCOUNT}-{REGION}"


@pytest.fixture
def aws(infra: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    with mock_aws():
        yield boto3.Session(region_name=REGION)


@pytest.fixture
def prepared(aws: boto3.Session, infra: Path, commands: FakeCommands) -> boto3.Session:
    commands.answer("pulumi", "ls", out=[])
    made = [[["pulumi", "ls"], json.dumps([{"name": "dev"}]), "", 0, None]]
    commands.answer("pulumi", "init", then=made)
    assert main(["bootstrap", "--stack", "dev"], infra) == 0
    return aws


def client(session: boto3.Session, service: str) -> Any:
    return session.client(service)  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_the_state_is_kept_in_versions_sealed_and_closed(prepared: boto3.Session) -> None:
    s3 = client(prepared, "s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    closed = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert list(closed.values()) == [True] * 4
    [denied] = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 365}


def test_its_secrets_have_a_key_that_rotates(
    prepared: boto3.Session, commands: FakeCommands
) -> None:
    kms = client(prepared, "kms")
    key = kms.describe_key(KeyId="alias/shop-dev-state")["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    [init] = commands.asked("pulumi", "init")
    provider = init.arguments[init.arguments.index("--secrets-provider") + 1]
    assert provider == f"awskms://alias/shop-dev-state?region={REGION}"
    assert init.backend == f"s3://{BUCKET}?region={REGION}"


def test_a_second_run_makes_nothing(
    prepared: boto3.Session,
    infra: Path,
    commands: FakeCommands,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert main(["bootstrap", "--stack", "dev"], infra) == 0
    assert capsys.readouterr().out.startswith("bootstrap: made nothing: everything is there\n")
    assert len(client(prepared, "s3").list_buckets()["Buckets"]) == 1
    assert len(client(prepared, "kms").list_keys()["Keys"]) == 1
    assert len(commands.asked("pulumi", "init")) == 1


def test_run_that_was_cut_off_is_completed_by_the_next(
    aws: boto3.Session, infra: Path, commands: FakeCommands
) -> None:
    where = {"LocationConstraint": REGION}
    client(aws, "s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    commands.answer("pulumi", "ls", out=[{"name": "dev"}])
    assert main(["bootstrap", "--stack", "dev"], infra) == 0
    assert client(aws, "s3").get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"


def test_a_backend_of_ones_own_choice_needs_neither_bucket_nor_key(
    aws: boto3.Session, infra: Path, commands: FakeCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.pulumi.com")
    commands.answer("pulumi", "ls", out=[])
    commands.answer("pulumi", "init")
    assert main(["bootstrap", "--stack", "dev"], infra) == 0
    assert client(aws, "s3").list_buckets()["Buckets"] == []
    assert client(aws, "kms").list_keys()["Keys"] == []
    [init] = commands.asked("pulumi", "init")
    assert "--secrets-provider" not in init.arguments
    assert init.backend == "https://api.pulumi.com"


def test_a_bucket_of_somebody_else_is_not_used(scenario: DeployScenario) -> None:
    scenario.session.refuses("s3", "head_bucket", "403")
    assert scenario.run("bootstrap") == (
        1,
        "",
        f"The bucket {BUCKET} exists and these credentials may not use it: use those of the"
        " account that it belongs to.\n",
    )
