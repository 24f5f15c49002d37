"""What limits and texts of the catalogue name: the plan, the settings, and what follows of them."""

from collections.abc import Mapping
from decimal import Decimal
from math import ceil
from typing import Any

from stackkit.plan.plan import Plan
from stackkit.plan.pools import CACHE_POOL, CACHE_SUBSCRIPTIONS, deploying_workers
from stackkit.settings.config import Config

# SRE workbook, "Alerting on SLOs": 2 % of a month's budget in an hour, 5 % in six hours
FAST_BURN = 14.4
SLOW_BURN = 6.0
# Amazon Linux, Docker and the collector
SYSTEM_MIB = 512
# scaling reacts within minutes, so a load that lasts longer is beyond it
NETWORK_FACTOR = 1.25


def limits(plan: Plan) -> Mapping[str, Any]:
    settings = plan.config
    # the share of answers that may fail
    budget_percent = float(100 - Decimal(settings.availability_objective))
    deadline_s = plan.timeouts.request.value
    # what 99 of 100 answers take at most
    latency_s = settings.latency_objective_ms / 1000 or deadline_s / 2
    fewest, zones = plan.fleet.minimum.value, settings.zones
    workers = deploying_workers(settings, plan.fleet)
    return {
        "plan": plan,
        "settings": settings,
        "budget": budget_percent,
        "objective": settings.availability_objective,
        "fast_burn": FAST_BURN,
        "fast_burn_percent": round(FAST_BURN * budget_percent, 4),
        "slow_burn": SLOW_BURN,
        "slow_burn_percent": round(SLOW_BURN * budget_percent, 4),
        "latency_s": latency_s,
        "latency_rationale": (
            "latency_objective_ms"
            if settings.latency_objective_ms
            else "half of a request's deadline"
        ),
        "deadline_s": deadline_s,
        "loop_lag_s": latency_s / 10,
        "survivors": max(1, ceil(fewest * (zones - 1) / zones)),
        "task_rate_minute": plan.capacity.requests_per_second * 60,
        "max_in_flight": plan.server.max_in_flight.value,
        "upstream_percent": settings.upstream_percent,
        "cpu_limit": (plan.scaling.cpu_target.value + 100) / 2,
        "memory_limit": (settings.memory_mib - SYSTEM_MIB) * 2**20 * 9 // 10,
        "database_connections": plan.pools.database_connections.value,
        "storage_limit": storage_limit(settings.database_storage_gb),
        "database_memory_limit": settings.database_memory // 20,
        "workers": workers,
        "cache_pool": CACHE_POOL + CACHE_SUBSCRIPTIONS,
        "cache_connections": workers * (CACHE_POOL + CACHE_SUBSCRIPTIONS),
        **_compute(settings),
    }


def storage_limit(gigabytes: float) -> float:
    """Free bytes of the disk below which RDS should long have grown it."""
    return gigabytes * 10**9 // 20


def _compute(settings: Config) -> Mapping[str, Any]:
    sent = settings.network_target_bytes * NETWORK_FACTOR
    if settings.compute == "fargate":
        return {
            "members": "tasks",
            "a_member": "a task",
            "stop_reason": "the tasks' last stop reason (OutOfMemory, exit code)",
            "network_limit": sent,
            "network_unit": "bytes/s",
        }
    return {
        "members": "instances",
        "a_member": "an instance",
        "stop_reason": "the instances' status and console output",
        # EC2 counts the bytes of a minute
        "network_limit": sent * 60,
        "network_unit": "bytes/min",
    }
