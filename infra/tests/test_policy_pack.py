"""The pack as Pulumi starts it: a process that runs the folder, and speaks gRPC."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from harness import PROGRAM
from stackkit.policy.pack import POLICIES

INFRA = Path(__file__).absolute().parents[1]
FOLDER = INFRA / "stackkit" / "policy"
SETTINGS = {
    "PULUMI_PROJECT": "shop",
    "PULUMI_STACK": "blue",
    "PULUMI_DRY_RUN": "true",
    "PULUMI_CONFIG": '{"shop:tier": "dev"}',
}


@pytest.fixture(scope="module")
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", "."]
    environment = os.environ | SETTINGS | {"PYTHONPATH": str(INFRA)}
    started = subprocess.Popen(
        command, cwd=FOLDER, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    port = int(started.stdout.readline())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield analyzer_pb2_grpc.AnalyzerStub(channel)
    started.kill()
    started.wait()
    started.stdout.close()


def said(pack: analyzer_pb2_grpc.AnalyzerStub, kind: str, props: dict[str, Any]) -> list[str]:
    request = analyzer_pb2.AnalyzeRequest(type=kind, name="added", urn=f"urn:{kind}::added")
    json_format.ParseDict(props, request.properties)
    return [found.message for found in pack.Analyze(request).diagnostics]


def test_pulumi_lists_every_policy_with_its_enforcement(
    pack: analyzer_pb2_grpc.AnalyzerStub,
) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "service-invariants"
    assert [policy.name for policy in info.policies] == [policy.name for policy in POLICIES]
    advisory = [p.name for p in info.policies if p.enforcementLevel == analyzer_pb2.ADVISORY]
    assert advisory == ["image-by-digest"]


def test_violation_names_the_error_and_the_remedy(
    pack: analyzer_pb2_grpc.AnalyzerStub,
) -> None:
    [message] = said(pack, "aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 0})
    assert message == (
        "Logs are kept for a time.\n"
        "retentionInDays is not set, so logs are kept and paid for ever; set log_days."
    )


def test_the_stack_s_tier_reaches_the_pack(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    assert said(pack, "aws:lb/loadBalancer:LoadBalancer", {}) == []


def test_preview_names_the_policies_that_could_not_be_checked(
    pack: analyzer_pb2_grpc.AnalyzerStub,
) -> None:
    unknown = {"containerDefinitions": UNKNOWN_STRING_VALUE}
    messages = said(pack, "aws:ecs/taskDefinition:TaskDefinition", unknown)
    assert messages
    assert all("can't run policy" in message for message in messages)


def test_policy_pack_runs_on_the_packages_of_the_program() -> None:
    options = yaml.safe_load((FOLDER / "PulumiPolicy.yaml").read_text())["runtime"]["options"]
    assert options == {"toolchain": "pip", "virtualenv": "../../../infra/venv"}
    required = (PROGRAM / "requirements.txt").read_text()
    assert "pulumi-policy" in required
