"""The open-loop generator has to count rightly before its figures mean anything."""

import asyncio
import time
from array import array
from functools import partial
from urllib.parse import urlsplit

import pytest

from load import pace
from load.arrivals import Arrivals, Ask, arriving, run
from load.outcome import NEVER, Outcome
from load.pace import Pace
from servicekit.dev.processes import free_port
from servicekit.testing.fake_upstream import FakeUpstream


async def arrive(
    upstream: FakeUpstream, *names: str, rate: float = 200.0, seconds: float = 0.5
) -> Outcome:
    port = urlsplit(upstream.url).port
    assert port
    asks = [Ask(name=name, paths=[f"/{name}"]) for name in names]
    arrivals = Arrivals(port=port, asks=asks, rate=rate, seconds=seconds, connections=5, limit=1.0)
    return await asyncio.to_thread(run, arrivals)


async def test_each_way_in_which_a_request_can_end_is_counted(upstream: FakeUpstream) -> None:
    upstream.answers("a-missing", b"{}", status=404)
    upstream.answers("a-busy", b"{}", status=503)
    upstream.answers("a-broken", b"{}", status=500)
    upstream.answers("a-late", b"{}", after=5)
    upstream.answers("a-large", b" " * 300_000)  # more than one read
    upstream.resets("a-reset")
    outcome = await arrive(
        upstream, "a-large", "a-missing", "a-busy", "a-broken", "a-late", "a-reset", seconds=0.6
    )
    assert outcome.counts() == {
        "ok": 20,
        "4xx": 20,
        "shed 503": 20,
        "other 5xx": 20,
        "never served": 20,
        "reset": 20,
    }
    twice = Outcome.joined([outcome, outcome])
    assert (len(twice), twice.count("ok")) == (240, 40)
    assert twice.percentile(50) == outcome.percentile(50)
    assert outcome.only("a-late").count("never served") == 20
    assert outcome.only("a-large", "a-missing").percentile(99) < 1.0
    assert outcome.percentile(99) == float("inf")


async def test_answer_to_another_request_is_foreign(upstream: FakeUpstream) -> None:
    upstream.answers("a-mixed", b"{}", headers={"X-Request-ID": "load-10"})
    outcome = await arrive(upstream, "a-mixed", rate=200, seconds=0.1)
    assert outcome.counts() == {"foreign": 19, "ok": 1}  # load-1, too


async def test_nobody_there_is_refused() -> None:
    ask = Ask(name="any", paths=["/"])
    arrivals = Arrivals(port=free_port(), asks=[ask], rate=100, seconds=0.2)
    assert (await asyncio.to_thread(run, arrivals)).counts() == {"refused": 20}


async def test_latency_counts_from_when_a_request_was_due(upstream: FakeUpstream) -> None:
    port = urlsplit(upstream.url).port
    assert port
    arrivals = Arrivals(
        port=port, asks=[Ask(name="any", paths=["/x"])], rate=100, seconds=1.0, connections=5
    )
    with arriving(arrivals) as load:
        await asyncio.sleep(0.4)
        time.sleep(0.4)  # noqa: ASYNC251 (the server is in this process, and stalls)
        outcome = await asyncio.to_thread(load.outcome)

    assert outcome.counts() == {"ok": 100}
    stalled = [took for took in outcome.took if took > 0.05]
    assert 25 <= len(stalled) <= 45  # all that were due in those 0.4 s, not five
    assert outcome.rate() > 95


async def test_generator_that_is_late_says_so(upstream: FakeUpstream) -> None:
    outcome = await arrive(upstream, "x", rate=400_000, seconds=0.025)
    assert len(outcome) == 10_000
    assert outcome.lateness() > 0.01
    assert outcome.rate() < 380_000


def test_slow_is_who_needs_more_cpu_for_the_same_not_who_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual, wait, slow = partial(sum, range(20_000)), partial(time.sleep, 0.03), range(2_000_000)
    looks, began = Pace(), []
    for work in [*[usual] * 50, wait, partial(sum, slow)]:
        monkeypatch.setattr(pace, "_work", work)
        time.sleep(0 if work is usual else 0.02)  # far from those before it
        began.append(time.monotonic())
        looks.look()
    waited, worked = began[-2:]
    far = [worked - 0.02, worked + 1.0]
    assert list(looks.slow_at([waited, worked, *far])) == [0, 1, 0, 0]


def test_comparisons_leave_out_what_was_due_while_the_machine_was_slow() -> None:
    took = [1.0 if n % 100 == 50 else 0.001 for n in range(400)]
    outcome = Outcome(["any"], due=array("d", [n / 100 for n in range(400)]))
    outcome.took.extend(took)
    outcome.late.extend([0.0] * 400)
    outcome.end.extend([200] * 400)
    outcome.asked.extend([0] * 400)
    outcome.slow.extend([0] * 400)
    assert outcome.steady(99) == 1.0  # each second has a hiccup
    outcome.slow = array("B", [n % 100 == 50 for n in range(400)])
    assert outcome.steady(99) == 0.001
    assert outcome.percentile(99.5) == 1.0  # what is compared with nothing counts them all
    outcome.slow = array("B", [n % 100 == 60 for n in range(400)])
    assert outcome.steady(99) == 1.0  # a slow moment under way is no excuse for what took long
    outcome.slow = array("B", [1] * 400)
    assert outcome.steady(99) == NEVER  # nothing seen is no success
