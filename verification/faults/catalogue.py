"""The fault tests, in the order of the table."""

from verification.faults import input_handling, isolation, outages, overload, processes, soak
from verification.faults.table import FaultTest

FAULTS = [
    FaultTest(1, "none, many keep-alive clients", overload.many_clients),
    FaultTest(2, "arrivals at 2x and 5x capacity", overload.overload),
    FaultTest(3, "PostgreSQL killed -9 and back", outages.postgres_killed),
    FaultTest(4, "PostgreSQL frozen", outages.postgres_frozen),
    FaultTest(5, "all backends terminated", outages.backends_terminated),
    FaultTest(6, "Valkey killed -9 and back", outages.valkey_killed),
    FaultTest(7, "Valkey frozen", outages.valkey_frozen),
    FaultTest(8, "upstream slow, black hole, resets", isolation.sick_upstream),
    FaultTest(9, "pool exhausted by slow queries", overload.slow_queries),
    FaultTest(10, "rolling restart", processes.rolling_restart),
    FaultTest(11, "SIGTERM with stalled uploads", processes.stalled_uploads),
    FaultTest(12, "a worker killed -9", processes.worker_killed),
    FaultTest(13, "a hot key expires", overload.hot_key_expires),
    FaultTest(14, "cold start", overload.cold_start),
    FaultTest(15, "cache values are random bytes", outages.cache_corrupted),
    FaultTest(16, "slow clients", isolation.slow_clients),
    FaultTest(17, "hostile input, schemathesis", input_handling.hostile_input),
    FaultTest(18, "soak with random faults", soak.soak),
]
