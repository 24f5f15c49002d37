"""Each fault test at a small size. `make faults` runs them at the promised size.

Durations and rates depend on what else the machine does. Here they only have to be finite;
`make faults` prints them beside their promises.
"""

from collections.abc import AsyncIterator

import pytest

from verification.faults.catalogue import FAULTS
from verification.faults.system import System
from verification.faults.table import FaultTest, NotRun, Scale

pytestmark = pytest.mark.extra("injects real faults, for minutes")

_SEED = 1


@pytest.fixture(scope="module")
async def system(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    async with System.starting(tmp_path_factory.mktemp("faults"), _SEED) as system:
        yield system


@pytest.mark.parametrize("fault", FAULTS, ids=lambda test: f"{test.number} {test.fault}")
async def test_fault(fault: FaultTest, system: System) -> None:
    try:
        observation = await fault.run(system, Scale(full=False, seed=_SEED))
    except NotRun as lack:
        pytest.skip(str(lack))
    breached = [
        f"{check.what}: {check.observed}, not {check.promised}"
        for check in observation.checks
        if not check.good and (not check.timed or "∞" in check.observed)
    ]
    assert breached == [], observation.size
