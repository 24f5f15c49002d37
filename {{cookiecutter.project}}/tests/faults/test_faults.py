"""The table's rows at a small size; `make faults` runs them as they are promised."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.faults.rows import ROWS
from tests.faults.system import System
from tests.faults.table import NotRun, Row, Scale

pytestmark = pytest.mark.faults

_SEED = 1
# What two cores that the load shares may fall short of, twice in turn: the rate of a worker on its
# CPU within 6 s changes with the machine's by a tenth; resets of the upstream cost others' p99 more
# on a slow machine.
_MAY_FALL_SHORT = {2: "^CPU, .*: goodput", 8: "other routes: p99"}
_PLAYS = 3  # a latency that this machine's other processes may have cost is looked at again
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
        try:
            sight = await row.run(system, Scale(full=False, seed=_SEED))
        except NotRun as lack:
            pytest.skip(str(lack))
        breached = [check for check in sight.checks if not check.good]
        if not breached:
            return
        told = "; ".join(f"{one.what}: {one.observed}, not {one.bound}" for one in breached)
        timed = all(check.timed for check in breached)
        allowed = _MAY_FALL_SHORT.get(row.number)
        if play > 1 and timed and allowed and all(re.search(allowed, one.what) for one in breached):
            pytest.xfail(told)
        if play == _PLAYS or not timed:
            if timed and sight.busy:
                pytest.skip("this machine is too busy: the load itself was late")
            pytest.fail(f"{sight.size}: {told}")
