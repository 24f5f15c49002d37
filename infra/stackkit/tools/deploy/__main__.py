"""Brings this project into an account: `python -m stackkit.tools.deploy deploy --stack dev`."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from stackkit.resources.migration import VARIABLE
from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy import account, session, task
from stackkit.tools.deploy.bootstrap import bootstrap
from stackkit.tools.deploy.deploy import deploy, roll_back
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.poll_policy import COMMAND, MIGRATION
from stackkit.tools.deploy.stack import Stack, find


def main(arguments: list[str] | None = None, folder: Path | None = None) -> int:
    options = _options(arguments)
    try:
        if options.command == "task":
            return _migrate(options.arguments)
        complete = options.command not in ("bootstrap", "pulumi")
        return _run(find(options.stack, folder or Path.cwd(), complete), options) or 0
    except ConfigError as error:
        print(error, file=sys.stderr)
    except DeployError as failure:
        print(failure, *failure.evidence, sep="\n", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        told = account.EXPIRED if account.expired(str(error)) else f"AWS refused: {error}"
        print(told, file=sys.stderr)
    return 1


def _run(stack: Stack, options: argparse.Namespace) -> int | None:
    match options.command:
        case "bootstrap":
            return bootstrap(stack)
        case "deploy":
            return deploy(stack, options.image)
        case "rollback":
            return roll_back(stack, options.image)
        case "preview":
            return stack.engine.preview()
        case "drift":
            return stack.engine.drift()
        case "run":
            place = stack.deployed().task
            return task.run(stack.account, place, shlex.split(options.words), COMMAND)
        case "shell":
            return session.shell(stack)
        case "psql":
            return session.psql(stack)
        case _:
            return stack.engine.run(*options.arguments)


def _migrate(command: list[str]) -> int:
    """A task of the program's own, before the stack has outputs that `run` could read."""
    place = json.loads(os.environ[VARIABLE])
    code = task.run(account.sign_in(os.environ["AWS_REGION"]), place, command, MIGRATION)
    if code:
        raise DeployError(f"`{' '.join(command)}` exited with {code}; the service is as it was.")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make", usage=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (
        ("bootstrap", "make what a first deployment needs"),
        ("deploy", "pulumi up, and a look at what runs"),
        ("rollback", "roll out the image before"),
        ("preview", "what pulumi would change"),
        ("drift", "what was changed by other hands; fails if anything was"),
        ("run", "one command with the service's image, roles and network"),
        ("shell", "a shell in a running container of the service"),
        ("psql", "psql on the stack's database"),
        ("pulumi", "any command of pulumi on the stack"),
    ):
        command = commands.add_parser(
            name, prog=f"make {name}", usage=argparse.SUPPRESS, help=summary
        )
        command.add_argument("--stack", required=True, help="read Pulumi.<stack>.yaml")
        if name in ("deploy", "rollback"):
            command.add_argument("--image", default="", help="a digest of the stack's repository")
        if name == "run":
            command.add_argument("words", metavar="COMMAND", help="as a shell would split it")
        if name == "pulumi":
            command.add_argument("arguments", nargs="+")
    migrate = commands.add_parser("task", help="what the program migrates with")
    migrate.add_argument("arguments", nargs="+")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
