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
MODULES = (exposure, encryption, listeners, timing, durability, budget, access, workload)
POLICIES = [
    each for module in MODULES for each in vars(module).values() if isinstance(each, Policy)
]
