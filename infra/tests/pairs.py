"""Every pair of the platform's options in as few stacks as will do, the same ones each time."""

import json
from collections.abc import Iterator, Mapping
from itertools import combinations, product

from harness import keys

ARN = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
SECRETS = json.dumps(
    [
        "PAYMENTS=arn:aws:secretsmanager:eu-west-1:123456789012:secret:payments-AbCdEf:key::",
        "MAIL=arn:aws:ssm:eu-west-1:123456789012:parameter/mail",
    ]
)
SECRETS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
Values = Mapping[str, str]
DERIVED = {"step_out_requests": "0", "step_in_requests": "0"}

# option → what a stack may choose, the plain way first; each choice is the keys that it sets
OPTIONS: Mapping[str, Mapping[str, Values]] = {
    "tier": {"dev": {}, "prod": {}},
    "compute": {"fargate": {}, "ec2": {}},
    "edge": {"domain": {}, "none": {}, "own certificate": {"certificate_arn": ARN}},
    "replica": {"none": {}, "two": {"database_replicas": "2"}},
    "proxy": {"off": {}, "on": {"database_proxy": "true"}},
    "rollout": {"rolling": {}, "canary": {"rollout": "canary"}},
    "spot": {"none": {}, "half": {"spot_percent": "50"}},
    "warm pool": {
        "none": {},
        "two": {"warm_pool": "2", "instance_types": '["c7g.xlarge"]'},
    },
    "ami": {"Amazon's": {}, "baked": {"bake_ami": "true"}, "own": {"ami_id": "ami-12345678"}},
    "exec": {"off": {}, "on": {"exec": "true"}},
    "delivery": {"by hand": {}, "GitHub": {"github_repository": "acme/shop"}},
    "scaling": {
        "cpu and requests": {},
        "step": {"scaling_policies": '["step"]', **DERIVED},
        "network beside step": {"scaling_policies": '["network", "step"]', **DERIVED},
        "in flight": {"scaling_policies": '["cpu", "in_flight"]'},
    },
    "predictive": {"off": {}, "forecast": {"predictive_scaling": "forecast"}},
    "schedules": {"none": {}, "one": {"schedules": '["0 7 * * MON-FRI = 1..1"]'}},
    "slack": {
        "off": {},
        "on": {"slack_workspace_id": "T07EA123LEP", "slack_channel_id": "C07EZ1ABC23"},
    },
    "waf": {"on": {"waf": "true"}, "off": {"waf": "false"}},
    "network": {"made": {}, "existing": {"vpc_id": "vpc-0a1b2c3d"}},
    "nat": {"gateways": {}, "none": {"nat": "false"}},
    "balancer": {"public": {}, "internal": {"internal": "true"}},
    "clients": {
        "anybody": {},
        "a range": {"allow_from": '["203.0.113.0/24"]'},
        "IPv6": {"allow_from": '["0.0.0.0/0", "::/0"]'},
    },
    "zones": {"three": {}, "two": {"zones": "2"}},
    "reserved": {"none": {}, "some": {"alb_lcu": "500"}},
    "secrets": {"own": {}, "more": {"secrets": SECRETS, "secrets_key_arn": SECRETS_KEY}},
    "cache password": {"made": {}, "given": {"cache_password": "0123456789abcdef"}},
    "processor": {
        "arm64": {},
        "x86_64": {"architecture": "x86_64", "instance_types": '["c7i.xlarge"]'},
    },
}
Choices = Mapping[str, str]
Pair = tuple[tuple[str, str], tuple[str, str]]


def allowed(choices: Choices) -> bool:
    """What conflicts.py refuses together; of the options that are chosen so far."""
    warm = choices.get("warm pool") == "two"
    own = choices.get("ami", "Amazon's") != "Amazon's" or choices.get("scaling") == "in flight"
    if choices.get("exec") == "on" and (choices.get("compute") == "ec2" or warm or own):
        return False
    existing = choices.get("network") == "existing"
    private = choices.get("tier") == "prod" or choices.get("compute") == "ec2" or existing
    if choices.get("nat") == "none" and (private or warm or own):
        return False
    if choices.get("clients") == "IPv6" and (
        choices.get("network") == "made" or choices.get("nat") == "none"
    ):
        return False
    if choices.get("compute") == "fargate":
        return not (warm or own)
    canary = choices.get("rollout") == "canary"
    if canary and (warm or own or choices.get("compute") == "ec2"):
        return False
    return not (warm and choices.get("spot") == "half")


def every_pair() -> list[Pair]:
    """Those that one stack may have."""
    return [
        pair
        for first, second in combinations(OPTIONS, 2)
        for pair in product(_choices(first), _choices(second))
        if allowed(dict(pair))
    ]


def stacks() -> Iterator[Choices]:
    """The eight plain ones, and then as many as it takes for each pair to be in one of them."""
    plain = {option: next(iter(choices)) for option, choices in OPTIONS.items()}
    left = dict.fromkeys(every_pair())
    for tier, compute, edge in product(("dev", "prod"), ("fargate", "ec2"), ("domain", "none")):
        yield _counted(plain | {"tier": tier, "compute": compute, "edge": edge}, left)
    while left:
        yield _counted(_filled(dict(next(iter(left))), left), left)


def _filled(chosen: dict[str, str], left: Mapping[Pair, None]) -> Choices:
    """Each further option as it makes the most pairs that are still missing."""
    for option in [option for option in OPTIONS if option not in chosen]:
        tried = [chosen | {option: choice} for choice in OPTIONS[option]]
        chosen = max(filter(allowed, tried), key=lambda one: len(left.keys() & _pairs(one)))
    return chosen


def _counted(stack: Choices, left: dict[Pair, None]) -> Choices:
    for pair in _pairs(stack):
        left.pop(pair, None)
    return stack


def _choices(option: str) -> list[tuple[str, str]]:
    return [(option, choice) for choice in OPTIONS[option]]


def _pairs(stack: Choices) -> set[Pair]:
    return set(combinations([(o, stack[o]) for o in OPTIONS if o in stack], 2))


def values(stack: Choices) -> dict[str, str]:
    """The keys that set these choices."""
    chosen = keys(stack["tier"], stack["compute"], stack["edge"] != "none")
    for option, choice in stack.items():
        chosen |= OPTIONS[option][choice]
    return chosen | (_subnets(chosen) if "vpc_id" in chosen else {})


def _subnets(chosen: Values) -> dict[str, str]:
    """Of a VPC that exists: one for each zone, public ones where the load balancer needs them."""

    def ids(start: str) -> str:
        return json.dumps([f"subnet-{start}{n}" for n in range(int(chosen.get("zones", "3")))])

    public = {} if "internal" in chosen else {"public_subnet_ids": ids("aaaaaaa")}
    return {"private_subnet_ids": ids("bbbbbbb")} | public
