"""What a load test has to meet, a line that tells how it does, and the exit code."""

import sys
import time

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

_GROUP = "objective"


def listen() -> None:
    events.init_command_line_parser.add_listener(_add_arguments)
    events.test_start.add_listener(_start)
    events.quitting.add_listener(_judge)


def _add_arguments(parser: LocustArgumentParser) -> None:
    group = parser.add_argument_group(_GROUP, "What makes the exit code 1 if it isn't met.")
    group.add_argument("--p99-ms", type=float, default=250.0, help="99 %% are answered within it")
    group.add_argument("--failures-percent", type=float, default=0.1, help="at most")


def _start(environment: Environment, **_: object) -> None:
    options = environment.parsed_options
    if options and options.headless and not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(_tell, environment, time.monotonic())


def _tell(environment: Environment, began: float) -> None:
    """One line that is written over on a terminal; elsewhere a line every 5 s."""
    again, every = ("\r", 1) if sys.stdout.isatty() else ("\n", 5)
    seconds = 0
    while environment.runner and environment.runner.state != "stopped":
        gevent.sleep(1)
        seconds += 1
        if seconds % every == 0:
            line = f"  {time.monotonic() - began:4.0f} s  {_state(environment)}"
            print(f"{line:<99}", end=again, flush=True)


def _state(environment: Environment) -> str:
    total = environment.stats.total
    users = environment.runner.user_count if environment.runner else 0
    p50, p99 = (total.get_current_response_time_percentile(part) or 0 for part in (0.5, 0.99))
    return (
        f"{users:,} users  {total.current_rps:,.0f} requests/s  p50 {p50:,.0f} ms"
        f"  p99 {p99:,.0f} ms  {total.num_failures:,} of {total.num_requests:,} failed"
    )


def _judge(environment: Environment, **_: object) -> None:
    options, total = environment.parsed_options, environment.stats.total
    if not options or not options.headless or isinstance(environment.runner, WorkerRunner):
        return
    p99, failures = total.get_response_time_percentile(0.99), total.fail_ratio * 100
    short = []
    if total.num_requests == 0:
        short.append("nothing was asked")
    if p99 > options.p99_ms:
        short.append(f"p99 is {p99:,.0f} ms, and {options.p99_ms:,.0f} ms were wanted")
    if failures > options.failures_percent:
        short.append(f"{failures:.3g} % failed, and {options.failures_percent:g} % may")
    environment.process_exit_code = 1 if short else 0
    verdict = (
        f"{total.num_requests:,} requests, {total.total_rps:,.0f}/s, p99 {p99:,.0f} ms,"
        f" {total.num_failures:,} failed: {'; '.join(short) or 'within the objective'}."
    )
    events.quit.add_listener(lambda **_: print(f"\n{verdict}", flush=True))  # below the tables
