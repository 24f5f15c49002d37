"""Rehearses a stack with no account: `python -m stackkit.tools.rehearse --stack prod`."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stackkit.plan import plan
from stackkit.plan.capacity import read_measurement
from stackkit.settings import config
from stackkit.settings.errors import ConfigError
from stackkit.settings.stack_file import StackFile, assignments, read_stack
from stackkit.tools.rehearse.account_snapshot import AccountSnapshot
from stackkit.tools.rehearse.document import document
from stackkit.tools.rehearse.engine.rehearsal import play
from stackkit.tools.rehearse.prerequisites import PASSWORD
from stackkit.tools.rehearse.program import rehearse
from stackkit.tools.rehearse.summary import lines
from stackkit.tools.rehearse.validate import applied, validate

# where no stack file says so: in the template itself
PROJECT = "rehearsal"
REGION = "eu-west-1"


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        # a program without stack files: the keys' defaults, and --set
        file = read_stack(Path.cwd(), options.stack if Path("Pulumi.yaml").exists() else "")
        values = _values(file, options.set)
        if options.engine == "pulumi":
            return play(Path.cwd(), options.stack, file, values)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    project, region = file.project or PROJECT, file.region or REGION
    print(f"Rehearsing {project}-{options.stack} in {region}, simulated; nothing leaves here")
    started = time.monotonic()
    run = rehearse(
        Path.cwd(),
        project,
        options.stack,
        region,
        values,
        file.secrets,
        progress=_progress(sys.stderr.isatty()),
    )
    snapshot = AccountSnapshot(run.account)
    results = [*validate(snapshot), applied(run)] if run.resources else []
    print("\n".join(lines(run, snapshot, results, time.monotonic() - started)))
    if run.resources:
        settings = config.read(project, options.stack, values, file.secrets)
        numbers = plan.derive(settings, read_measurement(Path.cwd()))
        page = options.page or Path.cwd() / "build" / f"rehearsal-{options.stack}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(document(run, snapshot, results, numbers))
        print(f"\nThe page for a design review: {page}")
    return 1 if run.failures or any(result.problems for result in results) else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make rehearse", usage=argparse.SUPPRESS)
    parser.add_argument("--stack", default="prod", help="read Pulumi.<stack>.yaml")
    parser.add_argument(
        "--engine", choices=("mocks", "pulumi"), default="mocks", help="pulumi needs its CLI"
    )
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="in its place"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page there")
    return parser.parse_args(arguments)


def _values(file: StackFile, given: list[str]) -> dict[str, str]:
    """As the engine hands them over: text, or JSON for what isn't."""
    values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in file.values.items()}
    # nobody but the engine can decrypt a secret; any other does as well here
    return values | dict.fromkeys(file.secrets, PASSWORD) | assignments(given)


def _progress(terminal: bool) -> Callable[[str, str], None]:
    count = 0

    def progress(kind: str, name: str) -> None:
        nonlocal count
        count += 1
        if terminal:
            print(f"\r\033[K  {count} {kind.rpartition(':')[2]} {name}", end="", file=sys.stderr)
        elif count % 25 == 0:
            print(f"  {count} resources", file=sys.stderr)

    return progress


if __name__ == "__main__":
    sys.exit(main())
