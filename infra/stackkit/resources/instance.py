"""What an instance does: runs the service's container under systemd, and leaves in good order."""

import base64
import gzip
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackkit.plan.plan import Plan
from stackkit.plan.server import COLLECTOR_MIB
from stackkit.resources import collector
from stackkit.resources.container import SCRATCH_MIB, USER
from stackkit.settings.config import CONTAINER_PORT

HOOK = "drain"
PARTS = Path(__file__).parent / "on_instance"
# the bridge tracks each connection, open or closing: no instance has a quarter of a million
TRACKED_CONNECTIONS = 262_144


@dataclass(frozen=True, kw_only=True)
class Instance:
    """The container and its limits, every value known."""

    region: str
    image: str
    environment: Mapping[str, str]
    # name → reference; the values never pass through the template
    secrets: Mapping[str, str]
    # its limits, and how long it drains and stops
    numbers: Plan
    log_group: str
    collector_image: str
    # the collector's configuration, and what it refers to
    collector: str
    collector_secrets: Mapping[str, str]


def cloud_config(instance: Instance) -> str:
    """Cloud-init's configuration: JSON is YAML, and needs no quoting rules of its own."""
    config = {
        "write_files": [
            *_files(_settings(instance), "0600"),
            *_files(_scripts(instance), "0700"),
            _packed("/etc/app/collector", {collector.CONFIGURATION: instance.collector}),
        ],
        "runcmd": [
            # an own or a baked AMI may have it already
            ["sh", "-c", "command -v docker || dnf install -y docker"],
            ["modprobe", "nf_conntrack"],
            ["sysctl", "--system"],
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "docker", "app", "app-drain", "app-collector"],
            # the service takes the collector along
            ["systemctl", "start", "docker", "app", "app-drain"],
        ],
    }
    return f"#cloud-config\n{json.dumps(config)}\n"


def _settings(instance: Instance) -> Mapping[str, str]:
    return {
        # published ports by the kernel, not by a process that copies every byte
        "/etc/docker/daemon.json": json.dumps({"userland-proxy": False}),
        "/etc/modules-load.d/app.conf": "nf_conntrack\n",
        "/etc/sysctl.d/90-app.conf": f"net.netfilter.nf_conntrack_max = {TRACKED_CONNECTIONS}\n",
        "/etc/app/environment": _lines(instance.environment, "="),
        "/etc/app/secrets": _lines(instance.secrets, " "),
        "/etc/app/stop": f"STOP_SECONDS={instance.numbers.timeouts.stop.value}\n",
        "/etc/systemd/system/app.service": _part("app.service"),
        "/etc/systemd/system/app-drain.service": _part("app-drain.service"),
        "/etc/app/collector-secrets": _lines(instance.collector_secrets, " "),
        "/etc/systemd/system/app-collector.service": _part("app-collector.service"),
    }


def _scripts(instance: Instance) -> Mapping[str, str]:
    run = f"image={shlex.quote(instance.image)}\nlimits=({shlex.join(_limits(instance))})\n"
    drain = f"drain={instance.numbers.timeouts.deregistration_delay.value}\nhook={HOOK}\n"
    start = f"#!/bin/bash\nexport AWS_DEFAULT_REGION={instance.region}\n"
    return {
        "/usr/local/bin/app-run": start + run + _part("fetch.sh") + _part("app-run.sh"),
        "/usr/local/bin/app-collector": start
        + f"image={instance.collector_image}\nlimits=({shlex.join(_collector_limits(instance))})\n"
        + _part("fetch.sh")
        + _part("app-collector.sh"),
        "/usr/local/bin/app-drain": start + drain + _part("app-drain.sh"),
    }


def _limits(instance: Instance) -> list[str]:
    """The same as a Fargate task has, in docker's words."""
    server = instance.numbers.server
    files = server.open_files.value
    sysctls = [f"--sysctl={name}={value}" for name, value in server.kernel.items()]
    return [
        f"--user={USER}:{USER}",
        "--read-only",
        f"--tmpfs=/tmp:rw,nosuid,nodev,noexec,size={SCRATCH_MIB}m,uid={USER}",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        f"--ulimit=nofile={files}:{files}",
        *sysctls,
        f"--stop-timeout={instance.numbers.timeouts.stop.value}",
        f"--publish={CONTAINER_PORT}:{CONTAINER_PORT}",
        *_log(instance),
    ]


def _collector_limits(instance: Instance) -> list[str]:
    return [
        f"--user={collector.USER}",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        f"--cpus={collector.CPU_UNITS / 1024}",
        f"--memory={COLLECTOR_MIB}m",
        # where the service listens for it, and it for the service
        "--network=container:app",
        *_log(instance),
    ]


def _log(instance: Instance) -> list[str]:
    return [
        "--log-driver=awslogs",
        f"--log-opt=awslogs-region={instance.region}",
        f"--log-opt=awslogs-group={instance.log_group}",
        # a slow log must not slow the service
        "--log-opt=mode=non-blocking",
        "--log-opt=max-buffer-size=8m",
    ]


def _part(name: str) -> str:
    return (PARTS / name).read_text()


def _files(files: Mapping[str, str], mode: str) -> list[dict[str, str]]:
    return [
        {"path": path, "permissions": mode, "content": content} for path, content in files.items()
    ]


def _packed(path: str, variables: Mapping[str, str]) -> dict[str, str]:
    """EC2 takes 16 KiB in all, and a long configuration repeats itself."""
    packed = gzip.compress(_lines(variables, "=").encode(), mtime=0)
    content = base64.b64encode(packed).decode()
    return {"path": path, "permissions": "0600", "encoding": "gz+b64", "content": content}


def _lines(pairs: Mapping[str, str], between: str) -> str:
    return "".join(f"{name}{between}{value}\n" for name, value in pairs.items())
