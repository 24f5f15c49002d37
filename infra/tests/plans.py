"""Stacks to plan with: the values of a test, over defaults that nothing refuses."""

from collections.abc import Collection, Mapping

from hypothesis import settings

from stackkit.plan import plan
from stackkit.settings import config, conflicts

# the same examples each time, however slow the machine; nothing is kept between runs
settings.register_profile("infra", derandomize=True, deadline=None, database=None)
settings.load_profile("infra")

COMPLETE: dict[str, object] = {
    "domain": "api.example.com",
    "upstream_url": "https://upstream.example.com",
}


def parse(
    project: str, stack: str, values: Mapping[str, object], secrets: Collection[str] = ()
) -> config.Config:
    """The config of keys that are valid alone and together."""
    read = config.read(project, stack, values, secrets)
    conflicts.check(read)
    return read


def stack(**values: object) -> config.Config:
    return parse("shop", "prod", COMPLETE | values)


def planned(**values: object) -> plan.Plan:
    return plan.derive(stack(**values))
