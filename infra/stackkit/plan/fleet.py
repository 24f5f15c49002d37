from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from stackkit.plan.capacity import TaskCapacity
from stackkit.plan.derived_value import DerivedValue
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError


@dataclass(frozen=True)
class FleetSize:
    peak_rate: DerivedValue
    busy_at_peak: DerivedValue
    minimum: DerivedValue
    maximum: DerivedValue


def rate(in_flight: int, latency_ms: int) -> Fraction:
    """Requests/s that keep `in_flight` requests open: Little's law, L = λW (Little, 1961)."""
    return Fraction(in_flight * 1000, latency_ms)


def mean_in_flight(config: Config) -> int:
    """Of a day that swings evenly between the quietest time and the peak."""
    return (config.base_load + config.peak_in_flight) // 2


def busy_tasks(in_flight: int, config: Config, capacity: TaskCapacity) -> Fraction:
    """Tasks that a load fills to the brim: by its rate or its open requests, the larger."""
    by_rate = rate(in_flight, config.latency_ms) / capacity.requests_per_second
    return max(by_rate, Fraction(in_flight, capacity.in_flight))


def spread_tasks(busy: Fraction, config: Config) -> int:
    """Tasks that carry `busy` tasks' worth of load at the target utilisation.

    If a zone may fail, the tasks of the others carry it all before a replacement starts
    (static stability: AWS Builders' Library, "Static stability using Availability Zones").
    """
    with_headroom = busy * 100 / config.utilisation_percent
    if not config.production:
        return max(1, ceil(with_headroom))
    per_zone = max(with_headroom / config.zones, busy / (config.zones - 1))
    return max(1, ceil(per_zone)) * config.zones


def size(config: Config, capacity: TaskCapacity) -> FleetSize:
    peak_rate = rate(config.peak_in_flight, config.latency_ms)
    busy = busy_tasks(config.peak_in_flight, config, capacity)
    base_busy = busy_tasks(config.base_load, config, capacity)
    base = "base_in_flight" if config.base_in_flight else "a tenth of the peak"
    minimum = _bound("fleet_min", config.fleet_min, spread_tasks(base_busy, config))
    maximum = _bound("fleet_max", config.fleet_max, spread_tasks(busy, config))
    if minimum > maximum:
        key = "fleet_min" if config.fleet_min else "base_in_flight"
        raise ConfigError(
            f"{key}: a minimum of {minimum} tasks is above the maximum of {maximum}; lower {key},"
            " or raise peak_in_flight or fleet_max."
        )
    return FleetSize(
        peak_rate=DerivedValue(
            ceil(peak_rate),
            "requests/s",
            f"Little's law: {config.peak_in_flight:,} in flight / {config.latency_ms} ms",
        ),
        busy_at_peak=DerivedValue(
            ceil(busy),
            "tasks",
            f"the larger of {ceil(peak_rate):,}/s over {capacity.requests_per_second:,}/s and"
            f" {config.peak_in_flight:,} over {capacity.in_flight:,} in flight",
        ),
        minimum=DerivedValue(minimum, "tasks", _why(base_busy, config, base)),
        maximum=DerivedValue(maximum, "tasks", _why(busy, config, "the peak")),
    )


def _bound(key: str, given: int, derived: int) -> int:
    if given and given < derived:
        raise ConfigError(
            f"{key}: {given} is below the {derived} tasks that the workload needs; set it to 0 to"
            " take the derived number, lower the workload, or give a task more capacity."
        )
    return given or derived


def _why(busy: Fraction, config: Config, load: str) -> str:
    spare = f"{load} fills {float(busy):.1f}; at {config.utilisation_percent} % of each"
    if not config.production:
        return spare
    return f"{spare}, in {config.zones} equal zones of which one may fail"
