from dataclasses import dataclass

from stackkit.plan.derived_value import DerivedValue
from stackkit.settings.errors import ConfigError

SHORTEST_REQUEST = 4
# seconds until the ALB has noticed a deregistration and stopped sending
DRAIN_MARGIN = 10
STEP = 10
# a load balancer that asks /ready every second or two has seen the 503 by then
SEEN = 5
ALB_IDLE = 50
GRANIAN_KEEP_ALIVE = 59
# the ALB answers 504 to a request that is silent for its idle timeout
LONGEST_REQUEST = ALB_IDLE - 5


@dataclass(frozen=True)
class Timeouts:
    """Seconds; each rung ends before the next one, so the innermost cause is what's reported."""

    database_acquire: DerivedValue
    database_command: DerivedValue
    upstream: DerivedValue
    request: DerivedValue
    deregistration_delay: DerivedValue
    drain: DerivedValue
    workers_kill: DerivedValue
    stop: DerivedValue
    alb_idle: DerivedValue
    keep_alive: DerivedValue
    statement: DerivedValue
    idle_in_transaction: DerivedValue
    connection_lifetime: DerivedValue


def timeouts(request: int) -> Timeouts:
    if not SHORTEST_REQUEST <= request <= LONGEST_REQUEST:
        raise ConfigError(
            f"request_timeout_s: {request} leaves no room for the ladder of timeouts; use"
            f" {SHORTEST_REQUEST} to {LONGEST_REQUEST}, because the timeouts inside a request are"
            f" shorter and the load balancer gives up after {ALB_IDLE} s of silence."
        )
    drain = request + DRAIN_MARGIN
    kill = drain + STEP
    command = max(1, request * 3 // 10)
    return Timeouts(
        database_acquire=DerivedValue(max(1, request // 10), "s", "a full pool answers 503 early"),
        database_command=DerivedValue(command, "s", "30 % of the request's deadline"),
        upstream=DerivedValue(
            max(command + 1, request * 6 // 10), "s", "60 % of the deadline; the rest is ours"
        ),
        request=DerivedValue(request, "s", "request_timeout_s"),
        deregistration_delay=DerivedValue(
            drain, "s", f"the slowest request + {DRAIN_MARGIN} s until the ALB stops sending"
        ),
        drain=DerivedValue(
            SEEN, "s", "after SIGTERM, in which /ready says 503 and all else is served"
        ),
        workers_kill=DerivedValue(
            kill, "s", "after SIGTERM, the drain included; the load balancer has let go before"
        ),
        stop=DerivedValue(kill + STEP, "s", "after Granian has given up; Fargate allows 120 s"),
        alb_idle=DerivedValue(
            ALB_IDLE, "s", "below Granian's keep-alive: the ALB closes first, no 502"
        ),
        keep_alive=DerivedValue(
            GRANIAN_KEEP_ALIVE, "s", "above the ALB's; a silent client is gone within a minute"
        ),
        statement=DerivedValue(
            request, "s", "PostgreSQL's own limit, should a client fail to cancel a statement"
        ),
        idle_in_transaction=DerivedValue(
            request + STEP, "s", "no request that could still commit is left by then"
        ),
        connection_lifetime=DerivedValue(
            300, "s", "after a failover every connection is a new one within this time"
        ),
    )
