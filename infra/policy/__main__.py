"""The policy pack that `pulumi up --policy-pack policy` starts."""

import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

# Pulumi starts this folder alone, and the budget is counted with the plan's own functions
sys.path.insert(0, str(Path(__file__).absolute().parent.parent))

from policy.pack import NAME, POLICIES

if __name__ == "__main__":
    PolicyPack(name=NAME, policies=POLICIES, enforcement_level=EnforcementLevel.MANDATORY)
