"""Runs an instance's scripts beside pretended commands that write down what they are asked."""

import base64
import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plans import planned
from stackkit.plan.timeouts import LONGEST_REQUEST, timeouts
from stackkit.resources.instance import Instance, cloud_config

INSTANCE = Instance(
    region="eu-west-1",
    image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:0",
    environment={"MAX_IN_FLIGHT": "4000", "GREETING": 'a "b" $c'},
    secrets={
        "DATABASE_PASSWORD": "arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf:password::",
        "REDIS_PASSWORD": "arn:aws:secretsmanager:eu-west-1:1:secret:cache-AbCdEf",
        "KEY": "arn:aws:ssm:eu-west-1:1:parameter/key",
    },
    numbers=planned(compute="ec2"),
    log_group="shop-prod",
    collector_image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:c",
    collector='{"service": {}}',
    collector_secrets={"OTLP_HEADERS": "arn:aws:secretsmanager:eu-west-1:1:secret:cache-AbCdEf"},
)
COLLECTOR = "/usr/local/bin/app-collector"
PRETEND = {
    "timeout": """
shift 2
exec "$@"
""",
    "aws": """
case "$*" in
  *get-login-password*) echo token ;;
  *secret:db-AbCdEf*) echo '{"username": "app", "password": "pa ss"}' ;;
  *secret:cache-AbCdEf*) echo plain ;;
  *get-parameters*) echo parameter ;;
esac
""",
    "docker": """
case "$1 $2" in
  "image inspect") exit 1 ;;
  "login --username") cat >/dev/null ;;
esac
""",
    "curl": """
case "$*" in
  *target-lifecycle-state*)
    [ -e "$HERE/asked" ] && echo Terminated || echo InService
    touch "$HERE/asked" ;;
  *groupName*) echo shop-prod-1 ;;
  *instance-id*) echo i-1 ;;
  *api/token*) echo token ;;
  *security-credentials/) echo role ;;
  *security-credentials/role*) echo "$CREDENTIALS" ;;
esac
""",
    "sleep": "",
    "systemctl": "",
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name, body in PRETEND.items():
        command = tmp_path / "bin" / name
        command.write_text(f'#!/bin/bash\necho "{name} $*" >>"$HERE/log"\n{body}')
        command.chmod(0o700)
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    return tmp_path


def files(instance: Instance) -> dict[str, str]:
    config = json.loads(cloud_config(instance).partition("\n")[2])
    return {file["path"]: content(file) for file in config["write_files"]}


def content(file: dict[str, str]) -> str:
    """As cloud-init writes it."""
    if file.get("encoding") == "gz+b64":
        return gzip.decompress(base64.b64decode(file["content"])).decode()
    return file["content"]


def ran(here: Path, path: str, instance: Instance = INSTANCE) -> list[str]:
    """Run one of the scripts in a folder of its own; return the commands that it called."""
    made = files(instance)
    for name in ("environment", "secrets", "collector", "collector-secrets"):
        (here / name).write_text(made[f"/etc/app/{name}"])
    script = made[path].replace("/etc/app", str(here)).replace("/run/app", f"{here}/run")
    ends = datetime.now(UTC) + timedelta(hours=6)
    places = {
        "HERE": str(here),
        "PATH": f"{here}/bin:{os.environ['PATH']}",
        "CREDENTIALS": json.dumps(
            {
                "AccessKeyId": "id",
                "SecretAccessKey": "key",
                "Token": "more",
                "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
            }
        ),
    }
    subprocess.run(["bash", "-c", script], env=places, check=True, timeout=30)
    return (here / "log").read_text().splitlines()


def test_the_container_gets_its_variables_and_secrets(here: Path) -> None:
    ran(here, "/usr/local/bin/app-run")
    environment = here / "run" / "environment"
    assert environment.read_text().splitlines() == [
        "MAX_IN_FLIGHT=4000",
        'GREETING=a "b" $c',
        "DATABASE_PASSWORD=pa ss",
        "REDIS_PASSWORD=plain",
        "KEY=parameter",
    ]
    assert environment.stat().st_mode & 0o077 == 0


def test_the_image_is_pulled_and_run_within_its_limits(here: Path) -> None:
    called = ran(here, "/usr/local/bin/app-run")
    registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    assert f"docker login --username AWS --password-stdin {registry}" in called
    assert f"docker pull --quiet {INSTANCE.image}" in called
    for limit in (
        "--user=10001:10001",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--ulimit=nofile=65535:65535",
        "--sysctl=net.ipv4.ip_local_port_range=10240 65535",
        "--publish=8000:8000",
        "--stop-timeout=40",
    ):
        assert f" {limit} " in called[-1]
    assert called[-1].startswith("docker run --name app")
    assert called[-1].endswith(f" {INSTANCE.image}")


def test_an_image_from_elsewhere_needs_no_login(here: Path) -> None:
    elsewhere = replace(INSTANCE, image="ghcr.io/shop/shop@sha256:0")
    called = ran(here, "/usr/local/bin/app-run", elsewhere)
    assert not [line for line in called if line.startswith("docker login")]
    assert "docker pull --quiet ghcr.io/shop/shop@sha256:0" in called


def test_the_collector_shares_the_services_network_within_limits(here: Path) -> None:
    lines = ran(here, COLLECTOR)
    assert "docker login --username AWS --password-stdin 123456789012.dkr.ecr" in "\n".join(lines)
    assert f"docker pull --quiet {INSTANCE.collector_image}" in lines
    [called] = [line for line in lines if line.startswith("docker run")]
    for limit in ("--network=container:app", "--memory=160m", "--cpus=0.03125", "--read-only"):
        assert f" {limit} " in called
    assert called.startswith("docker run --name collector")
    assert called.endswith(INSTANCE.collector_image)


def test_the_collector_has_its_configuration_and_credentials_that_end(here: Path) -> None:
    called = ran(here, COLLECTOR)
    environment = here / "run" / "collector"
    assert environment.read_text().splitlines() == [
        'AOT_CONFIG_CONTENT={"service": {}}',
        "OTLP_HEADERS=plain",
        "AWS_ACCESS_KEY_ID=id",
        "AWS_SECRET_ACCESS_KEY=key",
        "AWS_SESSION_TOKEN=more",
    ]
    assert environment.stat().st_mode & 0o077 == 0
    [lasts] = [int(line.split()[2]) for line in called if line.startswith("timeout ")]
    # a minute before they end
    assert 6 * 3600 - 90 < lasts <= 6 * 3600 - 60


def test_the_collector_lives_with_the_service_and_never_holds_it_up() -> None:
    made = files(INSTANCE)
    unit = made["/etc/systemd/system/app-collector.service"].splitlines()
    assert "BindsTo=app.service" in unit
    assert "After=app.service" in unit
    assert "WantedBy=app.service" in unit
    assert "collector" not in made["/etc/systemd/system/app.service"]


def test_an_instance_drains_then_stops_then_says_that_it_may_go(here: Path) -> None:
    called = [line for line in ran(here, "/usr/local/bin/app-drain") if "curl" not in line]
    assert called == [
        "sleep 5",
        "sleep 20",
        "systemctl stop app",
        "aws autoscaling complete-lifecycle-action --lifecycle-hook-name drain"
        " --auto-scaling-group-name shop-prod-1 --instance-id i-1"
        " --lifecycle-action-result CONTINUE",
    ]


def test_systemd_gives_the_container_its_whole_stop_time() -> None:
    made = files(INSTANCE)
    unit = made["/etc/systemd/system/app.service"].splitlines()
    assert made["/etc/app/stop"] == "STOP_SECONDS=40\n"
    assert "EnvironmentFile=/etc/app/stop" in unit
    assert "ExecStop=/usr/bin/docker stop -t ${STOP_SECONDS} app" in unit
    [wait] = [line.partition("=")[2] for line in unit if line.startswith("TimeoutStopSec=")]
    longest = timeouts(LONGEST_REQUEST).stop.value
    assert longest < int(wait)
