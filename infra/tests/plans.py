"""Stacks to plan with: the values of a test, over defaults that nothing refuses."""

from hypothesis import settings

from stackkit.plan import plan
from stackkit.settings import config
from stackkit.settings.load import parse

# the same examples each time, however slow the machine; nothing is kept between runs
settings.register_profile("infra", derandomize=True, deadline=None, database=None)
settings.load_profile("infra")

COMPLETE: dict[str, object] = {
    "domain": "api.example.com",
    "upstream_url": "https://upstream.example.com",
}


def stack(**values: object) -> config.Config:
    return parse("shop", "prod", COMPLETE | values)


def planned(**values: object) -> plan.Plan:
    return plan.derive(stack(**values))
