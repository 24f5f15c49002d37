"""The table: what fails, and where that is played."""

from verification.faults import bystanders, hostile, outages, overload, processes, soak
from verification.faults.table import Row

ROWS = [
    Row(1, "none, many keep-alive clients", overload.many_clients),
    Row(2, "arrivals at 2x and 5x capacity", overload.overload),
    Row(3, "PostgreSQL killed -9 and back", outages.postgres_killed),
    Row(4, "PostgreSQL frozen", outages.postgres_frozen),
    Row(5, "all backends terminated", outages.backends_terminated),
    Row(6, "Valkey killed -9 and back", outages.valkey_killed),
    Row(7, "Valkey frozen", outages.valkey_frozen),
    Row(8, "upstream slow, black hole, resets", bystanders.sick_upstream),
    Row(9, "pool exhausted by slow queries", overload.slow_queries),
    Row(10, "rolling restart", processes.rolling_restart),
    Row(11, "SIGTERM with stalled uploads", processes.stalled_uploads),
    Row(12, "a worker killed -9", processes.worker_killed),
    Row(13, "a hot key expires", overload.hot_key_expires),
    Row(14, "cold start", overload.cold_start),
    Row(15, "cache values are random bytes", outages.cache_corrupted),
    Row(16, "slow clients", bystanders.slow_clients),
    Row(17, "hostile input, schemathesis", hostile.hostile_input),
    Row(18, "soak with random faults", soak.soak),
]
