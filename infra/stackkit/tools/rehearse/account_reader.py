"""Reads a simulated account through its API."""

from functools import cached_property
from typing import Any

from stackkit.tools.rehearse.account import SimulatedAccount

Found = list[dict[str, Any]]


class AccountReader:
    def __init__(self, account: SimulatedAccount) -> None:
        self.account = account

    def read(self, service: str, method: str, key: str, **asked: Any) -> Found:
        client = self.account.client(service)
        if not client.can_paginate(method):
            return getattr(client, method)(**asked)[key]
        pages = client.get_paginator(method).paginate(**asked)
        return [entry for page in pages for entry in page[key]]

    @cached_property
    def target_groups(self) -> Found:
        return self.read("elbv2", "describe_target_groups", "TargetGroups")

    @cached_property
    def scalable(self) -> Found:
        """Services whose number of tasks may change."""
        return self.read(
            "application-autoscaling",
            "describe_scalable_targets",
            "ScalableTargets",
            ServiceNamespace="ecs",
        )
