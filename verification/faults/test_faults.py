"""The table's rows at a small size. `make faults` runs them as they are promised.

A check with a bound in seconds belongs to `make faults`, which prints it beside the promise: here
only counts, statuses and orders decide.
"""

from collections.abc import AsyncIterator

import pytest

from verification.faults.rows import ROWS
from verification.faults.system import System
from verification.faults.table import NotRun, Row, Scale

pytestmark = pytest.mark.extra("injects faults into a whole service")

_SEED = 1
_PARAMETERS = [pytest.param(row, id=f"{row.number} {row.fault}") for row in ROWS]


@pytest.fixture(scope="module")
async def system(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    async with System.starting(tmp_path_factory.mktemp("faults"), _SEED) as system:
        yield system


@pytest.mark.parametrize("row", _PARAMETERS)
async def test_fault(row: Row, system: System) -> None:
    try:
        sight = await row.run(system, Scale(full=False, seed=_SEED))
    except NotRun as lack:
        pytest.skip(str(lack))
    breached = [check for check in sight.checks if not check.good and not check.timed]
    assert [f"{one.what}: {one.observed}, not {one.bound}" for one in breached] == []
