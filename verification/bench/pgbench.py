"""The bound: PostgreSQL's own client with the same statement, and no service in between."""

import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from servicekit.dev.servers import postgres_programs
from verification.bench.cases import Case
from verification.bench.testbed import WORKERS

_CONNECTIONS = 10 * WORKERS  # as many as the pools of the applications have


def measure_bound(case: Case, database_url: str, seconds: int, folder: Path) -> float:
    """Statements per second, prepared, of pgbench's connections."""
    script = folder / f"{case.name}.sql"
    script.write_text(f"\\set id random(1, {case.ids})\n{case.sql}\n")
    url = urlsplit(database_url)
    command = [
        str(postgres_programs() / "pgbench"), "-h", str(url.hostname), "-p", str(url.port),
        "-U", str(url.username), "-n", "-M", "prepared", "-c", str(_CONNECTIONS), "-j", "2",
        "-T", str(seconds), "-f", str(script), url.path.lstrip("/"),
    ]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pgbench said: {said}")
    return float(found[1])
