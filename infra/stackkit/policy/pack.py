from pulumi_policy import Policy

from stackkit.policy import (
    access,
    budget,
    durability,
    encryption,
    exposure,
    listeners,
    timing,
    workload,
)

NAME = "service-invariants"
POLICIES: list[Policy] = [
    *exposure.POLICIES,
    *encryption.POLICIES,
    *listeners.POLICIES,
    *timing.POLICIES,
    *durability.POLICIES,
    *budget.POLICIES,
    *access.POLICIES,
    *workload.POLICIES,
]
