"""What can't be deployed: one sentence, and nothing has changed."""

import io
import json
import os
from pathlib import Path

import boto3
import pytest
from botocore.response import StreamingBody

import rollouts as aws
from cloud import ACCOUNT, REGION
from delivering import DeployScenario, FakeCommands, Session, make_project
from stackkit.tools.deploy.__main__ import main


def refused(scenario: DeployScenario, *arguments: str) -> str:
    code, out, err = scenario.run(*(arguments or ("deploy",)))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert scenario.commands.asked("pulumi", "up") == []
    assert scenario.commands.asked("docker", "buildx") == []
    return err.strip()


def refused_before_aws(infra: Path, capsys: pytest.CaptureFixture[str], stack: str = "dev") -> str:
    code = main(["deploy", "--stack", stack], infra)
    told = capsys.readouterr()
    assert (code, told.out) == (1, "")
    assert told.err.count("\n") == 1
    return told.err.strip()


def test_no_credentials(infra: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused_before_aws(infra, capsys) == (
        "There are no AWS credentials (Unable to locate credentials): sign in, for example with"
        " `aws sso login`, and name the profile in AWS_PROFILE."
    )


def test_a_profile_that_does_not_exist(
    infra: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert "The config profile (work) could not be found" in refused_before_aws(infra, capsys)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("ExpiredToken", "The AWS credentials have expired: sign in again, for example with"),
        ("InvalidClientTokenId", f"AWS doesn't know these credentials in {REGION}"),
        ("AccessDenied", "AWS refused to say who we are: "),
    ],
)
def test_credentials_that_aws_does_not_take(
    infra: Path,
    commands: FakeCommands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: str,
    sentence: str,
) -> None:
    session = Session()
    session.refuses("sts", "get_caller_identity", code, "no")
    monkeypatch.setattr(boto3, "Session", lambda region_name: session)
    assert refused_before_aws(infra, capsys).startswith(sentence)
    session.close()


def test_a_token_that_expires_on_the_way(scenario: DeployScenario) -> None:
    scenario.session.refuses("s3", "list_objects_v2", "ExpiredToken")
    assert refused(scenario).startswith("The AWS credentials have expired: sign in again")


def test_another_region_in_the_environment(
    infra: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert refused_before_aws(infra, capsys) == (
        "AWS_REGION is us-east-1 and the stack lives in eu-west-1: unset it, or name the stack of"
        " that region."
    )


@pytest.mark.parametrize("region", ["mars-1", "no region"])
def test_a_region_that_does_not_exist(
    tmp_path: Path,
    infra: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    region: str,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # as if no such host were there
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    elsewhere = make_project(tmp_path / "elsewhere", region=region)
    assert refused_before_aws(elsewhere, capsys).startswith(
        f"AWS can't be reached in region {region!r}: correct aws:region in the stack's file"
    )


def test_a_stack_without_a_file(infra: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused_before_aws(infra, capsys, "staging") == (
        f"There is no Pulumi.staging.yaml in {infra}, which has dev:"
        " copy a stack's file and change it."
    )


def test_a_stack_that_does_not_add_up(infra: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = infra / "Pulumi.dev.yaml"
    file.write_text(file.read_text() + "  shop:zone: example.com\n")
    assert refused_before_aws(infra, capsys).startswith("zone: it needs a domain")


def test_stack_that_does_not_exist_is_refused(scenario: DeployScenario) -> None:
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "ls", out=[{"name": "organization/shop/prod"}])
    assert refused(scenario) == (
        f"There is no stack dev in s3://shop-dev-state-{ACCOUNT}-{REGION}?region={REGION}:"
        " `make bootstrap STACK=dev`."
    )


def test_an_account_without_a_state(scenario: DeployScenario) -> None:
    scenario.session.refuses("s3", "list_objects_v2", "NoSuchBucket")
    assert refused(scenario) == (
        f"The account {ACCOUNT} keeps no state of dev in {REGION}: `make bootstrap STACK=dev`"
        " prepares it."
    )


def test_a_stack_that_another_run_has_locked(scenario: DeployScenario) -> None:
    key = ".pulumi/locks/organization/shop/dev/1.json"
    scenario.session.says(
        "s3",
        "list_objects_v2",
        {"Contents": [{"Key": key}]},
        Bucket=_BUCKET,
        Prefix=".pulumi/locks/organization/shop/dev/",
    )
    lock = {"pid": 42, "username": "ana", "hostname": "ci", "timestamp": "2026-01-02T03:04:05Z"}
    scenario.session.says("s3", "get_object", {"Body": _body(lock)}, Bucket=_BUCKET, Key=key)
    assert refused(scenario) == (
        "Stack dev is locked by ana on ci (process 42, since 2026-01-02T03:04:05): wait until that"
        " run has ended, or, if it was killed, `make pulumi STACK=dev DO=cancel`."
    )


def test_a_stack_that_pulumi_cloud_is_changing(
    scenario: DeployScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.pulumi.com")
    scenario.commands.answer("pulumi", "ls", out=[{"name": "dev", "updateInProgress": True}])
    assert refused(scenario).startswith("Stack dev is locked by another update: wait until")


def test_uncommitted_changes_are_refused_in_production(scenario: DeployScenario) -> None:
    aws.unlocked(scenario.session)
    file = scenario.infra / "Pulumi.dev.yaml"
    ours = "  shop:tier: prod\n  shop:domain: a.example.com\n"
    file.write_text(file.read_text().replace("  shop:tier: dev\n", ours))
    assert refused(scenario) == (
        f"What production would run is not committed ({scenario.commit}-dirty): a build is named by"
        " its commit; commit it, or stash it."
    )


def ask_for(scenario: DeployScenario, image: str) -> str:
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "output", out=aws.exported("https://shop.test", "old"))
    return refused(scenario, "deploy", "--image", image)


def test_an_image_that_the_repository_does_not_have(scenario: DeployScenario) -> None:
    scenario.session.refuses("ecr", "describe_images", "ImageNotFoundException")
    digest = aws.DIGESTS["old"]
    assert ask_for(scenario, digest) == (
        f"The repository shop-dev-0123456 holds no image {digest}: it keeps the newest 100; build"
        " that commit again."
    )


def test_an_image_that_is_not_named_by_a_digest(scenario: DeployScenario) -> None:
    assert ask_for(scenario, "latest") == "latest is not a digest: use sha256:…, as ECR shows it."


def test_an_image_of_another_repository(scenario: DeployScenario) -> None:
    image = f"elsewhere.test/shop@{aws.DIGESTS['old']}"
    assert ask_for(scenario, image) == (
        f"{image} does not lie in the stack's repository {aws.REPOSITORY}."
    )


def test_docker_that_does_not_run(scenario: DeployScenario) -> None:
    aws.unlocked(scenario.session)
    scenario.commands.answer("docker", "info", error="Cannot connect to the Docker daemon", code=1)
    assert refused(scenario) == (
        "Docker is installed and doesn't run: start it, it builds the image."
    )


def test_no_docker(scenario: DeployScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.unlocked(scenario.session)
    without(scenario.commands, "docker", monkeypatch)
    assert refused(scenario) == "docker is not installed, and it builds the image."


def test_no_pulumi(scenario: DeployScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.unlocked(scenario.session)
    without(scenario.commands, "pulumi", monkeypatch)
    assert (
        refused(scenario)
        == "pulumi is not installed: https://www.pulumi.com/docs/install/ says how."
    )


def test_a_run_that_begins_between_the_look_and_the_update(scenario: DeployScenario) -> None:
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "output", out={})
    locked = "error: the stack is currently locked by 1 lock(s).\n"
    scenario.commands.answer("pulumi", "up", out=locked, code=255)
    code, out, err = scenario.run("deploy")
    assert code == 1
    assert out.endswith(locked)
    assert err.startswith("Stack dev is locked by another run that has begun meanwhile: wait until")


def without(commands: FakeCommands, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only git and the other pretended command are left on PATH."""
    commands.put(*{"docker", "pulumi"} - {name})
    (commands.folder / name).unlink()
    for folder in os.environ["PATH"].split(":"):
        if (Path(folder) / "git").exists():
            (commands.folder / "git").symlink_to(Path(folder) / "git")
            break
    monkeypatch.setenv("PATH", str(commands.folder))


def _body(content: object) -> object:
    raw = json.dumps(content).encode()
    return StreamingBody(io.BytesIO(raw), len(raw))


_BUCKET = f"shop-dev-state-{ACCOUNT}-{REGION}"
