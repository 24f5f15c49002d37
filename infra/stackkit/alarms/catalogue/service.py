"""What the service counts about itself, as the collector sends it."""

from collections.abc import Iterator

from stackkit.alarms.catalogue.edge import FAST_BURN
from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Metric, Severity, Window
from stackkit.resources.monitored import MonitoredResource
from stackkit.resources.service_metrics import NAMESPACE, SERVICE

TIER = "service"
# breaker_state of one that lets nothing through
OPEN = 2


def emitted(name: str, statistic: str, **fixed: str) -> Metric:
    of = {SERVICE: MonitoredResource.STACK}
    return Metric(namespace=NAMESPACE, name=name, statistic=statistic, of=of, fixed=fixed)


def rows(context: AlarmContext) -> Iterator[AlarmSpec]:
    yield _shed(context)
    yield _deadlines(context)
    yield _breaker()
    yield _misses(context)
    yield _slow_acquires(context)
    yield _loop_lag(context)
    yield _respawns()
    yield _dropped_logs()


def _shed(context: AlarmContext) -> AlarmSpec:
    held = context.numbers.server.max_in_flight
    return AlarmSpec(
        name="shed",
        title="Workers refuse requests as one too many",
        tier=TIER,
        metrics={
            "shed": emitted("http_requests_shed_total", "Sum"),
            "requests": emitted("http_requests_total", "Sum"),
        },
        expression="100 * FILL(shed, 0) / requests",
        window=Window(breaching=3, periods=5),
        limit=Limit(
            value=context.burning(FAST_BURN),
            unit="%",
            rationale=f"{FAST_BURN} times the error budget; a worker holds {held.value:,}",
        ),
        severity=Severity.PAGE,
        meaning="The fleet is full: clients are told 503 and to come back.",
        steps=(
            "Is the fleet growing? Desired against running; its maximum in `make plan`.",
            "Are requests slow rather than many? In flight is rate times latency: look at latency,"
            " the pools' waiters and the upstream first.",
            "One worker only? A request that never ends holds its place: its deadline should end"
            " it.",
        ),
    )


def _deadlines(context: AlarmContext) -> AlarmSpec:
    return AlarmSpec(
        name="deadlines",
        title="Requests run into their deadline",
        tier=TIER,
        metrics={
            "ended": emitted("http_deadlines_exceeded_total", "Sum"),
            "requests": emitted("http_requests_total", "Sum"),
        },
        expression="100 * FILL(ended, 0) / requests",
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=context.budget_percent,
            unit="%",
            rationale=f"the error budget: each is a 504 after {context.deadline_s} s",
        ),
        severity=Severity.TICKET,
        meaning="Something waits without a limit, or longer than the ladder of timeouts.",
        steps=(
            "Which route: `filter status = 504 | stats count(*) by route`; its traces in X-Ray.",
            "Slow clients send their bodies slowly: those are theirs, and cost little.",
        ),
    )


def _breaker() -> AlarmSpec:
    return AlarmSpec(
        name="breaker",
        title="A circuit breaker is open",
        tier=TIER,
        metrics={"state": emitted("breaker_state", "Maximum")},
        window=Window(breaching=2, periods=3),
        limit=Limit(value=OPEN - 1, unit="", rationale=f"{OPEN} is open, 1 half open, 0 closed"),
        severity=Severity.TICKET,
        meaning="A worker keeps calls from a dependency that did not answer.",
        steps=(
            "Which: `filter message like /circuit breaker/ | stats count(*) by dependency`.",
            "The cache: answers come from memory and the database, slower. The upstream: stale"
            " answers. The database: its own alarms page.",
            "On one task only? Replace the task; on all: the dependency itself.",
        ),
    )


def _misses(context: AlarmContext) -> AlarmSpec:
    share = context.numbers.config.upstream_percent
    return AlarmSpec(
        name="misses",
        title="The caches miss more than the plan counts on",
        tier=TIER,
        metrics={
            "missed": emitted("cache_reads_total", "Sum", layer="external"),
            "reads": emitted("cache_reads_total", "Sum"),
        },
        expression="100 * FILL(missed, 0) / reads",
        window=Window(breaching=10, periods=15),
        limit=Limit(
            value=share,
            unit="%",
            rationale="upstream_percent, for which pools and NAT ports are counted",
        ),
        severity=Severity.TICKET,
        meaning="Database and upstream get more load than they were sized for.",
        steps=(
            "Did the cache restart, fail over or evict? Its alarms; hits come back by themselves.",
            "Are there more different keys than before, a crawler for example? Which route?",
            "Do writes forget more than they should? cache_invalidations_total by origin.",
        ),
    )


def _slow_acquires(context: AlarmContext) -> AlarmSpec:
    wait = context.numbers.timeouts.database_acquire.value
    return AlarmSpec(
        name="slow-acquires",
        title="Requests wait for a database connection",
        tier=TIER,
        metrics={
            "slow": emitted("database_acquires_slow_total", "Sum"),
            "all": emitted("database_acquire_duration_seconds", "SampleCount"),
        },
        expression="100 * FILL(slow, 0) / all",
        window=Window(breaching=3, periods=5),
        limit=Limit(
            value=1,
            unit="%",
            rationale=f"one in a hundred (p99) takes half of the {wait} s after which it is a 503",
        ),
        severity=Severity.TICKET,
        meaning="The pools are nearly always in use; a little more and requests fail.",
        steps=(
            "Slow statements hold connections: Performance Insights, by load.",
            "Many statements: did the share of misses rise?",
            "The pool's size follows the database's class and the fleet: `make plan`.",
        ),
    )


def _loop_lag(context: AlarmContext) -> AlarmSpec:
    return AlarmSpec(
        name="loop-lag",
        title="A worker's event loop is late",
        tier=TIER,
        metrics={"lag": emitted("event_loop_lag_seconds", "Maximum")},
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=context.latency_s / 10,
            unit="s",
            rationale="a tenth of the latency objective, which every request of the worker pays",
        ),
        severity=Severity.TICKET,
        meaning="Something computes or blocks for long on the loop.",
        steps=(
            "Take a profile of the worker while it lasts: the widest frame is it.",
            "Does it come with CPU above the target? Then the task is full, not the code slow.",
            "Garbage collection: its pauses are in the dashboard.",
        ),
    )


def _respawns() -> AlarmSpec:
    return AlarmSpec(
        name="respawns",
        title="Workers die and are started again",
        tier=TIER,
        metrics={"respawns": emitted("granian_workers_respawns_for_err", "Sum")},
        window=Window(breaching=1, periods=1, period_s=900),
        limit=Limit(value=0, unit="workers", rationale="a worker ends only when it is told to"),
        severity=Severity.TICKET,
        meaning="A worker crashed or was killed; its requests were lost.",
        steps=(
            "Out of memory? The task's memory before it; dmesg or the stopped reason.",
            "Its last lines in the log; a crash in native code leaves none.",
        ),
    )


def _dropped_logs() -> AlarmSpec:
    return AlarmSpec(
        name="dropped-logs",
        title="Log lines are dropped",
        tier=TIER,
        metrics={"dropped": emitted("log_lines_dropped_total", "Sum")},
        window=Window(breaching=3, periods=3, period_s=300),
        limit=Limit(value=0, unit="lines", rationale="a burst may lose some, but not for so long"),
        severity=Severity.TICKET,
        meaning="Standard output is not read in time; the service goes on, its log has holes.",
        steps=(
            "What is logged so often? `stats count(*) by route, level`.",
            "Lower ACCESS_LOG_SHARE, or look at what reads the log: the log driver, the disk.",
        ),
    )
