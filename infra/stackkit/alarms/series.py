"""A metric of several resources is as many series."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from stackkit.alarms.spec import Metric
from stackkit.resources.monitored import MonitoredResource

T = TypeVar("T")
RESULT = "result"


def named(
    metric: Metric, names: Mapping[MonitoredResource, Sequence[T]]
) -> list[dict[str, T | str]]:
    """The metric's dimensions, once for each resource that has it."""
    columns = {dimension: names[part] for dimension, part in metric.of.items()}
    count = max(len(found) for found in columns.values())
    return [
        {name: found[index % len(found)] for name, found in columns.items()} | dict(metric.fixed)
        for index in range(count)
    ]


def numbered(kind: str, found: Sequence[T]) -> Iterator[tuple[str, T]]:
    if len(found) == 1:
        yield kind, found[0]
        return
    yield from ((f"{kind}{number}", each) for number, each in enumerate(found, start=1))


def combined(across: str, series: Mapping[str, Sequence[object]]) -> str:
    """The one metric of all resources."""
    [(kind, found)] = series.items()
    return f"{across}([{', '.join(id for id, _ in numbered(kind, found))}])"


def expressions(
    expression: str, across: str, series: Mapping[str, Sequence[object]]
) -> Iterator[tuple[str, str]]:
    """Ids and expressions, the result last: of each resource by itself, then of all of them."""
    count = max(len(found) for found in series.values())
    if not expression:
        yield RESULT, combined(across, series)
    elif count == 1:
        yield RESULT, expression
    else:
        ids = "|".join(series)
        for number in range(1, count + 1):
            own = re.sub(rf"\b({ids})\b", rf"\g<1>{number}", expression)
            yield f"{RESULT}{number}", own
        parts = ", ".join(f"{RESULT}{number}" for number in range(1, count + 1))
        yield RESULT, f"{across}([{parts}])"
