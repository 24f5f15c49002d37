"""The connections that all pools may open, compared with those of the database."""

from collections.abc import Iterator

from pulumi_policy import PolicyResource, StackValidationArgs

from stackkit.plan.pools import ROLLING_FACTOR, usable_connections
from stackkit.policy.containers import KINDS, DeclaredContainer, containers
from stackkit.policy.rules import Finding, of_kind, stack_policy
from stackkit.settings.aws_sizes import database_memory
from stackkit.settings.errors import ConfigError

DATABASE = "aws:rds/instance:Instance"
SERVICE = "aws:ecs/service:Service"
# the property that bounds the fleet
MAXIMA = {
    "aws:appautoscaling/target:Target": "maxCapacity",
    "aws:autoscaling/group:Group": "maxSize",
    "aws:autoscaling/schedule:Schedule": "maxSize",
}
SCHEDULED = "aws:appautoscaling/scheduledAction:ScheduledAction"
POOL = "DB_POOL_SIZE"
WORKERS = "WEB_CONCURRENCY"


@stack_policy("connections-fit")
def connections_fit(args: StackValidationArgs) -> Iterator[Finding]:
    """A deployment at the fleet's largest fits into the database's connections."""
    for resource in of_kind(args, *KINDS):
        for container in containers(resource.resource_type, resource.props):
            if "DATABASE_URL" in container.environment:
                yield from _spent(args, resource, container)


def _spent(
    args: StackValidationArgs, resource: PolicyResource, container: DeclaredContainer
) -> Iterator[Finding]:
    variables = container.environment
    missing = [name for name in (POOL, WORKERS) if not variables.get(name, "").isdecimal()]
    if missing:
        yield (
            f"{' and '.join(missing)} unset, so the pools are unbounded; let the plan set them.",
            resource,
        )
        return
    fleet = _largest_fleet(args)
    needed = int(variables[POOL]) * int(variables[WORKERS]) * ROLLING_FACTOR * fleet
    each = f"{POOL} {variables[POOL]} x {WORKERS} {variables[WORKERS]}"
    sum_of = f"{each} x {fleet} tasks x {ROLLING_FACTOR}"
    for database in of_kind(args, DATABASE):
        name = database.props["instanceClass"]
        try:
            usable = usable_connections(database_memory(name))
        except ConfigError as error:
            yield f"its connections can't be counted: {error}", database
            continue
        if needed > usable:
            yield (
                f"{sum_of} in a deployment are {needed:,} connections and {name} has {usable:,};"
                " use smaller pools, a smaller fleet or a larger class.",
                database,
            )


def _largest_fleet(args: StackValidationArgs) -> int:
    bounds = [r.props.get(MAXIMA[r.resource_type]) for r in of_kind(args, *MAXIMA)]
    bounds += [r.props["scalableTargetAction"].get("maxCapacity") for r in of_kind(args, SCHEDULED)]
    known = [int(bound) for bound in bounds if bound is not None]
    # a service that nothing scales
    fixed = [int(r.props.get("desiredCount") or 0) for r in of_kind(args, SERVICE)]
    return max(known or fixed, default=0)
