import asyncio
import logging

import pytest

from servicekit.resilience.circuit_breaker import CircuitBreaker
from servicekit.resilience.retry_budget import RetryBudget
from servicekit.testing.waiting import until
from servicekit.tests.clock import ManualClock


def test_breaker_opens_after_its_failures_in_a_row() -> None:
    breaker = CircuitBreaker("d", failures=3, pause=60)
    for _ in range(2):
        breaker.record_failure()
    breaker.record_success()
    for _ in range(2):
        breaker.record_failure()
    assert breaker.allows_call()

    breaker.record_failure()
    assert not breaker.allows_call()
    assert breaker.times_opened == 1


def test_open_breaker_allows_one_call_after_each_pause() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker("d", pause=0.5, clock=clock)
    breaker.record_failure()
    clock.advance(0.49)
    assert not breaker.allows_call()
    clock.advance(0.02)
    assert [breaker.allows_call() for _ in range(3)] == [True, False, False]
    breaker.record_failure()
    assert not breaker.allows_call()

    clock.advance(0.51)
    assert breaker.allows_call()
    breaker.record_success()
    assert [breaker.allows_call() for _ in range(3)] == [True, True, True]


def test_half_open_breaker_allows_another_call_if_the_first_reports_nothing() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker("d", pause=0.5, clock=clock)
    breaker.record_failure()
    for _ in range(3):
        clock.advance(0.51)
        assert [breaker.allows_call() for _ in range(2)] == [True, False]


def test_each_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    breaker = CircuitBreaker("d", pause=0.0)
    for _ in range(10):
        breaker.record_failure()
        breaker.allows_call()
    breaker.record_success()

    assert caplog.messages == ["circuit breaker open", "circuit breaker closed"]


async def test_probe_opens_only_a_breaker_whose_server_does_not_answer() -> None:
    alive, probes = True, 0

    async def is_alive() -> bool:
        nonlocal probes
        probes += 1
        return alive

    breaker = CircuitBreaker("d", pause=0.01)
    probing = asyncio.create_task(breaker.run_probes(is_alive))
    breaker.request_probe()
    await until(lambda: probes == 1)
    assert breaker.closed

    alive = False
    breaker.request_probe()
    await until(lambda: breaker.state == "open")

    alive = True
    await until(lambda: breaker.closed)
    probing.cancel()


def test_retries_are_a_tenth_of_the_calls_beyond_the_reserve() -> None:
    budget = RetryBudget(reserve=3)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]

    for _ in range(21):
        budget.called()
    assert [budget.take() for _ in range(3)] == [True, True, False]
