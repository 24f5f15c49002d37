"""Every key of a stack: its type, its default and what it refuses. Pulumi.yaml describes them.

The defaults are those of production; a cheaper stack sets its own values in its file.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from stackkit.settings.aws_sizes import FARGATE_MEMORY, database_memory, instance_type
from stackkit.settings.errors import ConfigError
from stackkit.settings.keys import choice, flag, items, secret, text, whole
from stackkit.settings.schedules import SCHEDULE, SCHEDULE_WANTED, Schedule, read_schedule

CONTAINER_PORT = 8000
WORLD = "0.0.0.0/0"
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)
_HOST = r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
_ARN = r"arn:aws[a-z-]*:"
_ID = r"([0-9a-f]{8}|[0-9a-f]{17})"
_OWNER, _REPOSITORY = r"[A-Za-z0-9-]+", r"[A-Za-z0-9._-]+"
_EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"


@dataclass(frozen=True, kw_only=True)
class Config:
    project: str
    stack: str

    tier: str = choice("prod", ("dev", "prod"))
    compute: str = choice("fargate", ("fargate", "ec2"))
    architecture: str = choice("arm64", ("arm64", "x86_64"))
    image: str = text(
        "", r"[\w.:/-]+@sha256:[0-9a-f]{64}", "an image URI with a digest (…@sha256:…)"
    )

    peak_in_flight: int = whole(50000, 1, 10_000_000)
    base_in_flight: int = whole(0, 0, 10_000_000)
    latency_ms: int = whole(80, 1, 60_000)
    utilisation_percent: int = whole(65, 10, 90)
    request_timeout_s: int = whole(10, 1, 3600)
    upstream_percent: int = whole(20, 0, 100)

    task_cpu: int = choice(1024, FARGATE_MEMORY)
    task_memory_mib: int = whole(2048, 512, 122_880)
    task_requests_per_second: int = whole(0, 0, 1_000_000)
    task_in_flight: int = whole(0, 0, 1_000_000)
    spot_percent: int = whole(0, 0, 100)
    rollout: str = choice("rolling", ("rolling", "canary"))
    instance_types: tuple[str, ...] = items(
        ("c8g.xlarge", "c7g.xlarge"), r"[a-z0-9-]+\.[a-z0-9]+", "an instance type"
    )
    ami_id: str = text("", "ami-" + _ID, "an AMI id such as ami-0123456789abcdef0")
    bake_ami: bool = flag(False)
    warm_pool: int = whole(0, 0, 1000)
    exec: bool = flag(False)

    fleet_min: int = whole(0, 0, 5000)
    fleet_max: int = whole(0, 0, 5000)
    scaling_policies: tuple[str, ...] = items(
        ("cpu", "requests"),
        "cpu|requests|network|in_flight|step",
        "one of cpu, requests, network, in_flight, step",
    )
    requests_target: int = whole(0, 0, 100_000_000)
    network_target_mbps: int = whole(300, 1, 100_000)
    step_out_requests: int = whole(1000, 0, 100_000_000)
    step_in_requests: int = whole(500, 0, 100_000_000)
    step_out_tasks: int = whole(2, 1, 1000)
    step_in_tasks: int = whole(1, 1, 1000)
    cooldown_s: int = whole(300, 0, 3600)
    predictive_scaling: str = choice("off", ("off", "forecast", "on"))
    schedules: tuple[str, ...] = items((), SCHEDULE, SCHEDULE_WANTED)

    zones: int = whole(3, 2, 3)
    vpc_cidr: str = text("10.0.0.0/16", r"[0-9.]+/\d+", "a range such as 10.0.0.0/16")
    vpc_id: str = text("", "vpc-" + _ID, "the id of a VPC such as vpc-0123456789abcdef0")
    public_subnet_ids: tuple[str, ...] = items((), "subnet-" + _ID, "the id of a subnet")
    private_subnet_ids: tuple[str, ...] = items((), "subnet-" + _ID, "the id of a subnet")
    nat: bool = flag(True)
    alb_target_quota: int = whole(1000, 1, 100_000)
    alb_lcu: int = whole(0, 0, 100_000)
    domain: str = text("", _HOST, "a host name such as api.example.com")
    zone: str = text("", _HOST, "a Route 53 zone such as example.com")
    take_over_domain: bool = flag(False)
    certificate_arn: str = text("", _ARN + r"acm:[\w:/-]+", "the ARN of an ACM certificate")
    allow_http: bool = flag(False)
    allow_from: tuple[str, ...] = items((WORLD,), r"\S+", "a range of addresses")
    internal: bool = flag(False)
    waf: bool = flag(False)
    waf_rate_limit: int = whole(10_000, 10, 2_000_000_000)

    database_class: str = text("db.r8g.2xlarge", r"db\.\w+\.\w+", "a class such as db.m8g.large")
    running_database_class: str = text("", r"db\.\w+\.\w+", "a class such as db.m8g.large")
    database_version: str = text("18", r"1[4-9](\.\d+)?", "a PostgreSQL version such as 18")
    database_storage_gb: int = whole(100, 20, 65_536)
    database_storage_max_gb: int = whole(1000, 20, 65_536)
    database_replicas: int = whole(0, 0, 5)
    database_proxy: bool = flag(False)
    backup_days: int = whole(14, 0, 35)
    cache_class: str = text(
        "cache.r7g.large", r"cache\.\w+\.\w+", "a node type such as cache.r7g.large"
    )
    cache_replicas: int = whole(1, 0, 5)
    cache_password: str = secret()

    upstream_url: str = text("", r"https?://[^\s@/]+(/\S*)?", "a URL without credentials")
    environment: tuple[str, ...] = items((), r"[A-Z][A-Z0-9_]*=.*", "a line NAME=value")
    secrets: tuple[str, ...] = items(
        (),
        rf"[A-Z][A-Z0-9_]*={_ARN}(secretsmanager|ssm):\S+",
        "a line NAME=ARN of a secret in Secrets Manager or of an SSM parameter",
    )
    secrets_key_arn: str = text("", _ARN + r"kms:[\w:/-]+", "the ARN of a key in KMS")
    github_repository: str = text(
        "",
        rf"{_OWNER}/{_REPOSITORY}|{_OWNER}@\d+/{_REPOSITORY}@\d+",
        "a repository of GitHub such as acme/orders, or acme@123456/orders@456789 with its ids",
    )
    availability_objective: str = text(
        "99.9", r"9[5-9](\.\d{1,3})?", "a percentage of 95 to 99.999 such as 99.9"
    )
    latency_objective_ms: int = whole(0, 0, 60_000)
    alarm_email: str = text("", _EMAIL, "an email address")
    ticket_email: str = text("", _EMAIL, "an email address")
    slack_workspace_id: str = text("", r"[TE][0-9A-Z]+", "a workspace's id such as T07EA123LEP")
    slack_channel_id: str = text("", r"[CG][0-9A-Z]+", "a channel's id such as C07EZ1ABC23")
    trace_percent: int = whole(1, 0, 100)
    otlp_endpoint: str = text("", r"https://[^\s@/]+(/\S*)?", "an https URL without credentials")
    otlp_headers: str = text(
        "", _ARN + r"secretsmanager:\S+", "the ARN of a secret in Secrets Manager"
    )
    runbooks_url: str = text("", r"https?://\S+[^\s/]", "a URL without a slash at its end")
    log_days: int = choice(30, LOG_DAYS)

    @property
    def name(self) -> str:
        return f"{self.project}-{self.stack}"

    @property
    def production(self) -> bool:
        return self.tier == "prod"

    @property
    def base_load(self) -> int:
        """Requests in flight at the quietest time: as given, or a tenth of the peak."""
        return self.base_in_flight or -(-self.peak_in_flight // 10)

    @property
    def counted_database_class(self) -> str:
        """The smaller of what runs and of what is to run."""
        running = self.running_database_class or self.database_class
        return min(running, self.database_class, key=database_memory)

    @property
    def database_memory(self) -> int:
        """Bytes that can be counted on."""
        return database_memory(self.counted_database_class)

    @property
    def nat_gateways(self) -> int:
        """Those that the program makes: none in a VPC that exists."""
        if self.vpc_id or not self.nat:
            return 0
        return self.zones if self.production else 1

    @property
    def public(self) -> bool:
        """Anybody on the internet can reach the load balancer."""
        return not self.internal and WORLD in self.allow_from

    @property
    def ipv6(self) -> bool:
        """Of the load balancer's clients."""
        return any(":" in source for source in self.allow_from)

    @property
    def runbooks(self) -> str:
        """Where they are read: as given, or where `make runbooks` writes them in the project."""
        return self.runbooks_url or "infra/runbooks"

    @property
    def network_target_bytes(self) -> int:
        """`network_target_mbps` in bytes a second."""
        return self.network_target_mbps * 125_000

    @property
    def hosted_zone(self) -> str:
        """The Route 53 zone of the records: as given, or the domain's parent; "" for none."""
        if self.zone or not self.domain or self.certificate_arn:
            return self.zone
        parent = self.domain.partition(".")[2]
        return parent if "." in parent else self.domain

    @property
    def scheduled_bounds(self) -> tuple[Schedule, ...]:
        return tuple(read_schedule(line) for line in self.schedules)

    @property
    def vcpu_units(self) -> int:
        """Of one task or instance; 1024 are one vCPU."""
        if self.compute == "fargate":
            return self.task_cpu
        return instance_type(self.instance_types[0]).vcpu * 1024

    @property
    def memory_mib(self) -> int:
        """Of one task or instance."""
        if self.compute == "fargate":
            return self.task_memory_mib
        return instance_type(self.instance_types[0]).memory_mib

    @property
    def workers(self) -> int:
        """Processes of one task: one for each vCPU."""
        return max(1, self.vcpu_units // 1024)


KEYS = {key.name: key for key in fields(Config) if key.metadata}


def read(
    project: str, stack: str, values: Mapping[str, object], secrets: Collection[str] = ()
) -> Config:
    """Read each key (named without namespace) by itself; `secrets` are those that are encrypted.

    Raises ConfigError with a line for each key that can't be read.
    """
    typed: dict[str, Any] = {}
    refused = []
    for name, value in values.items():
        try:
            typed[name] = _typed(name, value, name in secrets)
        except ConfigError as refusal:
            refused.append(str(refusal))
    if refused:
        raise ConfigError("\n".join(refused))
    return Config(project=project, stack=stack, **typed)


def _typed(name: str, value: object, encrypted: bool) -> object:
    if name not in KEYS:
        raise ConfigError(f"{name}: no such key; Pulumi.yaml lists those that there are.")
    if KEYS[name].metadata.get("secret") and value and not encrypted:
        raise ConfigError(
            f"{name}: the value is in plain text; set it with `pulumi config set --secret {name}`."
        )
    return KEYS[name].metadata["read"](name, value)
