"""A month of a stack at one load, in US dollars, each line with its arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass

from stackkit.alarms.catalogue import table
from stackkit.alarms.cost import COMPOSITE, alarm_cost
from stackkit.plan.fleet import busy_tasks, mean_in_flight, rate, spread_tasks
from stackkit.plan.network import endpoints
from stackkit.plan.plan import Plan
from stackkit.settings.aws_sizes import INSTANCE_DISK_GB
from stackkit.settings.config import Config
from stackkit.tools.report.prices import Prices

HOURS = 730  # a month, as AWS's own calculator counts it
# an answer with its headers: an item's has about 600 bytes, a page of 20 about 4,000
ANSWER_BYTES = 1000
# AWS, "Elastic Load Balancing pricing": what one LCU of an ALB carries
LCU_CONNECTIONS = 3000
LCU_GB = 1
# the rate limit and the managed groups of resources/waf.py
WAF_RULES = 5
_TIERS = (
    (0, "data out GB"),
    (10_240, "data out GB above 10 TB"),
    (51_200, "data out GB above 50 TB"),
    (153_600, "data out GB above 150 TB"),
)
LEFT_OUT = (
    "Left out: logs and metrics, images, keys and secrets, backups, traffic between zones,"
    " RDS Proxy, taxes and discounts; Spot counts as on demand."
)


@dataclass(frozen=True)
class Line:
    item: str
    arithmetic: str
    usd: float


@dataclass(frozen=True)
class Load:
    """A month at one number of requests in flight, and the tasks that carry it."""

    name: str
    in_flight: int
    tasks: int


def loads(numbers: Plan) -> tuple[Load, Load, Load]:
    """The quietest hour, the mean of a day that swings between both, and the peak, for a month."""
    workload, fleet = numbers.config, numbers.fleet
    mean = mean_in_flight(workload)
    tasks = spread_tasks(busy_tasks(mean, workload, numbers.capacity), workload)
    between = min(max(tasks, fleet.minimum.value), fleet.maximum.value)
    return (
        Load("minimum", workload.base_load, fleet.minimum.value),
        Load("mean", mean, between),
        Load("peak", workload.peak_in_flight, fleet.maximum.value),
    )


def month(numbers: Plan, load: Load, prices: Prices) -> tuple[Line, ...]:
    settings = numbers.config
    per_second = float(rate(load.in_flight, settings.latency_ms))
    return (
        _tasks(settings, load.tasks, prices),
        *_data(settings, prices),
        *_edge(settings, load, per_second, prices),
        *_network(settings, load, per_second, prices),
        _alarms(numbers, prices),
    )


def _alarms(numbers: Plan, prices: Prices) -> Line:
    watched, metric = alarm_cost(table(numbers), numbers.config), prices.of("alarm")
    composite = f" + {watched.composites} x {COMPOSITE:g}" if watched.composites else ""
    arithmetic = f"{watched.metrics} metrics x {metric:g}{composite}"
    return Line("alarms", arithmetic, watched.dollars(metric))


def total(lines: tuple[Line, ...]) -> float:
    return sum(line.usd for line in lines)


def task_hour(settings: Config, prices: Prices) -> float:
    """Dollars of one task, or of one instance and its disk, for an hour."""
    return _unit(settings, prices)[0]


def _unit(settings: Config, prices: Prices) -> tuple[float, str]:
    if settings.compute == "ec2":
        kind, disk = settings.instance_types[0], prices.of("instance disk GB")
        hour = prices.of(kind) + INSTANCE_DISK_GB * disk / HOURS
        return hour, f"({kind} {prices.of(kind):.5g} + {INSTANCE_DISK_GB} GB x {disk:g} / {HOURS})"
    vcpu = prices.of(f"fargate {settings.architecture} vCPU")
    memory = prices.of(f"fargate {settings.architecture} GB")
    cores, gigabytes = settings.vcpu_units / 1024, settings.memory_mib / 1024
    hour = cores * vcpu + gigabytes * memory
    return hour, f"({cores:g} vCPU x {vcpu:g} + {gigabytes:g} GB x {memory:g})"


def _tasks(settings: Config, tasks: int, prices: Prices) -> Line:
    hour, arithmetic = _unit(settings, prices)
    return Line("tasks", f"{tasks:,} x {arithmetic} x {HOURS} h", tasks * hour * HOURS)


def _data(settings: Config, prices: Prices) -> Iterator[Line]:
    copies = (2 if settings.production else 1) + settings.database_replicas
    kind, storage = settings.database_class, prices.of("database storage GB")
    yield _hourly("database", copies, kind, prices)
    gigabytes = settings.database_storage_gb
    yield Line(
        "database storage",
        f"{copies} x {gigabytes:,} GB x {storage:g}",
        copies * gigabytes * storage,
    )
    yield _hourly("cache", 1 + settings.cache_replicas, settings.cache_class, prices)


def _edge(settings: Config, load: Load, per_second: float, prices: Prices) -> Iterator[Line]:
    yield _hourly("load balancer", 1, "load balancer", prices)
    gb_per_hour = per_second * ANSWER_BYTES * 3600 / 1e9
    units = max(load.in_flight / LCU_CONNECTIONS, gb_per_hour / LCU_GB, settings.alb_lcu)
    lcu = prices.of("load balancer LCU")
    yield Line("load balancer LCU", f"{units:,.0f} x {lcu:g} x {HOURS} h", units * lcu * HOURS)
    if settings.waf:
        yield waf(per_second, prices)
    yield _data_out(per_second, prices)


def waf(per_second: float, prices: Prices) -> Line:
    millions = per_second * 3600 * HOURS / 1e6
    each = prices.of("WAF million requests")
    fixed = prices.of("WAF list") + WAF_RULES * prices.of("WAF rule")
    return Line("WAF", f"{fixed:g} + {millions:,.0f} M x {each:g}", fixed + millions * each)


def _data_out(per_second: float, prices: Prices) -> Line:
    left = gigabytes = per_second * ANSWER_BYTES * 3600 * HOURS / 1e9
    usd = 0.0
    for start, item in reversed(_TIERS):
        beyond = max(0.0, left - start)
        usd += beyond * prices.of(item)
        left -= beyond
    mean = usd / gigabytes if gigabytes else 0
    return Line("data out", f"{gigabytes:,.0f} GB x {mean:.4f} on average", usd)


def _network(settings: Config, load: Load, per_second: float, prices: Prices) -> Iterator[Line]:
    yield _hourly("NAT gateways", settings.nat_gateways, "NAT gateway", prices)
    share = settings.upstream_percent / 100
    gigabytes = per_second * share * ANSWER_BYTES * 3600 * HOURS / 1e9
    each = prices.of("NAT gateway GB")
    if settings.nat_gateways:
        yield Line("NAT traffic", f"{gigabytes:,.0f} GB x {each:g}", gigabytes * each)
    addresses = 0 if settings.internal else settings.zones
    addresses += settings.nat_gateways if settings.nat else load.tasks
    yield _hourly("public addresses", addresses, "public address", prices)
    if settings.production and not settings.vpc_id:
        count = len(endpoints(settings.compute == "ec2")) * settings.zones
        yield _hourly("endpoints", count, "interface endpoint", prices)


def _hourly(item: str, count: int, price: str, prices: Prices) -> Line:
    usd = prices.of(price)
    name = f"{price} " if "." in price else ""
    return Line(item, f"{count} x {name}{usd:.5g} x {HOURS} h", count * usd * HOURS)
