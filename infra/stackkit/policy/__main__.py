"""The policy pack that `pulumi up --policy-pack policy` starts."""

from pulumi_policy import EnforcementLevel, PolicyPack

from stackkit.policy.pack import NAME, POLICIES

if __name__ == "__main__":
    PolicyPack(name=NAME, policies=POLICIES, enforcement_level=EnforcementLevel.MANDATORY)
