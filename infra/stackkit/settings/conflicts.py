"""Values that are fine alone and refused together: one sentence each, naming the key."""

from collections.abc import Iterator

from stackkit.settings.aws_sizes import (
    FARGATE_MEMORY,
    check_cache_class,
    database_memory,
    instance_type,
)
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError
from stackkit.settings.network_conflicts import access, network

# a load balancer's name has 32 characters; Pulumi appends a hyphen and 7 digits
LONGEST_NAME = 24
SMALLEST_RESERVATION = 100
# resources of a stack are named by it, and by one of these: deployers know their own by that
_PURPOSES = """
    task execution instance builder rotation restart flow monitoring proxy metrics page ticket
    cache logs deployer reader boundary state slack balancer alt exec
"""
PURPOSES = tuple(_PURPOSES.split())
_TELLING = ("PASSWORD", "SECRET", "TOKEN", "CREDENTIAL", "PRIVATE_KEY", "API_KEY")
# the program sets these variables of the service; a test compares them with its environment
_VARIABLES = """
    DATABASE_URL DATABASE_REPLICA_URL DATABASE_PASSWORD REDIS_URL REDIS_PASSWORD
    UPSTREAM_URL HOST PORT TRUSTED_PROXIES ENVIRONMENT ADMIN_PORT
    OTEL_EXPORTER_OTLP_ENDPOINT OTEL_SERVICE_NAME OTEL_TRACES_SAMPLER_ARG WEB_CONCURRENCY
    MAX_IN_FLIGHT GRANIAN_BACKLOG GRANIAN_BACKPRESSURE DRAIN_TIME
    GRANIAN_WORKERS_KILL_TIMEOUT GRANIAN_HTTP1_HEADER_READ_TIMEOUT DB_POOL_SIZE
    DB_ACQUIRE_TIMEOUT DB_COMMAND_TIMEOUT DB_CONNECTION_LIFETIME REDIS_POOL_SIZE
    UPSTREAM_CONNECTIONS UPSTREAM_TIMEOUT REQUEST_TIMEOUT
"""
PROGRAM_VARIABLES = tuple(_VARIABLES.split())


def check(config: Config) -> None:
    """Raises ConfigError with a line for each contradiction."""
    if found := contradictions(config):
        raise ConfigError("\n".join(found))


def contradictions(config: Config) -> list[str]:
    """One sentence for each."""
    compute = _fargate if config.compute == "fargate" else _ec2
    checks = (_name, _workload, compute, _scaling, network, access, _edge, _data)
    found = [
        sentence
        for check in (*checks, _environment, _observability)
        for sentence in _collected(check(config))
    ]
    return list(dict.fromkeys(found))


def _collected(sentences: Iterator[str]) -> Iterator[str]:
    """All of them; looking up an unknown class or instance type ends a check."""
    try:
        yield from sentences
    except ConfigError as refusal:
        yield str(refusal)


def _name(config: Config) -> Iterator[str]:
    whole, _, last = config.name.rpartition("-")
    if "-" in whole and last in PURPOSES:
        yield (
            f"{config.name}: its resources would have the names of those of a stack {whole};"
            f" use a stack name that does not end with {last}."
        )
    room = LONGEST_NAME - (len("-alt") if config.rollout == "canary" else 0)
    if len(config.name) > room:
        yield (
            f"{config.name}: project and stack have {len(config.name)} characters together and"
            f" names of load balancers leave room for {room}; use a shorter stack name."
        )


def _workload(config: Config) -> Iterator[str]:
    if config.base_in_flight > config.peak_in_flight:
        yield (
            f"base_in_flight: {config.base_in_flight} is above peak_in_flight"
            f" ({config.peak_in_flight}); lower the one or raise the other."
        )
    if config.latency_ms >= config.request_timeout_s * 1000:
        yield (
            f"latency_ms: a mean of {config.latency_ms} ms is no less than the deadline of"
            f" {config.request_timeout_s} s; raise request_timeout_s or correct the unit."
        )


def _fargate(config: Config) -> Iterator[str]:
    allowed = FARGATE_MEMORY[config.task_cpu]
    if config.task_memory_mib not in allowed:
        yield (
            f"task_memory_mib: Fargate has no task of {config.task_cpu} CPU units and"
            f" {config.task_memory_mib} MiB; with {config.task_cpu} units use {allowed[0]} to"
            f" {allowed[-1]} in steps of {allowed[-1] - allowed[-2]}."
        )
    for key, given in (("ami_id", config.ami_id), ("bake_ami", config.bake_ami)):
        if given:
            yield f"{key}: only compute ec2 has an AMI; unset it or set compute to ec2."
    if config.warm_pool:
        yield "warm_pool: only compute ec2 has one; set it to 0 or set compute to ec2."


def _ec2(config: Config) -> Iterator[str]:
    if config.exec:
        yield "exec: instances take shells without it; set it to false, or compute to fargate."
    if not config.instance_types:
        yield "instance_types: the list is empty; name at least one instance type."
    kinds = [instance_type(name) for name in config.instance_types]
    for kind in kinds:
        if kind.architecture != config.architecture:
            yield (
                f"instance_types: {kind.name} is {kind.architecture} and the image is"
                f" {config.architecture}; choose instances of that architecture or change"
                " architecture."
            )
        if kind.vcpu != kinds[0].vcpu:
            yield (
                f"instance_types: {kind.name} has {kind.vcpu} vCPU and {kinds[0].name}"
                f" {kinds[0].vcpu}; use one size, because each target gets the same share."
            )
    if config.rollout == "canary":
        yield (
            "rollout: an Auto Scaling group shifts no share of the requests; set it to rolling, or"
            " compute to fargate."
        )
    if config.warm_pool and (len(kinds) > 1 or config.spot_percent):
        yield (
            "warm_pool: a group with one launches a single instance type on demand; leave one in"
            " instance_types and set spot_percent to 0, or set warm_pool to 0."
        )
    if config.ami_id and config.bake_ami:
        yield "bake_ami: ami_id is set too; unset one of them."


def _scaling(config: Config) -> Iterator[str]:
    if not config.scaling_policies:
        yield (
            "scaling_policies: the list is empty and the fleet would stay at its minimum; use"
            " cpu, requests, network, in_flight or step."
        )
    if "in_flight" in config.scaling_policies and (
        config.compute == "fargate" or config.otlp_endpoint
    ):
        yield (
            "scaling_policies: only an Auto Scaling group follows in_flight, by a metric in"
            " CloudWatch; leave it out, or set compute to ec2 and unset otlp_endpoint."
        )
    both = config.fleet_min and config.fleet_max
    if both and config.fleet_min > config.fleet_max:
        yield (
            f"fleet_min: {config.fleet_min} is above fleet_max ({config.fleet_max}); lower the one"
            " or raise the other."
        )


def _edge(config: Config) -> Iterator[str]:
    for key, given in (("zone", config.zone), ("certificate_arn", config.certificate_arn)):
        if given and not config.domain:
            yield f"{key}: it needs a domain; set domain or unset {key}."
    inside = config.domain == config.zone or config.domain.endswith(f".{config.zone}")
    if config.zone and config.domain and not inside:
        yield (f"zone: {config.domain} is not in {config.zone}; use the domain itself or a parent.")
    if config.production and not config.domain and not config.allow_http:
        yield (
            "domain: production without one would serve plain HTTP; set domain (with a Route 53"
            " zone or a certificate_arn), or set allow_http to true to accept that."
        )
    if 0 < config.alb_lcu < SMALLEST_RESERVATION:
        yield (
            f"alb_lcu: AWS reserves no less than {SMALLEST_RESERVATION} units and {config.alb_lcu}"
            " are asked for; use more, or 0 for none."
        )


def _data(config: Config) -> Iterator[str]:
    database_memory(config.database_class)
    database_memory(config.running_database_class or config.database_class)
    check_cache_class(config.cache_class)
    if config.database_storage_max_gb * 10 < config.database_storage_gb * 11:
        yield (
            f"database_storage_max_gb: {config.database_storage_max_gb} is less than a tenth above"
            f" database_storage_gb ({config.database_storage_gb}), and RDS grows by no less; raise"
            " it."
        )
    if config.production and not config.cache_replicas:
        yield (
            "cache_replicas: production fails over to a replica; use 1 or more, or set tier to dev."
        )
    if config.production and not config.backup_days:
        yield "backup_days: production keeps backups; use 1 to 35."
    if config.database_replicas and not config.backup_days:
        yield "database_replicas: RDS replicates only with backups; set backup_days."


def _observability(config: Config) -> Iterator[str]:
    if config.otlp_headers and not config.otlp_endpoint:
        yield "otlp_headers: nothing is sent there; set otlp_endpoint or unset it."
    if bool(config.slack_channel_id) != bool(config.slack_workspace_id):
        yield "slack_channel_id: it needs slack_workspace_id, and the other way round; set both."


def _environment(config: Config) -> Iterator[str]:
    names = [line.partition("=")[0] for line in config.environment + config.secrets]
    for name in names:
        if name in PROGRAM_VARIABLES:
            yield f"environment: {name} is set by the program; use the key it comes from."
        if names.count(name) > 1:
            yield f"environment: {name} is there twice, in environment or secrets."
    for line in config.environment:
        name = line.partition("=")[0]
        if name not in PROGRAM_VARIABLES and any(word in name for word in _TELLING):
            yield (
                f"environment: {name} looks like a secret in plain text; put it into Secrets"
                f" Manager and name its ARN in secrets as {name}=arn:…."
            )
