"""A stack read without the engine: its plan, warnings, bottlenecks and prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from stackkit.plan import plan
from stackkit.plan.bottlenecks import Bottleneck, bottlenecks
from stackkit.plan.capacity import (
    Measurement,
    installed_versions,
    measurement_warnings,
    read_measurement,
)
from stackkit.settings import config
from stackkit.settings.stack_file import read_stack
from stackkit.tools.report.prices import Prices, read_prices


@dataclass(frozen=True, kw_only=True)
class StackReport:
    numbers: plan.Plan
    region: str
    measured: Measurement | None
    warnings: tuple[str, ...]
    bottlenecks: tuple[Bottleneck, ...]
    prices: Prices


def analyse(
    folder: Path, stack: str, given: Mapping[str, object], prices_file: str | None = None
) -> StackReport:
    """Read a stack of `folder`, the keys `given` in place of its own; raises ConfigError."""
    file = read_stack(folder, stack)
    values = {**file.values, **given}
    settings = config.read(file.project or "plan", stack or "plan", values, file.secrets)
    measured = read_measurement(folder)
    numbers = plan.derive(settings, measured)
    installed = installed_versions(folder.parent)
    return StackReport(
        numbers=numbers,
        region=file.region,
        measured=measured,
        warnings=tuple(
            measurement_warnings(measured, settings.architecture, installed, date.today())
        ),
        bottlenecks=bottlenecks(numbers),
        prices=read_prices(file.region, prices_file),
    )
