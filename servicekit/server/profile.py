"""Profiles a running service: `python -m servicekit.server.profile --seconds 10`.

Run it on the service's machine, because the admin port listens on loopback only. PROFILE_SECRET and
ADMIN_PORT come from the environment.
"""

import argparse
import os
import sys
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

_TIMEOUT = 120  # seconds: the longest profile takes 60, and a busy worker is late


def main() -> None:
    parser = argparse.ArgumentParser(prog="make profile", usage=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--format", choices=("html", "speedscope"), default="html")
    parser.add_argument("--out", metavar="FILE", type=Path, help="default: standard output")
    options = parser.parse_args()
    secret = os.environ.get("PROFILE_SECRET")
    if not secret:
        sys.exit("PROFILE_SECRET is not set; it has to be the one of the service.")
    request = _sampling(options.seconds, options.format, secret)
    try:
        with urlopen(request, timeout=_TIMEOUT) as response:
            profile = response.read()
    except HTTPError as error:
        sys.exit(f"{error.code}: {error.read().decode(errors='replace').strip()}")
    except (OSError, HTTPException, ValueError, OverflowError) as error:  # also of the port
        sys.exit(f"{request.host} does not answer: {getattr(error, 'reason', error)}")
    if options.out:
        _write(options.out, profile)
    else:
        sys.stdout.buffer.write(profile)


def _write(file: Path, profile: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(profile)
    except OSError as error:
        sys.exit(f"{file} can't be written: {error.strerror}.")


def _sampling(seconds: float, form: str, secret: str) -> Request:
    port = os.environ.get("ADMIN_PORT", "9100")
    url = f"http://127.0.0.1:{port}/profile?seconds={seconds:g}&format={form}"
    return Request(url, method="POST", headers={"Authorization": f"Bearer {secret}"})


if __name__ == "__main__":
    main()
