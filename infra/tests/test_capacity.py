"""When a measurement is warned of, because it may not hold for the stack."""

from datetime import date
from typing import Any

import pytest

from stackkit.plan.capacity import Measurement, measurement_warnings

TODAY = date(2026, 11, 26)
MACHINE = {"architecture": "aarch64", "processors": 4}
VERSIONS = {"granian": "2.8.7", "litestar": "2.25.0"}


def doubted(**values: Any) -> list[str]:
    installed = values.pop("installed", VERSIONS)
    found: dict[str, Any] = {
        "measured_at": "2026-11-20T08:00:00",
        "machine": MACHINE,
        "versions": VERSIONS,
    }
    sustained: dict[str, Any] = {"requests_per_second": 2000, "in_flight": 3000, "vcpu_units": 1024}
    measured = Measurement(**{**sustained, **found, **values})
    return list(measurement_warnings(measured, "arm64", installed, TODAY))


def test_a_fresh_measurement_of_the_same_machine_and_versions_is_trusted() -> None:
    assert doubted() == []
    assert list(measurement_warnings(None, "arm64", VERSIONS, TODAY)) == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"measured_at": "2026-01-31"},
            "capacity.json: it was measured 299 days ago, on 2026-01-31; run `make capacity`"
            " again.",
        ),
        (
            {"machine": {"architecture": "x86_64"}},
            "capacity.json: it was measured on x86_64 and the stack runs on arm64; measure there,"
            " or set task_requests_per_second and task_in_flight.",
        ),
        (
            {"installed": {"granian": "2.9.0", "litestar": "2.25.0"}},
            "capacity.json: it was measured with granian 2.8.7 (now 2.9.0); run `make capacity`"
            " again.",
        ),
        (
            {"noise": ["requests/s: the searches differ by 40%"]},
            "capacity.json: the machine was noisy (requests/s: the searches differ by 40%); run"
            " `make capacity` again.",
        ),
        (
            {"versions": {}},
            "capacity.json: it doesn't say which machine and versions were measured; run"
            " `make capacity` again.",
        ),
    ],
)
def test_a_doubtful_measurement_is_named_in_one_sentence(
    values: dict[str, Any], sentence: str
) -> None:
    assert doubted(**values) == [sentence]
