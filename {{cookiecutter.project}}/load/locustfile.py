"""Locust's users of the API, and the objective that decides Locust's exit code."""

import itertools
import random
import secrets

import gevent
from locust import FastHttpUser, between, events, stats, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

from load.generator import RequestSpec
from load.workload import new_items, workload

_MAX_ITEMS = 200  # that all users read and change
_MAX_FAILURES = 0.1  # percent
_DELETES = 200  # users per second that clean up: all at once would be a test of its own
_items: list[str] = []  # paths
_users: set["ApiUser"] = set()
_numbers = itertools.count()
_specs = workload(_items, secrets.token_hex(4))
stats.CONSOLE_STATS_INTERVAL_SEC = 10


class ApiUser(FastHttpUser):
    wait_time = between(0.1, 0.3)

    def on_start(self) -> None:
        _users.add(self)
        self._created: list[str] = []
        if len(_items) < _MAX_ITEMS:
            self._send(new_items())
            _items.extend(self._created)
            self._created.clear()

    def on_stop(self) -> None:
        """Deletes the items that it has created; the last user deletes the shared ones."""
        gevent.sleep(random.uniform(0, len(_users) / _DELETES))
        _users.remove(self)
        unused = [] if _users else _items
        for path in (*self._created, *unused):
            self._send(RequestSpec("DELETE item", [path], "DELETE", expected=(204, 404)))

    @task
    def send(self) -> None:
        if _items:
            self._send(random.choices(_specs, [spec.share for spec in _specs])[0])

    def _send(self, spec: RequestSpec) -> None:
        """Counts each other response than the expected ones as a failure."""
        number = str(next(_numbers))
        path = random.choice(spec.paths).replace("{n}", number)
        headers = {name: value.replace("{n}", number) for name, value in spec.headers.items()}
        body = spec.body.replace("{n}", number) or None
        headers |= {"Content-Type": "application/json"} if body else {}
        with self.client.request(
            spec.method, path, spec.name, data=body, headers=headers, catch_response=True
        ) as response:
            if response.status_code in spec.expected:
                response.success()
                if spec.method == "POST":
                    self._created.append(str((response.headers or {}).get("Location")))
            else:
                response.failure(f"{response.status_code or 'no response'}, not {spec.expected}")


@events.init_command_line_parser.add_listener
def _add_objective(parser: LocustArgumentParser) -> None:
    parser.add_argument("--p99-ms", type=float, default=250.0)


@events.quitting.add_listener
def _judge(environment: Environment, **_: object) -> None:
    options, total = environment.parsed_options, environment.stats.total
    if not options or not options.headless or isinstance(environment.runner, WorkerRunner):
        return
    p99, failed = total.get_response_time_percentile(0.99), total.fail_ratio * 100
    met = total.num_requests and p99 <= options.p99_ms and failed <= _MAX_FAILURES
    environment.process_exit_code = 0 if met else 1
    print(
        f"\n{total.num_requests:,} requests, {total.total_rps:,.0f}/s, p99 {p99:,.0f} ms of"
        f" {options.p99_ms:,.0f} ms, {failed:.3g} % of {_MAX_FAILURES} % failed:"
        f" {'within' if met else 'outside'} the objective.",
        flush=True,
    )
