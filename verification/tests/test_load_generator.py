"""The open-loop generator has to be right before its figures mean anything."""

import asyncio
from array import array
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from load.generator import NEVER, LoadPlan, Outcomes, RequestSpec, Sending, send
from servicekit.dev.processes import free_port
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.waiting import HANG, until
from verification.outcomes import ObservedRequests


def load(
    upstream: FakeUpstream,
    *ids: str,
    rate: float = 200,
    seconds: float = 0.6,
    timeout: float = HANG,
) -> LoadPlan:
    port = urlsplit(upstream.url).port
    assert port
    requests = [RequestSpec(data_id, [f"/{data_id}"]) for data_id in ids]
    return LoadPlan(port=port, requests=requests, rate=rate, seconds=seconds, timeout=timeout)


async def observe(load: LoadPlan) -> ObservedRequests:
    return ObservedRequests(await asyncio.to_thread(send, load))


async def test_each_request_is_sent_once_and_its_number_is_in_it(upstream: FakeUpstream) -> None:
    port = urlsplit(upstream.url).port
    assert port
    spec = RequestSpec("numbered", ["/numbered-{n}"], headers={"X-Number": "{n}"})
    observed = await observe(LoadPlan(port=port, requests=[spec], rate=500, seconds=0.1))
    assert observed.counts() == {"ok": 50}
    assert [upstream.calls[f"numbered-{n}"] for n in range(50)] == [1] * 50
    assert upstream.headers["numbered-7"]["X-Number"] == "7"


async def test_shares_decide_how_often_each_request_is_sent(upstream: FakeUpstream) -> None:
    port = urlsplit(upstream.url).port
    assert port
    specs = [RequestSpec("often", ["/o"], share=3), RequestSpec("rare", ["/r"])]
    observed = await observe(LoadPlan(port=port, requests=specs, rate=400, seconds=0.5))
    assert (len(observed.only("often")), len(observed.only("rare"))) == (150, 50)


@pytest.mark.slow("waits for a timeout that a busy machine keeps, too")
async def test_each_outcome_is_counted_by_its_kind(upstream: FakeUpstream) -> None:
    upstream.answers("g-missing", b"{}", status=404)
    upstream.answers("g-busy", b"{}", status=503)
    upstream.answers("g-broken", b"{}", status=500)
    released = upstream.holds("g-late")
    upstream.answers("g-large", b" " * 300_000)  # more than one read
    upstream.resets("g-reset")
    names = ("g-large", "g-missing", "g-busy", "g-broken", "g-late", "g-reset")
    observed = await observe(load(upstream, *names, timeout=5.0))
    released.set()
    counts = {"ok": 20, "4xx": 20, "shed 503": 20, "other 5xx": 20, "timeout": 20, "reset": 20}
    assert observed.counts() == counts
    assert observed.only("g-late").count("timeout") == 20
    assert observed.only("g-large", "g-missing").percentile(99) < NEVER
    assert observed.percentile(99) == NEVER
    twice = ObservedRequests.joined([observed, observed])
    assert (len(twice), twice.count("ok")) == (240, 40)


async def test_response_to_another_request_is_foreign(upstream: FakeUpstream) -> None:
    upstream.answers("g-mixed", b"{}", headers={"X-Request-ID": "load-10"})
    observed = await observe(load(upstream, "g-mixed", seconds=0.1))
    assert observed.counts() == {"foreign": 19, "ok": 1}  # load-1, too


async def test_connection_that_the_server_closes_is_not_used_again(upstream: FakeUpstream) -> None:
    upstream.answers("g-closes", b"{}", headers={"Connection": "close"})
    plan = load(upstream, "g-closes", rate=50, seconds=1.0)
    few = replace(plan, connections=2, max_connections=2)
    assert (await observe(few)).counts() == {"ok": 50}


async def test_port_without_a_server_is_refused() -> None:
    load = LoadPlan(port=free_port(), requests=[RequestSpec("any", ["/"])], rate=100, seconds=0.2)
    assert (await observe(load)).counts() == {"refused": 20}


async def test_requests_stay_due_while_the_server_stalls(upstream: FakeUpstream) -> None:
    upstream.answers("g-slow", b"{}", after=1.0)
    plan = load(upstream, "g-slow", rate=100, seconds=1.0)
    few = LoadPlan(port=plan.port, requests=plan.requests, rate=100, seconds=1.0, connections=5)
    observed = await observe(few)
    assert observed.counts() == {"ok": 100}
    assert max(observed.due) - min(observed.due) < 1.0  # the last was due before the first ended
    assert min(observed.took) >= 1.0


async def test_request_without_a_connection_is_ended_by_its_timeout(upstream: FakeUpstream) -> None:
    released = upstream.holds("g-hangs")
    port = urlsplit(upstream.url).port
    assert port
    spec = RequestSpec("any", ["/g-hangs"])
    narrow = LoadPlan(
        port=port, requests=[spec], rate=50, seconds=1, connections=2, max_connections=2, timeout=1
    )
    assert (await observe(narrow)).counts() == {"timeout": 50}
    released.set()


async def test_generator_that_is_late_says_so(upstream: FakeUpstream) -> None:
    observed = await observe(load(upstream, "x", rate=400_000, seconds=0.025, timeout=1.0))
    assert len(observed) == 10_000
    assert observed.lateness() > 0.01


async def test_stopped_load_reports_the_requests_that_were_sent(upstream: FakeUpstream) -> None:
    # An id of its own: the upstream may still count requests that an earlier load gave up.
    plan = load(upstream, "stopped", rate=50, seconds=600)
    with await asyncio.to_thread(Sending, plan) as sending:
        await until(lambda: upstream.calls["stopped"] > 10)
        sending.stop()
        observed = ObservedRequests(await asyncio.to_thread(sending.outcomes))
    assert 0 < len(observed) < 5_000
    assert observed.count("ok") == len(observed)


def test_usual_percentile_is_the_median_of_each_seconds() -> None:
    spec = [RequestSpec("any", ["/"])]
    took = array("d", [1.0 if n // 100 == 3 else 0.001 for n in range(500)])
    due = array("d", [n / 100 for n in range(500)])
    zeros = array("d", [0.0] * 500)
    status, specs = array("H", [200] * 500), array("B", [0] * 500)
    observed = ObservedRequests(Outcomes(spec, due, took, zeros, status, specs))
    assert observed.percentile(99) == 1.0
    assert observed.usual_percentile(99) == 0.001
