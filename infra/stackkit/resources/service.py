"""The service's environment: addresses of its dependencies, the plan's numbers, its secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi

from stackkit.plan import plan
from stackkit.resources import cache, database
from stackkit.resources.collector import Collector
from stackkit.resources.collector_config import OTLP_PORT
from stackkit.resources.container import Container
from stackkit.resources.service_metrics import ADMIN_PORT
from stackkit.settings.config import CONTAINER_PORT, Config

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class ServiceDependencies:
    """What the platform has for the service."""

    image: pulumi.Input[str]
    repository_arns: Sequence[pulumi.Input[str]]
    balancer_ranges: Sequence[str]
    database_host: pulumi.Input[str]
    # None: reads go where writes go
    replica_host: pulumi.Input[str] | None
    database_secret_arn: pulumi.Input[str]
    database_key_arn: pulumi.Input[str]
    cache_host: pulumi.Input[str]
    cache_secret_arn: pulumi.Input[str]
    collector: Collector


def container(settings: Config, numbers: plan.Plan, dependencies: ServiceDependencies) -> Container:
    return Container(
        image=dependencies.image,
        repository_arns=dependencies.repository_arns,
        environment=_environment(settings, numbers, dependencies),
        secrets=_secrets(settings, dependencies),
        key_arns=[dependencies.database_key_arn, *filter(None, [settings.secrets_key_arn])],
        numbers=numbers,
        collector=dependencies.collector,
    )


def outbound_ports(settings: Config) -> tuple[int, ...]:
    """HTTPS for AWS's APIs, and the port of the upstream."""
    upstream = urlsplit(settings.upstream_url)
    used = upstream.port or PORTS.get(upstream.scheme, PORTS["https"])
    return tuple(sorted({PORTS["https"], used}))


def _environment(
    settings: Config, numbers: plan.Plan, dependencies: ServiceDependencies
) -> Mapping[str, pulumi.Input[str]]:
    variables: dict[str, pulumi.Input[str]] = {
        **plan.environment(numbers),
        **_named(settings.environment),
        "ENVIRONMENT": "production",
        "HOST": "0.0.0.0",
        "PORT": str(CONTAINER_PORT),
        # the load balancer's addresses are in them, and only it reaches the service
        "TRUSTED_PROXIES": ",".join(dependencies.balancer_ranges),
        "ADMIN_PORT": str(ADMIN_PORT),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{OTLP_PORT}",
        "OTEL_SERVICE_NAME": settings.name,
        "OTEL_TRACES_SAMPLER_ARG": f"{settings.trace_percent / 100:g}",
        "DATABASE_URL": database.url(dependencies.database_host),
        "REDIS_URL": cache.url(dependencies.cache_host),
    }
    if dependencies.replica_host is not None:
        variables["DATABASE_REPLICA_URL"] = database.url(dependencies.replica_host)
    if settings.upstream_url:
        variables["UPSTREAM_URL"] = settings.upstream_url
    return variables


def _secrets(
    settings: Config, dependencies: ServiceDependencies
) -> Mapping[str, pulumi.Input[str]]:
    # RDS keeps JSON; ECS hands over one key of it
    password = pulumi.Output.format("{0}:password::", dependencies.database_secret_arn)
    return {
        **_named(settings.secrets),
        "DATABASE_PASSWORD": password,
        "REDIS_PASSWORD": dependencies.cache_secret_arn,
    }


def _named(lines: tuple[str, ...]) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in lines)
