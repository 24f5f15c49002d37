from collections.abc import Iterator

from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Metric, Severity, Window
from stackkit.plan.pools import CACHE_POOL, CACHE_SUBSCRIPTIONS, deploying_workers
from stackkit.resources.monitored import MonitoredResource

TIER = "cache"


def _of(name: str, statistic: str) -> dict[str, Metric]:
    nodes = {"CacheClusterId": MonitoredResource.CACHE_NODES}
    return {
        "node": Metric(namespace="AWS/ElastiCache", name=name, statistic=statistic, of=nodes),
    }


def rows(context: AlarmContext) -> Iterator[AlarmSpec]:
    yield _cpu()
    yield _memory()
    yield _evictions()
    yield _connections(context)
    if context.settings.cache_replicas:
        yield _lag(context)


def _cpu() -> AlarmSpec:
    return AlarmSpec(
        name="cache-cpu",
        title="The cache's engine is busy",
        tier=TIER,
        metrics=_of("EngineCPUUtilization", "Average"),
        across="MAX",
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=80, unit="%", rationale="commands run one after the other: the rest is for bursts"
        ),
        severity=Severity.TICKET,
        meaning="Commands queue; soon the service takes the cache's slowness for misses.",
        steps=(
            "Which commands: the node's GetTypeCmds and SetTypeCmds, SLOWLOG GET.",
            "Large values cost most: look at the sizes of what is cached.",
            "A larger cache_class, or a longer life in the tasks' own memory.",
        ),
    )


def _memory() -> AlarmSpec:
    return AlarmSpec(
        name="cache-memory",
        title="The cache's memory is full",
        tier=TIER,
        metrics=_of("DatabaseMemoryUsagePercentage", "Maximum"),
        across="MAX",
        window=Window(breaching=15, periods=15),
        limit=Limit(
            value=90, unit="%", rationale="beyond it the least recently used entries make room"
        ),
        severity=Severity.TICKET,
        meaning="Entries will be evicted; a working set that doesn't fit costs hits.",
        steps=(
            "Does it evict, and did the share of misses rise? If neither, it is only well used.",
            "Shorter lives for entries that are seldom read, or a larger cache_class.",
        ),
    )


def _evictions() -> AlarmSpec:
    return AlarmSpec(
        name="cache-evictions",
        title="The cache evicts entries that still live",
        tier=TIER,
        metrics=_of("Evictions", "Sum"),
        across="SUM",
        window=Window(breaching=30, periods=30),
        limit=Limit(value=0, unit="entries/min", rationale="for half an hour: no passing burst"),
        severity=Severity.TICKET,
        meaning="The working set has outgrown the cache.",
        steps=(
            "Compare the share of misses before and after; see its alarm's runbook.",
            "A larger cache_class, or shorter lives.",
        ),
    )


def _connections(context: AlarmContext) -> AlarmSpec:
    task, fleet = context.numbers.config, context.numbers.fleet
    workers = deploying_workers(task, fleet)
    each = CACHE_POOL + CACHE_SUBSCRIPTIONS
    return AlarmSpec(
        name="cache-connections",
        title="More connections to the cache than the fleet opens",
        tier=TIER,
        metrics=_of("CurrConnections", "Maximum"),
        across="MAX",
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=workers * each,
            unit="connections",
            rationale=f"{workers:,} workers of a deployment at the fleet's largest, {each} each",
        ),
        severity=Severity.TICKET,
        meaning="Somebody else connects, or connections are not closed.",
        steps=(
            "`CLIENT LIST` by address: which of them are not tasks?",
            "Do workers restart in a loop? See the runbook of respawns.",
        ),
    )


def _lag(context: AlarmContext) -> AlarmSpec:
    return AlarmSpec(
        name="cache-lag",
        title="A replica of the cache lags behind",
        tier=TIER,
        metrics=_of("ReplicationLag", "Maximum"),
        across="MAX",
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=context.deadline_s,
            unit="s",
            rationale="a request's deadline: a failover would bring back entries older than that",
        ),
        severity=Severity.TICKET,
        meaning="After a failover the service would read entries that had been replaced.",
        steps=(
            "The primary's CPU and network; a burst of writes passes.",
            "If it stays, replace the replica node.",
        ),
    )
