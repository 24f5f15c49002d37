"""One measurement: wrk with a script of our own, and what it counted."""

import json
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from verification.bench.cases import Case
from verification.bench.testbed import RunningApp

CONNECTIONS = 64
_REQUESTS = 50_000  # composed before the clock runs, then repeated

_SCRIPT = """
local composed = {}
local number = 0

function init(args)
  for line in io.lines(%(requests)s) do
    local path, body = line:match("([^\\t]*)\\t(.*)")
    composed[#composed + 1] =
      wrk.format(%(method)s, path, {%(headers)s}, body ~= "" and body or nil)
  end
end

function request()
  number = number %% #composed + 1
  return composed[number]
end

function done(summary, latency, requests)
  local wrong = summary.errors
  io.write(string.format(
    "counted %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, wrong.status,
    wrong.connect + wrong.read + wrong.write + wrong.timeout, latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class WrkResult:
    rate: float  # responses per second
    cpu: float  # microseconds of the application's CPU time for each response
    p99: float  # milliseconds
    wrong: int  # statuses of 400 and above, failed connections, and timeouts


def check_wrk() -> None:
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed, and nothing else here can measure: apt install wrk.")


def measure(
    running: RunningApp, case: Case, seconds: float, folder: Path, connections: int = CONNECTIONS
) -> WrkResult:
    script = folder / f"{case.name}.lua"
    if not script.exists():
        script.write_text(_script(case, folder))
    # wrk takes whole seconds.
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", str(max(1, round(seconds)))]
    address = f"http://127.0.0.1:{running.port}"
    before = running.cpu()
    outcome = subprocess.run(
        [*command, "-s", str(script), address], capture_output=True, text=True, check=True
    )
    cpu = running.cpu() - before
    counted = re.search(r"^counted (\d+) (\d+) (\d+) (\d+) (\d+)$", outcome.stdout, re.MULTILINE)
    if counted is None:
        raise RuntimeError(f"wrk said: {outcome.stdout}{outcome.stderr}")
    responses, microseconds, refused, failed, p99 = map(int, counted.groups())
    rate = responses / microseconds * 1e6
    return WrkResult(rate, cpu / max(responses, 1) * 1e6, p99 / 1e3, refused + failed)


def _script(case: Case, folder: Path) -> str:
    numbers = random.Random(case.name)  # the same for every server and round
    requests = folder / f"{case.name}.requests"
    with requests.open("w") as lines:
        for _ in range(_REQUESTS):
            number = str(numbers.randint(1, case.ids))
            url, body = case.url.replace("{}", number), case.body.replace("{}", number)
            lines.write(f"{url}\t{body}\n")
    headers = ", ".join(
        f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in case.headers.items()
    )
    return _SCRIPT % {
        "requests": json.dumps(str(requests)),
        "method": json.dumps(case.method),
        "headers": headers,
    }
