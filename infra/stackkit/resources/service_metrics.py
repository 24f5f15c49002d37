"""What the collector sends of what the service and Granian count, and by which labels.

CloudWatch takes no percentile of a classic histogram (the exporter of v0.156 sends its count and
sum), so that alarms are ratios of counters. Labels without a bound of their own stay behind.
"""

from dataclasses import dataclass
from typing import Literal

NAMESPACE = "Service"
# the dimension that all have: whose service it is
SERVICE = "Service"
# a group's policy may follow it
IN_FLIGHT = "http_requests_in_flight"
ADMIN_PORT = 9100
GRANIAN_PORT = ADMIN_PORT + 1


@dataclass(frozen=True)
class Emitted:
    name: str
    # what a task's values become that differ in other labels
    across: Literal["sum", "max"] = "sum"
    # labels that become a dimension, beside the value of all
    by: str = ""
    port: int = ADMIN_PORT


EMITTED = (
    Emitted("http_requests_total"),
    Emitted("http_request_duration_seconds"),
    Emitted(IN_FLIGHT),
    Emitted("http_requests_shed_total"),
    Emitted("http_deadlines_exceeded_total"),
    Emitted("database_query_duration_seconds"),
    Emitted("database_acquire_duration_seconds"),
    Emitted("database_acquires_slow_total"),
    Emitted("database_pool_waiters"),
    Emitted("cache_reads_total", by="layer"),
    Emitted("upstream_requests_total", by="outcome"),
    Emitted("upstream_request_duration_seconds"),
    Emitted("breaker_state", "max"),
    Emitted("python_gc_pause_seconds"),
    Emitted("event_loop_lag_seconds", "max"),
    Emitted("process_resident_memory_bytes"),
    Emitted("log_lines_dropped_total"),
    Emitted("granian_workers_respawns_for_err", port=GRANIAN_PORT),
    Emitted("granian_connections_active", port=GRANIAN_PORT),
)
