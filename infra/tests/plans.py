"""Stacks to plan with: the values of a test, over defaults that nothing refuses."""

import config
import plan

COMPLETE: dict[str, object] = {
    "domain": "api.example.com",
    "upstream_url": "https://upstream.example.com",
}


def stack(**values: object) -> config.Config:
    return config.parse("shop", "prod", COMPLETE | values)


def planned(**values: object) -> plan.Plan:
    return plan.derive(stack(**values).inputs())
