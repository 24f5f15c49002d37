"""The table's rows at a small size; `make faults` runs them as they are promised."""

from collections.abc import AsyncIterator

import pytest

from verification.faults.rows import ROWS
from verification.faults.system import System
from verification.faults.table import NotRun, Row, Scale

pytestmark = pytest.mark.faults

_SEED = 1
_PLAYS = 3  # a latency that this machine's other processes may have cost is looked at again
# What they compare differs by a tenth by chance within seconds; the last time they are looked at
# for as long as `make faults` does.
_LAST_IN_FULL = (2, 8)
_PARAMETERS = [pytest.param(row, id=f"{row.number} {row.fault}") for row in ROWS]


@pytest.fixture(scope="module")
async def system(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    async with System.starting(tmp_path_factory.mktemp("faults"), _SEED) as system:
        yield system


@pytest.mark.parametrize("row", _PARAMETERS)
async def test_fault(row: Row, system: System) -> None:
    for play in range(1, _PLAYS + 1):
        last = play == _PLAYS
        scale = Scale(full=last and row.number in _LAST_IN_FULL, seed=_SEED)
        try:
            sight = await row.run(system, scale)
        except NotRun as lack:
            pytest.skip(str(lack))
        breached = [check for check in sight.checks if not check.good]
        if not breached:
            return
        timed = all(check.timed for check in breached)
        if last or not timed:
            if timed and sight.busy:
                pytest.skip("this machine is too busy: the load itself was late")
            told = "; ".join(f"{one.what}: {one.observed}, not {one.bound}" for one in breached)
            pytest.fail(f"{sight.size}: {told}")
