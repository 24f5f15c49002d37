"""Which service a load test may be sent to: on this machine, or listed in targets.txt."""

import os
import sys
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

LIST = Path(__file__).with_name("targets.txt")


class TargetRejected(Exception):
    """One sentence."""


def check(host: str) -> str:
    """The address of `host`, if it is this machine's or a line of targets.txt."""
    lines = [line.partition("#")[0].strip() for line in LIST.read_text().splitlines()]
    address = _address(host)
    if not _is_local(address) and address not in [_address(line) for line in lines if line]:
        raise TargetRejected(f"{address} is not in load/targets.txt: add it if it may be loaded.")
    return address


def confirm(address: str, load: str) -> None:
    """Asks the person at the terminal to type the host's name; YES=1 answers without one."""
    if _is_local(address) or os.environ.get("YES") == "1":
        return
    name = urlsplit(address).hostname
    if not sys.stdin.isatty():
        raise TargetRejected(f"{name} is not on this machine: say YES=1 to send it {load}.")
    print(f"This sends {load} to {address}.")
    if input(f"Type {name} to go on: ").strip() != name:
        raise TargetRejected("Not confirmed; nothing was sent.")


def _is_local(address: str) -> bool:
    name = urlsplit(address).hostname or ""
    with suppress(ValueError):  # a name
        return name == "localhost" or ip_address(name).is_loopback
    return False


def _address(host: str) -> str:
    """Scheme, name and port in one spelling."""
    with suppress(ValueError):  # a port that is no number
        parts = urlsplit(host.strip())
        port, usual = parts.port, {"http": 80, "https": 443}.get(parts.scheme)
        if (
            usual
            and parts.hostname
            and not (parts.path.strip("/") or parts.query or parts.username)
        ):
            name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return f"{parts.scheme}://{name}" + (f":{port}" if port and port != usual else "")
    raise TargetRejected(f"{host} is not scheme, name and port, like https://api.example.com.")
