import re

import pytest

from plans import planned
from stackkit.plan import plan
from stackkit.settings import config
from stackkit.settings.errors import ConfigError

STEPS = {"scaling_policies": ["step"]}
SMALL = {"peak_in_flight": 10, "base_in_flight": 1, "latency_ms": 200}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"fleet_max": 300},
            "fleet_max: 300 is below the 321 tasks that the workload needs; set it to 0 to take the"
            " derived number, lower the workload, or give a task more capacity.",
        ),
        (
            {"fleet_min": 30},
            "fleet_min: 30 is below the 33 tasks that the workload needs; set it to 0 to take the"
            " derived number, lower the workload, or give a task more capacity.",
        ),
        (
            {"fleet_min": 400},
            "fleet_min: a minimum of 400 tasks is above the maximum of 321; lower fleet_min,"
            " or raise peak_in_flight or fleet_max.",
        ),
        (
            {"requests_target": 200_000},
            "requests_target: 200000 a minute is more than the 180000 that one task sustains, so"
            " the fleet would never grow; lower it or set it to 0.",
        ),
        (
            STEPS,
            "step_out_requests: 1000 a minute asks for 37500 tasks at the peak and the fleet ends"
            ' at 321; set it to 0 to derive it from a task\'s capacity, leave "step" out of'
            " scaling_policies, or lower peak_in_flight.",
        ),
        (
            STEPS | SMALL | {"tier": "dev", "fleet_max": 6},
            "step_in_requests: at 500 and step_out_requests 1000 a fleet of 1 would step out and in"
            " by turns; use 333 or less, set it to 0, or raise fleet_min.",
        ),
        (
            {"schedules": ["0 7 * * MON-FRI = 60..400"]},
            "schedules: 400 tasks are more than the fleet's maximum of 321, for which pools and"
            " quotas are counted; lower it or raise fleet_max.",
        ),
        (
            {"schedules": ["0 7 * * MON-FRI = 60..40"]},
            "schedules: the minimum 60 is above the maximum 40.",
        ),
        (
            {"schedules": ["0 7 1 * MON-FRI = 60..80"]},
            "schedules: '0 7 1 * MON-FRI' is not a recurrence; use five fields in UTC, weekdays by"
            " name (MON-FRI), and a day of the month or a weekday but not both.",
        ),
        (
            {"task_in_flight": 40_000, "request_timeout_s": 5},
            "task_in_flight: 40000 requests at 3000/s take longer than the deadline of 5 s; lower"
            " it, or raise task_requests_per_second or request_timeout_s.",
        ),
        (
            {"task_in_flight": 45_000, "request_timeout_s": 20},
            "task_in_flight: 45000 requests on 1 workers need about 2398 MiB and a task has 2048;"
            " lower it or give a task more memory.",
        ),
        (
            {"task_in_flight": 35_000, "request_timeout_s": 20},
            "task_in_flight: 35000 on 1 workers needs 71217 open files a process and 65535 are"
            " allowed; add vCPUs or lower task_in_flight.",
        ),
        (
            {"database_class": "db.m8g.large"},
            "database_class: db.m8g.large has 817 connections for 642 workers (321 tasks x 1, x 2"
            " in a deployment) and each needs 2; choose a larger class, tasks that sustain more, or"
            " lower peak_in_flight.",
        ),
        (
            {"request_timeout_s": 60},
            "request_timeout_s: 60 leaves no room for the ladder of timeouts; use 4 to 45, because"
            " the timeouts inside a request are shorter and the load balancer gives up after 50 s"
            " of silence.",
        ),
        (
            {"peak_in_flight": 90_000},
            "alb_target_quota: a deployment registers 1158 targets and an ALB takes 1000; choose"
            " larger tasks, lower peak_in_flight, or have AWS raise the quota and set the key.",
        ),
        (
            {
                "vpc_cidr": "10.0.0.0/19",
                "latency_ms": 50,
                "alb_target_quota": 2000,
            },
            "vpc_cidr: a private /23 of 10.0.0.0/19 has 507 addresses and a deployment needs 529 in"
            " each zone; choose a larger range, larger tasks, or lower peak_in_flight.",
        ),
        (
            {"latency_ms": 1000, "peak_in_flight": 400_000, "upstream_percent": 50},
            "upstream_percent: the peak needs 200000 connections to the upstream and the NAT"
            " gateways have 110000 ports for it; cache more and lower upstream_percent, lower"
            " peak_in_flight, or reach the upstream without NAT.",
        ),
        (
            {"cache_class": "cache.t4g.micro", "fleet_max": 1150, "alb_target_quota": 10_000},
            "cache_class: a deployment opens 20700 connections and cache.t4g.micro takes 20000;"
            " choose fewer and larger tasks, lower peak_in_flight, or a larger class.",
        ),
    ],
)
def test_contradictory_plan_is_refused_with_its_remedies(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
        planned(**values)


def test_all_contradictions_of_a_plan_are_reported_at_once() -> None:
    values = {"request_timeout_s": 60, "fleet_max": 300, "warm_pool": 3, "cache_replicas": 0}
    settings = config.read("shop", "prod", values)
    with pytest.raises(ConfigError) as refusal:
        plan.derive(settings)
    keys = [line.partition(":")[0] for line in str(refusal.value).splitlines()]
    assert keys == ["fleet_max", "request_timeout_s", "warm_pool", "domain", "cache_replicas"]


def test_all_exceeded_limits_of_a_fleet_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as refusal:
        planned(task_cpu=512, upstream_percent=100, peak_in_flight=120_000)
    keys = [line.partition(":")[0] for line in str(refusal.value).splitlines()]
    assert {"database_class", "alb_target_quota", "upstream_percent"} <= set(keys)


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
@pytest.mark.parametrize("peak", [1, 10, 100, 1_000, 10_000, 50_000])
def test_production_is_planned_for_any_smaller_load(peak: int, compute: str) -> None:
    fleet = planned(peak_in_flight=peak, compute=compute).fleet
    assert 3 <= fleet.minimum.value <= fleet.maximum.value
