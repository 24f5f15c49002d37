"""Plays a stack's life on the real engine: up, up again, destroy."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from stackkit.settings import config
from stackkit.settings.errors import ConfigError
from stackkit.settings.stack_file import StackFile
from stackkit.tools.deploy.engine import POLICIES
from stackkit.tools.rehearse.account import SimulatedAccount
from stackkit.tools.rehearse.engine.gaps import correct_moto
from stackkit.tools.rehearse.engine.provider import Provider, serving
from stackkit.tools.rehearse.engine.stack import Change, CommandFailed, EngineStack
from stackkit.tools.rehearse.prerequisites import add_prerequisites

_UNWANTED = shutil.ignore_patterns("venv", "build", "__pycache__", ".*_cache", "tests")


def play(infra: Path, name: str, file: StackFile, values: Mapping[str, str]) -> int:
    """Print each step's changes; 1 if a step fails, or if a second `up` changes anything."""
    cli = shutil.which("pulumi")
    if cli is None:
        raise ConfigError(
            "ENGINE=pulumi needs the Pulumi CLI: https://www.pulumi.com/docs/install/ says how."
        )
    account = SimulatedAccount(file.region)
    correct_moto()
    list(add_prerequisites(account, config.read(file.project, name, values, file.secrets)))
    with TemporaryDirectory() as folder, serving(Provider(account)) as providers:
        stack = EngineStack(
            cli=Path(cli),
            project=_copy(infra, Path(folder, "project")),
            name=name,
            providers=providers,
            home=Path(folder),
            backend=f"file://{folder}",
        )
        _write_stack_file(stack, file, values)
        try:
            return _life(stack)
        except CommandFailed as failed:
            print(failed)
            return 1


def _life(stack: EngineStack) -> int:
    print(stack.run("version").strip(), "on a simulated account; nothing leaves this machine")
    _show("up", stack.up(*POLICIES))
    repeated = stack.up()
    _show("up again", repeated)
    try:
        stack.run("destroy", "--preview-only", "--stack", stack.name)
    except CommandFailed as refused:
        if "it is protected" not in str(refused):
            raise
        print("destroy: refused, because the stack's resources are protected")
    else:
        _show("destroy", stack.destroy())
    return 1 if repeated else 0


def _show(step: str, changes: list[Change]) -> None:
    print(f"{step}: {len(changes) or 'no'} changes")
    for change in changes:
        print(f"  {change}")


def _copy(infra: Path, folder: Path) -> Path:
    """The program in a folder of its own, because the CLI writes to a stack's file."""
    folder.mkdir()
    for entry in infra.parent.iterdir():
        if entry != infra:
            (folder / entry.name).symlink_to(entry)
    shutil.copytree(infra, folder / infra.name, ignore=_UNWANTED)
    return folder / infra.name


def _write_stack_file(stack: EngineStack, file: StackFile, values: Mapping[str, str]) -> None:
    """The stack's keys; its secrets, sealed with a key that is not here, get other values."""
    path = stack.project / f"Pulumi.{stack.name}.yaml"
    keys = yaml.safe_load(path.read_text())["config"]
    for key, value in values.items():
        keys[f"{file.project}:{key}"] = json.loads(value) if value.startswith("[") else value
    for key in file.secrets:
        del keys[f"{file.project}:{key}"]
    path.write_text(yaml.safe_dump({"config": keys}))
    stack.init()
    for key in file.secrets:
        stack.run("config", "set", "--stack", stack.name, "--secret", key, values[key])
