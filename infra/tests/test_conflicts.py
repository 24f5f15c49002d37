import re

import pytest

from plans import COMPLETE, parse, stack
from stackkit.settings.errors import ConfigError

NO_IN_FLIGHT = (
    "scaling_policies: only an Auto Scaling group follows in_flight, by a metric in CloudWatch;"
    " leave it out, or set compute to ec2 and unset otlp_endpoint."
)
EC2 = {"compute": "ec2"}
DEV = {"tier": "dev"}
EXISTING = {
    "vpc_id": "vpc-0a1b2c3d",
    "zones": 2,
    "public_subnet_ids": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"],
    "private_subnet_ids": ["subnet-1a1b2c3d", "subnet-1a1b2c3e"],
}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"base_in_flight": 60_000},
            "base_in_flight: 60000 is above peak_in_flight (50000); lower the one or raise the"
            " other.",
        ),
        (
            {"latency_ms": 10_000},
            "latency_ms: a mean of 10000 ms is no less than the deadline of 10 s; raise"
            " request_timeout_s or correct the unit.",
        ),
        (
            {"task_memory_mib": 1024},
            "task_memory_mib: Fargate has no task of 1024 CPU units and 1024 MiB; with 1024 units"
            " use 2048 to 8192 in steps of 1024.",
        ),
        (
            {"slack_channel_id": "C07EZ1ABC23"},
            "slack_channel_id: it needs slack_workspace_id, and the other way round; set both.",
        ),
        (
            EC2 | {"rollout": "canary"},
            "rollout: an Auto Scaling group shifts no share of the requests; set it to rolling, or"
            " compute to fargate.",
        ),
        (
            {"bake_ami": True},
            "bake_ami: only compute ec2 has an AMI; unset it or set compute to ec2.",
        ),
        (
            {"ami_id": "ami-0123456789abcdef0"},
            "ami_id: only compute ec2 has an AMI; unset it or set compute to ec2.",
        ),
        (
            {"warm_pool": 3},
            "warm_pool: only compute ec2 has one; set it to 0 or set compute to ec2.",
        ),
        (
            EC2 | {"instance_types": ["c7i.xlarge"]},
            "instance_types: c7i.xlarge is x86_64 and the image is arm64; choose instances of that"
            " architecture or change architecture.",
        ),
        (
            EC2 | {"instance_types": ["c7g.large", "c7g.xlarge"]},
            "instance_types: c7g.xlarge has 4 vCPU and c7g.large 2; use one size, because each"
            " target gets the same share.",
        ),
        (
            EC2 | {"instance_types": ["m7g.large"]},
            "instance_types: m7g.large is not a known compute-optimized instance; use a size from"
            " large to 8xlarge (Graviton also medium) of c6g, c7g, c8g, c6i, c7i, c8i.",
        ),
        (
            EC2 | {"exec": True},
            "exec: instances take shells without it; set it to false, or compute to fargate.",
        ),
        (
            EC2 | {"instance_types": []},
            "instance_types: the list is empty; name at least one instance type.",
        ),
        (
            EC2 | {"warm_pool": 3},
            "warm_pool: a group with one launches a single instance type on demand; leave one in"
            " instance_types and set spot_percent to 0, or set warm_pool to 0.",
        ),
        (
            EC2 | {"ami_id": "ami-0123456789abcdef0", "bake_ami": True},
            "bake_ami: ami_id is set too; unset one of them.",
        ),
        (
            {"scaling_policies": []},
            "scaling_policies: the list is empty and the fleet would stay at its minimum; use cpu,"
            " requests, network, in_flight or step.",
        ),
        ({"scaling_policies": ["cpu", "in_flight"]}, NO_IN_FLIGHT),
        (
            EC2 | {"scaling_policies": ["in_flight"], "otlp_endpoint": "https://otlp.example.com"},
            NO_IN_FLIGHT,
        ),
        (
            {"fleet_min": 400, "fleet_max": 390},
            "fleet_min: 400 is above fleet_max (390); lower the one or raise the other.",
        ),
        (
            {"vpc_cidr": "10.0.0.1/16"},
            "vpc_cidr: 10.0.0.1/16 is not a network; use for example 10.0.0.0/16.",
        ),
        (
            {"vpc_cidr": "10.0.0.0/20"},
            "vpc_cidr: 10.0.0.0/20 is not a private range of /16 to /19; AWS takes no larger one"
            " and a smaller one leaves the load balancer too few addresses.",
        ),
        (
            DEV | {"domain": "", "zone": "example.com"},
            "zone: it needs a domain; set domain or unset zone.",
        ),
        (
            DEV
            | {
                "domain": "",
                "certificate_arn": "arn:aws:acm:eu-central-1:123456789012:certificate/1-2",
            },
            "certificate_arn: it needs a domain; set domain or unset certificate_arn.",
        ),
        (
            {"alb_lcu": 10},
            "alb_lcu: AWS reserves no less than 100 units and 10 are asked for; use more, or 0 for"
            " none.",
        ),
        (
            {"zone": "ample.com"},
            "zone: api.example.com is not in ample.com; use the domain itself or a parent.",
        ),
        (
            {"domain": ""},
            "domain: production without one would serve plain HTTP; set domain (with a Route 53"
            " zone or a certificate_arn), or set allow_http to true to accept that.",
        ),
        (
            {"database_class": "db.c7g.large"},
            "database_class: db.c7g.large is not a known class; use for example db.t4g.micro,"
            " db.m8g.large or db.r8g.2xlarge (families t4g, m6g, m7g, m8g, m6i, m7i, r6g, r7g, r8g,"
            " r6i, r7i).",
        ),
        (
            {"cache_class": "cache.r7g.micro"},
            "cache_class: cache.r7g.micro is not a known node type; use for example"
            " cache.t4g.micro, cache.m7g.large or cache.r7g.large (families t4g, m6g, m7g, m8g,"
            " r6g, r7g, r8g).",
        ),
        (
            {"database_storage_gb": 1000},
            "database_storage_max_gb: 1000 is less than a tenth above database_storage_gb (1000),"
            " and RDS grows by no less; raise it.",
        ),
        (
            {"cache_replicas": 0},
            "cache_replicas: production fails over to a replica; use 1 or more, or set tier to"
            " dev.",
        ),
        ({"backup_days": 0}, "backup_days: production keeps backups; use 1 to 35."),
        (
            DEV | {"backup_days": 0, "database_replicas": 1},
            "database_replicas: RDS replicates only with backups; set backup_days.",
        ),
        (
            {"private_subnet_ids": ["subnet-0a1b2c3d"]},
            "private_subnet_ids: it needs vpc_id; set vpc_id or unset private_subnet_ids.",
        ),
        (
            EXISTING | {"vpc_cidr": "10.1.0.0/16"},
            "vpc_cidr: the VPC of vpc_id has a range of its own; unset vpc_cidr.",
        ),
        (
            EXISTING | DEV | {"nat": False},
            "nat: routes of the VPC of vpc_id lead tasks to the internet; set nat to true.",
        ),
        (
            EXISTING | {"internal": True},
            "public_subnet_ids: an internal load balancer stands in the private subnets; unset it.",
        ),
        (
            EXISTING | {"zones": 3, "internal": True, "public_subnet_ids": []},
            "private_subnet_ids: 2 are named and zones is 3; name one in each zone.",
        ),
        (
            EXISTING | {"public_subnet_ids": []},
            "public_subnet_ids: 0 are named and zones is 2; name one in each zone.",
        ),
        (
            {"allow_from": ["2001:db8::/32"]},
            "allow_from: the VPC that the program makes has no IPv6; name IPv4 ranges, or set"
            " vpc_id.",
        ),
        (
            {"allow_from": []},
            "allow_from: the list is empty and nobody reaches the load balancer; name a range.",
        ),
        (
            {"allow_from": ["office"]},
            "allow_from: office is not a range of addresses; use for example 203.0.113.0/24.",
        ),
        (
            {"allow_from": ["203.0.113.7/24"]},
            "allow_from: 203.0.113.7/24 is not how AWS writes the range; write it as"
            " 203.0.113.0/24.",
        ),
        (
            {"environment": ["MAX_IN_FLIGHT=9"]},
            "environment: MAX_IN_FLIGHT is set by the program; use the key it comes from.",
        ),
        (
            {"environment": ["DATABASE_PASSWORD=hunter2"]},
            "environment: DATABASE_PASSWORD is set by the program; use the key it comes from.",
        ),
        (
            {"environment": ["A=1", "A=2"]},
            "environment: A is there twice, in environment or secrets.",
        ),
        (
            {"environment": ["STRIPE_API_KEY=hunter2"]},
            "environment: STRIPE_API_KEY looks like a secret in plain text; put it into Secrets"
            " Manager and name its ARN in secrets as STRIPE_API_KEY=arn:….",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
        stack(**values)


def test_all_contradictions_are_reported_in_one_run() -> None:
    wrong = {"instance_types": ["t2.micro"], "domain": "", "cache_replicas": 0, "alb_lcu": 5}
    with pytest.raises(ConfigError) as refused:
        stack(**EC2 | wrong | {"database_class": "db.x9.large"})
    named = [line.partition(":")[0] for line in str(refused.value).splitlines()]
    assert named == ["instance_types", "domain", "alb_lcu", "database_class"]


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_development_needs_no_key(compute: str) -> None:
    bare = {"tier": "dev", "compute": compute}
    made = parse("shop", "dev", bare)
    assert (made.image, made.upstream_url, made.domain) == ("", "", "")


def test_a_name_that_a_load_balancer_cannot_have_is_refused() -> None:
    sentence = (
        "a-name-of-18-chars-staging: project and stack have 26 characters together and names of"
        " load balancers leave room for 24; use a shorter stack name."
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
        parse("a-name-of-18-chars", "staging", COMPLETE)
    with pytest.raises(ConfigError, match=r"24 characters together .* leave room for 20;"):
        parse("a-name-of-18-chars", "europ", COMPLETE | {"rollout": "canary"})


def test_a_name_that_another_stacks_deployer_would_take_for_its_own_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^shop-prod-task: its resources would have the names"):
        parse("shop", "prod-task", COMPLETE)
    assert parse("shop", "prod-eu", COMPLETE).name == "shop-prod-eu"
    assert parse("shop", "state", COMPLETE).name == "shop-state"


def test_production_with_allow_http_serves_http() -> None:
    assert stack(domain="", allow_http=True).hosted_zone == ""
