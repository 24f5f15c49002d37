"""What the plan starts from. Every field is a whole number or a name; units are in the names."""

from dataclasses import dataclass

from stackkit.plan.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class Workload:
    peak_in_flight: int
    base_in_flight: int
    latency_ms: int
    utilisation_percent: int
    request_timeout_s: int
    upstream_percent: int
    zones: int
    survives_zone_loss: bool


@dataclass(frozen=True, kw_only=True)
class TaskCapacity:
    """What one task sustains; `origin` says who claims it."""

    requests_per_second: int
    in_flight: int
    origin: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """One Fargate task or one EC2 instance: the unit of the fleet, one target of the ALB."""

    compute: str
    vcpu_units: int  # 1024 are one vCPU
    memory_mib: int
    workers: int
    capacity: TaskCapacity
    fleet_min: int = 0
    fleet_max: int = 0


@dataclass(frozen=True, kw_only=True)
class Data:
    database_class: str
    cache_class: str


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Zero asks for the derived number."""

    policies: tuple[str, ...]
    requests_target: int
    step_out_requests: int
    step_in_requests: int
    step_out_tasks: int
    step_in_tasks: int
    network_mbps: int
    cooldown_s: int
    warm_pool: int
    schedules: tuple[Schedule, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Site:
    vpc_cidr: str
    nat_gateways: int
    alb_target_quota: int


@dataclass(frozen=True, kw_only=True)
class Inputs:
    workload: Workload
    task: Task
    data: Data
    scaling: Scaling
    site: Site
