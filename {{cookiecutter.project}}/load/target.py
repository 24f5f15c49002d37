"""Which service a load test may be sent to."""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPException
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

LIST = Path(__file__).with_name("targets.txt")


class Refused(Exception):
    """Carries one sentence."""


def check(host: str, listed: Iterable[str]) -> str:
    """The address of `host`, if it is this machine's or one of those that are listed."""
    address = _address(host)
    if is_local(address):
        return address
    if address not in (_address(line) for line in listed):
        raise Refused(
            f"{address} is not in load/targets.txt: add it there if the service is yours and"
            " may be loaded."
        )
    return address


def listed(file: Path = LIST) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line]


def is_local(address: str) -> bool:
    name = urlsplit(address).hostname or ""
    if name == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(name).is_loopback
    return False


def confirm(address: str, load: str) -> None:
    """Asks the person at the terminal; YES=1 is the answer where there is none."""
    if is_local(address) or os.environ.get("YES") == "1":
        return
    name = urlsplit(address).hostname
    if not sys.stdin.isatty():
        raise Refused(f"{name} is not on this machine: say YES=1 to send it {load}.")
    print(f"This sends {load} to {address}.")
    if input(f"Type {name} to go on: ").strip() != name:
        raise Refused("Not confirmed; nothing was sent.")


def is_ours(address: str) -> bool:
    """Whether a service like this one answers there."""
    with suppress(OSError, ValueError), urlopen(f"{address}/ready", timeout=2) as response:
        return json.load(response).get("status") == "ready"
    return False


def check_answers(address: str) -> None:
    try:
        with urlopen(f"{address}/health", timeout=10):
            return
    except (OSError, HTTPException) as error:
        why = getattr(error, "reason", None) or error
        raise Refused(f"{address}/health doesn't answer as a service does: {why}.") from None


def _address(host: str) -> str:
    """Scheme, name and port in one spelling."""
    try:
        parts = urlsplit(host.strip())
        port = parts.port
    except ValueError:
        raise Refused(f"{host} is no address: its port is not a number.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(f"{host} is no address: write it like https://api.example.com.")
    if parts.path.strip("/") or parts.query or parts.username:
        raise Refused(f"{host} has more than scheme, name and port.")
    usual = {"http": 80, "https": 443}[parts.scheme]
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{name}" + (f":{port}" if port and port != usual else "")
