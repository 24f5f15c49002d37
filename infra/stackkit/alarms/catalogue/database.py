from collections.abc import Iterator

from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Metric, Severity, Window
from stackkit.resources.monitored import MonitoredResource
from stackkit.settings.aws_sizes import database_memory

TIER = "database"
_GB = 10**9
# gp3's base rate below 400 GB (RDS user guide, "General Purpose SSD storage")
_GP3_IOPS = 3000
_WAIT_MS = 20


def _of(name: str, statistic: str, part: MonitoredResource = MonitoredResource.DATABASE) -> Metric:
    return Metric(
        namespace="AWS/RDS", name=name, statistic=statistic, of={"DBInstanceIdentifier": part}
    )


def rows(context: AlarmContext) -> Iterator[AlarmSpec]:
    yield _cpu()
    yield _connections(context)
    yield _storage(context)
    yield _memory(context)
    yield _queue()
    yield _transaction_ids()
    if context.settings.database_replicas:
        yield _replica_lag(context)


def _cpu() -> AlarmSpec:
    return AlarmSpec(
        name="database-cpu",
        title="The database's processors are busy",
        tier=TIER,
        metrics={"cpu": _of("CPUUtilization", "Average")},
        window=Window(breaching=10, periods=10),
        limit=Limit(value=90, unit="%", rationale="beyond it statements wait for each other"),
        severity=Severity.PAGE,
        meaning="Statements queue for a processor; acquiring a connection takes longer.",
        steps=(
            "Performance Insights: the top statements by load, and since when.",
            "A statement that changed its plan: ANALYZE its table; a missing index.",
            "A cache that lost its hits sends its load here: see misses and the cache's alarms.",
            "A larger database_class; `make plan` counts the connections anew.",
        ),
    )


def _connections(context: AlarmContext) -> AlarmSpec:
    budget = context.numbers.pools.database_connections
    return AlarmSpec(
        name="database-connections",
        title="The database's connections run out",
        tier=TIER,
        metrics={"connections": _of("DatabaseConnections", "Maximum")},
        window=Window(breaching=3, periods=5),
        limit=Limit(value=budget.value, unit="connections", rationale=budget.rationale),
        severity=Severity.PAGE,
        meaning="More connections are open than the pools may have; what is left is the reserve of"
        " migrations and people.",
        steps=(
            "Who: `SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2"
            " ORDER BY 3 DESC`.",
            "The service alone can't get here: `make plan` divides this budget among its pools."
            " Look for a job, a second stack or a person.",
            "Two deployments at once? Wait for the first.",
        ),
    )


def _storage(context: AlarmContext) -> AlarmSpec:
    whole = context.settings.database_storage_gb
    return AlarmSpec(
        name="database-storage",
        title="The database's disk fills up",
        tier=TIER,
        metrics={"free": _of("FreeStorageSpace", "Minimum")},
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=whole * _GB // 20,
            unit="bytes",
            rationale=f"5 % of {whole} GB: RDS grows the disk at 10 %, so it could not",
            above=False,
        ),
        severity=Severity.PAGE,
        meaning="RDS should have grown the disk; a full one stops all writes.",
        steps=(
            "Is it at database_storage_max_gb, or did it grow within the last six hours? Raise the"
            " maximum, or grow it by hand.",
            "What grew: `SELECT relname, pg_size_pretty(pg_total_relation_size(oid)) FROM pg_class"
            " ORDER BY pg_total_relation_size(oid) DESC LIMIT 10`.",
            "WAL that nobody fetches: `SELECT slot_name, active FROM pg_replication_slots`; drop a"
            " slot that is left over.",
        ),
        in_development=True,
    )


def _memory(context: AlarmContext) -> AlarmSpec:
    name = context.settings.database_class
    return AlarmSpec(
        name="database-memory",
        title="The database is short of memory",
        tier=TIER,
        metrics={"free": _of("FreeableMemory", "Minimum")},
        window=Window(breaching=10, periods=15),
        limit=Limit(
            value=database_memory(name) // 20,
            unit="bytes",
            rationale=f"5 % of what a {name} has",
            above=False,
        ),
        severity=Severity.TICKET,
        meaning="The next large sort or batch of connections may make the host swap.",
        steps=(
            "Is SwapUsage rising? Then it is urgent.",
            "Enhanced monitoring: the processes by memory; work_mem times parallel statements.",
            "A larger database_class.",
        ),
    )


def _queue() -> AlarmSpec:
    return AlarmSpec(
        name="database-queue",
        title="Requests queue at the database's disk",
        tier=TIER,
        metrics={"waiting": _of("DiskQueueDepth", "Average")},
        window=Window(breaching=10, periods=15),
        limit=Limit(
            value=_GP3_IOPS * _WAIT_MS // 1000,
            unit="requests",
            rationale=f"Little's law: gp3's {_GP3_IOPS:,} a second make each of them wait"
            f" {_WAIT_MS} ms",
        ),
        severity=Severity.TICKET,
        meaning="The disk is asked for more than it gives; statements that miss the buffers wait.",
        steps=(
            "ReadIOPS or WriteIOPS? Reads: a statement without an index, or buffers too small for"
            " the working set. Writes: a bulk load, or checkpoints.",
            "More IOPS for the disk, or a class with more memory.",
        ),
    )


def _transaction_ids() -> AlarmSpec:
    return AlarmSpec(
        name="transaction-ids",
        title="Transaction ids are used up without being frozen",
        tier=TIER,
        metrics={"used": _of("MaximumUsedTransactionIDs", "Maximum")},
        window=Window(breaching=1, periods=1, period_s=300),
        limit=Limit(
            value=1_000_000_000,
            unit="ids",
            rationale="half of the two billion after which PostgreSQL takes no more writes; vacuum"
            " begins at 0.2 billion",
        ),
        severity=Severity.TICKET,
        meaning="Vacuum doesn't finish; days are left, not minutes.",
        steps=(
            "What holds it up: the oldest of `SELECT pid, backend_xmin, state, query FROM"
            " pg_stat_activity WHERE backend_xmin IS NOT NULL ORDER BY age(backend_xmin) DESC`.",
            "Prepared transactions and replication slots hold it up too: pg_prepared_xacts,"
            " pg_replication_slots.",
            "`VACUUM (FREEZE, VERBOSE)` the tables with the largest age(relfrozenxid).",
        ),
    )


def _replica_lag(context: AlarmContext) -> AlarmSpec:
    return AlarmSpec(
        name="replica-lag",
        title="A read replica lags behind",
        tier=TIER,
        metrics={"lag": _of("ReplicaLag", "Maximum", MonitoredResource.REPLICAS)},
        across="MAX",
        window=Window(breaching=5, periods=5),
        limit=Limit(
            value=context.deadline_s,
            unit="s",
            rationale="a request's deadline: who writes and reads again may not see it for longer",
        ),
        severity=Severity.TICKET,
        meaning="Reads are answered from a past longer than any request lasts.",
        steps=(
            "A long statement on the replica holds replay back: pg_stat_activity there.",
            "A bulk load on the primary: wait, or do it in smaller pieces.",
            "A replica of a smaller class than its primary can't keep up.",
        ),
    )
