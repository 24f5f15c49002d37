"""Profiles a running service: `python -m servicekit.server.profile --seconds 10`.

Run it on the service's machine, because the admin port listens on loopback only. PROFILE_SECRET and
ADMIN_PORT come from the environment.
"""

import argparse
import os
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from servicekit.telemetry.messages import MAX_PROFILE_SECONDS

_RESPONSE_TIMEOUT = 60  # seconds, beyond those of the sampling


def main() -> None:
    parser = argparse.ArgumentParser(prog="profile", usage=argparse.SUPPRESS)
    parser.add_argument(
        "--seconds", type=_seconds, default=5, help=f"at most {MAX_PROFILE_SECONDS:.0f}"
    )
    parser.add_argument("--format", choices=("html", "speedscope"), default="html")
    parser.add_argument("--out", metavar="FILE", type=Path, help="default: standard output")
    options = parser.parse_args()
    secret = os.environ.get("PROFILE_SECRET")
    if not secret:
        sys.exit("PROFILE_SECRET is not set; it has to be the one of the service.")
    request = _sampling(options.seconds, options.format, secret)
    try:
        with urlopen(request, timeout=options.seconds + _RESPONSE_TIMEOUT) as response:
            profile = response.read()
    except HTTPError as error:
        sys.exit(f"{error.code}: {error.read().decode(errors='replace').strip()}")
    except (URLError, TimeoutError) as error:
        sys.exit(f"{request.host} does not answer: {getattr(error, 'reason', error)}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_bytes(profile)
    else:
        sys.stdout.buffer.write(profile)


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= MAX_PROFILE_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{given} is not a number above 0 and at most {MAX_PROFILE_SECONDS:.0f}"
        )
    return seconds


def _sampling(seconds: float, form: str, secret: str) -> Request:
    port = os.environ.get("ADMIN_PORT", "9100")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        sys.exit(f"ADMIN_PORT {port} is not a port from 1 to 65535.")
    url = f"http://127.0.0.1:{port}/profile?seconds={seconds:g}&format={form}"
    return Request(url, method="POST", headers={"Authorization": f"Bearer {secret}"})


if __name__ == "__main__":
    main()
