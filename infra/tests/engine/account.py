"""The simulated account of these tests: as it is, and what is rolled out in it is up at once."""

from stackkit.tools.rehearse.engine.__main__ import main
from tests.engine.rollouts import complete_rollouts

complete_rollouts()
main()
