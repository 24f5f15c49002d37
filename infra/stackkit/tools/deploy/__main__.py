"""Brings this project into an account: `python -m stackkit.tools.deploy deploy --stack dev`."""

import argparse
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy import account
from stackkit.tools.deploy.bootstrap import bootstrap
from stackkit.tools.deploy.deploy import deploy, roll_back
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.preview import drift, preview
from stackkit.tools.deploy.stack import Stack, find


def main(arguments: list[str] | None = None, folder: Path | None = None) -> int:
    options = _options(arguments)
    try:
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
            return preview(stack)
        case "drift":
            return drift(stack)
        case _:
            return stack.engine.run(*options.arguments)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stackkit.tools.deploy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (
        ("bootstrap", "make what a first deployment needs"),
        ("deploy", "build, migrate, roll out, verify"),
        ("rollback", "roll out the image before"),
        ("preview", "what pulumi would change"),
        ("drift", "what was changed by other hands; fails if anything was"),
        ("pulumi", "any command of pulumi on the stack"),
    ):
        command = commands.add_parser(name, help=summary)
        command.add_argument("--stack", required=True, help="read Pulumi.<stack>.yaml")
        if name in ("deploy", "rollback"):
            command.add_argument("--image", default="", help="a digest of the stack's repository")
        if name == "pulumi":
            command.add_argument("arguments", nargs="+")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
