"""Runs the real program; what it registers happens in the simulated account."""

import runpy
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks, set_all_config, settings

from stackkit.policy.applied import violations
from stackkit.settings import config
from stackkit.settings.errors import ConfigError
from stackkit.tools.rehearse.account import ApiError, SimulatedAccount
from stackkit.tools.rehearse.components import COMPONENTS
from stackkit.tools.rehearse.lookups import look_up, whole
from stackkit.tools.rehearse.map_to_api import MappingError
from stackkit.tools.rehearse.monitor import Monitor, TransformingMocks, reference
from stackkit.tools.rehearse.placeholders import missing, not_created, without_not_created
from stackkit.tools.rehearse.prerequisites import add_prerequisites
from stackkit.tools.rehearse.recipe import create
from stackkit.tools.rehearse.resource_creator import ResourceCreator

PROVIDERS = ("aws:", "awsx:", "command:", "docker-build:", "random:")


@dataclass(frozen=True)
class Failure:
    """A resource that AWS wouldn't make, or the program itself."""

    name: str
    type: str
    message: str
    operation: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Rehearsal:
    account: SimulatedAccount
    # names of all that the program registered
    resources: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    # resource → the not_created one that it needs
    skipped_resources: dict[str, str] = field(default_factory=dict)
    # what the stack's keys name and the program doesn't make
    prerequisites: list[str] = field(default_factory=list)
    # what `pulumi up` would refuse
    violations: list[str] = field(default_factory=list)


class RehearsalMocks(TransformingMocks):
    """Answers the program from the account, and keeps errors instead of raising them."""

    def __init__(self, rehearsal: Rehearsal, progress: Callable[[str, str], None]) -> None:
        super().__init__()
        self._run = rehearsal
        self._progress_callback = progress
        # the program registers from several threads; moto isn't made for that
        self._lock = threading.RLock()

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        with self._lock:
            return look_up(self._run.account, args.token, whole(args.args)), []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        with self._lock:
            inputs = whole(args.inputs)
            if not args.typ.startswith(PROVIDERS):
                # a component of the program: its parts follow by themselves
                return args.name, inputs
            if args.typ in COMPONENTS:
                return args.name, COMPONENTS[args.typ](args.name, inputs, self._register_part)
            outputs = self._make(args.typ, args.name, inputs)
            return outputs.pop("id", args.name), {**inputs, **outputs}

    def _register_part(self, kind: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """A part of a component of awsx: overrides reach it too."""
        return reference(kind, self._make(kind, name, self.transformed(kind, name, inputs))["id"])

    def _make(self, kind: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        self._progress_callback(kind, name)
        self._run.resources.append(name)
        usable = without_not_created(inputs)
        if needed := missing(usable):
            self._run.skipped_resources[f"{kind.rpartition(':')[2]} {name}"] = needed
            return not_created(kind, name)
        try:
            return create(ResourceCreator(self._run.account, kind, name, usable))
        except MappingError as error:
            failure = Failure(name, kind, str(error))
        except ApiError as error:
            failure = Failure(name, kind, str(error), error.operation, error.parameters)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            # inputs in a shape that the row doesn't expect must not end the program
            failure = Failure(name, kind, f"the rehearsal can't read it: {error!r}")
        self._run.failures.append(failure)
        return not_created(kind, name)


def rehearse(
    folder: Path,
    project: str,
    stack: str,
    region: str,
    values: Mapping[str, str],
    secrets: Sequence[str] = (),
    progress: Callable[[str, str], None] = lambda kind, name: None,
) -> Rehearsal:
    """Run the program of a stack once; before the next, the process closes the account."""
    run = Rehearsal(SimulatedAccount(region))
    # a config that is refused is the program's to report
    with suppress(ConfigError):
        keys = config.read(project, stack, values, secrets)
        run.prerequisites += add_prerequisites(run.account, keys)
    given = {"aws:region": region, **{f"{project}:{k}": v for k, v in values.items()}}
    set_all_config(given, [f"{project}:{name}" for name in secrets])
    settings.ROOT.set(None)
    stage = RehearsalMocks(run, progress)
    monitor = Monitor(stage)
    mocks.set_mocks(
        stage,
        project=project,
        stack=stack,
        organization="organization",
        preview=False,
        monitor=monitor,
    )
    run.failures += _played(folder)
    run.violations += [
        f"{name}: {message} ({policy})"
        for policy, name, message in violations(monitor.registrations)
    ]
    return run


def _played(folder: Path) -> Iterator[Failure]:
    """Runs the program; what ends it, if anything does."""

    @pulumi.runtime.test
    def program() -> Any:
        runpy.run_path(str(folder / "__main__.py"), run_name="__main__")

    try:
        program()
    except pulumi.RunError as error:
        yield Failure("the program", "refused", str(error))
    except Exception as error:  # the user must read any error of a changed program
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        yield Failure("the program", "raised", message)
