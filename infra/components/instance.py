"""What an instance does: runs the service's container under systemd, and leaves in good order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from components.container import NAME, SCRATCH_MIB, USER

HOOK = "drain"
# the bridge tracks each connection, open or closing: no instance has a quarter of a million
TRACKED_CONNECTIONS = 262_144


@dataclass(frozen=True, kw_only=True)
class Instance:
    """The container and its limits, every value known."""

    region: str
    image: str
    port: int
    environment: Mapping[str, str]
    # name → reference; the values never pass through the template
    secrets: Mapping[str, str]
    open_files: int
    kernel: Mapping[str, str]
    stop_timeout_s: int
    drain_s: int
    log_group: str
    # an own or a baked AMI has Docker already
    installs_docker: bool


def cloud_config(instance: Instance) -> str:
    """Cloud-init's configuration: JSON is YAML, and needs no quoting rules of its own."""
    files = {
        # published ports by the kernel, not by a process that copies every byte
        "/etc/docker/daemon.json": json.dumps({"userland-proxy": False}),
        "/etc/modules-load.d/app.conf": "nf_conntrack\n",
        "/etc/sysctl.d/90-app.conf": f"net.netfilter.nf_conntrack_max = {TRACKED_CONNECTIONS}\n",
        "/etc/app/environment": _lines(instance.environment, "="),
        "/etc/app/secrets": _lines(instance.secrets, " "),
        "/etc/systemd/system/app.service": _service(instance),
        "/etc/systemd/system/app-drain.service": _DRAIN_SERVICE,
    }
    scripts = {
        "/usr/local/bin/app-run": _run(instance),
        "/usr/local/bin/app-drain": _drain(instance),
    }
    config = {
        "write_files": [
            *_files(files, "0600"),
            *_files(scripts, "0700"),
        ],
        **({"packages": ["docker"]} if instance.installs_docker else {}),
        "runcmd": [
            ["modprobe", "nf_conntrack"],
            ["sysctl", "--system"],
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", "docker", "app", "app-drain"],
        ],
    }
    return f"#cloud-config\n{json.dumps(config)}\n"


def _files(files: Mapping[str, str], mode: str) -> list[dict[str, str]]:
    return [
        {"path": path, "permissions": mode, "content": content} for path, content in files.items()
    ]


def _lines(pairs: Mapping[str, str], between: str) -> str:
    return "".join(f"{name}{between}{value}\n" for name, value in pairs.items())


def _service(instance: Instance) -> str:
    return f"""[Unit]
Description=The service's container
After=docker.service network-online.target
Requires=docker.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/local/bin/app-run
ExecStop=/usr/bin/docker stop -t {instance.stop_timeout_s} {NAME}
TimeoutStopSec={instance.stop_timeout_s + 10}
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
"""


def _run(instance: Instance) -> str:
    limits = [
        f"--user {USER}:{USER}",
        "--read-only",
        f"--tmpfs /tmp:rw,nosuid,nodev,noexec,size={SCRATCH_MIB}m,uid={USER}",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        f"--ulimit nofile={instance.open_files}:{instance.open_files}",
        *(f"--sysctl '{name}={value}'" for name, value in instance.kernel.items()),
        f"--stop-timeout {instance.stop_timeout_s}",
        f"--publish {instance.port}:{instance.port}",
        "--env-file /run/app/environment",
        "--log-driver awslogs",
        f"--log-opt awslogs-region={instance.region}",
        f"--log-opt awslogs-group={instance.log_group}",
        # a slow log service must not stop the service
        "--log-opt mode=non-blocking",
        "--log-opt max-buffer-size=8m",
    ]
    return f"""#!/bin/bash
# Fetches the secrets, which no template holds, then becomes the container.
set -euo pipefail
umask 077
export AWS_DEFAULT_REGION={instance.region}
image={instance.image}

fetch() {{
  case "$1" in
    arn:*:ssm:*)
      aws ssm get-parameters --with-decryption --names "$1" \\
        --query 'Parameters[0].Value' --output text ;;
    *)
      local whole key
      whole=$(cut -d: -f1-7 <<<"$1")
      key=$(cut -d: -f8 <<<"$1")
      aws secretsmanager get-secret-value --secret-id "$whole" \\
        --query SecretString --output text | python3 -c '
import json, sys
value, key = sys.stdin.read().rstrip("\\n"), sys.argv[1]
print(json.loads(value)[key] if key else value)' "$key" ;;
  esac
}}

install -d -m 0700 /run/app
cp /etc/app/environment /run/app/environment
while read -r name reference; do
  value=$(fetch "$reference")
  printf '%s=%s\\n' "$name" "$value" >>/run/app/environment
done </etc/app/secrets

if ! docker image inspect "$image" >/dev/null 2>&1; then
  case "$image" in
    *.dkr.ecr.*)
      aws ecr get-login-password | docker login --username AWS --password-stdin "${{image%%/*}}" ;;
  esac
  docker pull --quiet "$image"
fi
docker rm --force {NAME} >/dev/null 2>&1 || true
exec docker run --name {NAME} --rm \\
  {_joined(limits)} \\
  "$image"
"""


def _joined(options: list[str]) -> str:
    return " \\\n  ".join(options)


_DRAIN_SERVICE = """[Unit]
Description=Leaves the load balancer before the container stops
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/usr/local/bin/app-drain
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def _drain(instance: Instance) -> str:
    """The same order as on Fargate: out of the balancer, then SIGTERM, then the machine."""
    return f"""#!/bin/bash
# Waits until the group takes this instance out, lets requests end, and says that it may go.
set -uo pipefail
export AWS_DEFAULT_REGION={instance.region}

metadata() {{
  local token
  token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \\
    http://169.254.169.254/latest/api/token)
  curl -sf -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}}

until [[ "$(metadata autoscaling/target-lifecycle-state)" == *Terminated ]]; do sleep 5; done
sleep {instance.drain_s}
systemctl stop app
# refused until the group has reached the hook
until aws autoscaling complete-lifecycle-action --lifecycle-hook-name {HOOK} \\
  --auto-scaling-group-name "$(metadata tags/instance/aws:autoscaling:groupName)" \\
  --instance-id "$(metadata instance-id)" --lifecycle-action-result CONTINUE; do sleep 5; done
"""
