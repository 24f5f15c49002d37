"""What a running stack may become in one deployment, and what is refused with the way there."""

import threading
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs

import harness
from cloud import REGION, Cloud
from harness import keys, run
from plans import planned
from stackkit.plan import transition
from stackkit.settings.errors import ConfigError

LARGE, SMALL = "db.r8g.2xlarge", "db.r8g.xlarge"
TWO_CORES = {"task_cpu": 2048, "task_memory_mib": 4096}
VPC, OTHER_VPC, OTHER_RANGE = "vpc-0a1b2c3d", "vpc-0a1b2c3e", "10.1.0.0/16"
DATA = "would replace the database, the cache and the load balancer;"
FOUR, EIGHT = ["c8g.xlarge"], ["c8g.2xlarge"]


def existing(vpc: str) -> dict[str, object]:
    subnets = [f"subnet-0a1b2c3{digit}" for digit in range(6)]
    return {"vpc_id": vpc, "private_subnet_ids": subnets[:3], "public_subnet_ids": subnets[3:]}


def becomes(before: Mapping[str, object], after: Mapping[str, object], region: str = REGION) -> str:
    """Why a stack that was deployed with some keys refuses others; "" if it doesn't."""
    try:
        transition.check(planned(**after), REGION, transition.deployed(planned(**before), REGION))
    except ConfigError as refusal:
        return str(refusal)
    return ""


@pytest.mark.parametrize("after", [{"latency_ms": 100}, {"peak_in_flight": 60_000}, TWO_CORES])
def test_a_first_deployment_and_one_of_a_stack_without_this_output_are_free(
    after: Mapping[str, object],
) -> None:
    transition.check(planned(**after), REGION, {})


def test_larger_database_is_refused_until_a_key_names_the_running_class() -> None:
    now, wanted = {"database_class": SMALL}, {"database_class": LARGE}
    assert becomes(now, wanted) == (
        f"database_class: {SMALL} runs until RDS changes it in its maintenance window, and pools"
        f" must fit it; set running_database_class to {SMALL} until then."
    )
    waiting = wanted | {"running_database_class": SMALL}
    assert becomes(now, waiting) == ""
    # after the window
    assert becomes(waiting, wanted) == ""
    assert becomes(wanted, now) == ""
    assert becomes(now | {"tier": "dev"}, wanted | {"tier": "dev"}) == ""


@pytest.mark.parametrize(
    ("running", "wanted", "refused"),
    [
        ("18", "17", True),
        ("18.1", "18.0", True),
        ("18.10", "18.9", True),
        ("18", "17.9", True),
        ("18.1", "18", False),
        ("18", "18.1", False),
        ("17.9", "18.0", False),
        ("18.9", "18.10", False),
    ],
)
def test_an_older_database_version_is_refused(running: str, wanted: str, refused: bool) -> None:
    said = becomes({"database_version": running}, {"database_version": wanted})
    assert said.startswith(f"database_version: {wanted} is older than {running}") is refused


def test_larger_tasks_are_refused_while_the_many_small_ones_would_take_their_connections() -> None:
    small = planned()
    fleet = small.fleet.maximum.value
    assert becomes({}, TWO_CORES) == (
        f"task_cpu: up to {fleet} of the size before run until this deployment has replaced them;"
        f" set fleet_max to {fleet}, deploy, and set it to 0 when the fleet has shrunk."
    )
    kept = TWO_CORES | {"fleet_max": fleet}
    assert becomes({}, kept) == ""
    large = planned(**kept)
    connections = fleet * (
        small.pools.database.value * small.server.workers.value
        + large.pools.database.value * large.server.workers.value
    )
    assert connections <= small.pools.database_connections.value
    assert becomes(kept, TWO_CORES) == ""
    assert becomes(TWO_CORES, {}) == ""


def test_larger_instances_are_refused_while_the_group_would_be_cut_before_they_run() -> None:
    now, wanted = ({"compute": "ec2", "instance_types": kind} for kind in (FOUR, EIGHT))
    fleet = planned(**now).fleet.maximum.value
    assert planned(**wanted).fleet.maximum.value < fleet
    assert becomes(now, wanted) == (
        f"instance_types: up to {fleet} of the size before run until this deployment has replaced"
        f" them; set fleet_max to {fleet}, deploy, and set it to 0 when the fleet has shrunk."
    )
    kept = wanted | {"fleet_max": fleet}
    assert becomes(now, kept) == ""
    assert planned(**kept).fleet.maximum.value == fleet
    assert becomes(kept, wanted) == ""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (existing(VPC), existing(OTHER_VPC), f'vpc_id: "{OTHER_VPC}" instead of "{VPC}" {DATA}'),
        ({}, existing(VPC), f'vpc_id: "{VPC}" instead of "" {DATA}'),
        (existing(VPC), {}, f'vpc_id: "" instead of "{VPC}" {DATA}'),
        (
            {},
            {"vpc_cidr": OTHER_RANGE},
            f'vpc_cidr: "{OTHER_RANGE}" instead of "10.0.0.0/16" {DATA}',
        ),
        (
            {},
            {"internal": True},
            "internal: true instead of false would replace the load balancer, whose address others"
            " know",
        ),
    ],
)
def test_a_key_that_would_replace_what_lasts_is_refused(
    before: Mapping[str, object], after: Mapping[str, object], said: str
) -> None:
    refusal = becomes(before, after)
    assert refusal.startswith(said)
    assert refusal.endswith(
        "; set it back, or make another stack, or this one anew after `pulumi destroy`, and bring"
        " the data along."
    )
    assert "\n" not in refusal


@pytest.mark.parametrize(("key", "now"), [("aws:region", REGION), ("name", "shop-prod")])
def test_another_region_and_a_renamed_stack_are_refused(key: str, now: str) -> None:
    before = {**transition.deployed(planned(), REGION), key: "other"}
    with pytest.raises(ConfigError) as refusal:
        transition.check(planned(), REGION, before)
    said = f'{key}: "{now}" instead of "other" would replace everything; set it back, or make'
    assert str(refusal.value).startswith(said)


def test_fewer_zones_are_refused_and_more_are_not() -> None:
    assert becomes({"zones": 3}, {"zones": 2}) == (
        "zones: the database or the cache may stand in one that goes, and AWS keeps its subnet"
        " then; set it back to 3."
    )
    assert becomes({"zones": 2}, {"zones": 3}) == ""


def test_an_output_from_before_a_key_was_remembered_refuses_none() -> None:
    before = transition.deployed(planned(), REGION)
    older = {key: before[key] for key in before if key not in ("internal", "zones", "vpc_id")}
    transition.check(planned(internal=True, zones=2), REGION, older)


def test_a_smaller_peak_of_the_same_tasks_is_no_other_size() -> None:
    assert becomes({"peak_in_flight": 50_000}, {"peak_in_flight": 20_000}) == ""


def test_the_program_asks_the_stack_for_its_last_deployment() -> None:
    first = run("prod", keys("prod"))
    before = first.outputs["deployed"]
    assert before["database_version"] == "18"
    last = {"organization/shop/prod": first.outputs}
    again = run("prod", keys("prod"), last_outputs=last)
    assert again.outputs["deployed"] == before
    older = keys("prod") | {"database_version": "17"}
    for preview in (True, False):
        with pytest.raises(pulumi.RunError, match=r"^database_version: 17 is older than 18"):
            run("prod", older, last_outputs=last, preview=preview)


def test_the_state_is_read_after_the_engine_has_written_the_stack_into_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    was_read = threading.Event()
    register, call = harness.Recorder.RegisterResource, Cloud.call

    def registers_slowly(monitor: harness.Recorder, request: Any) -> Any:
        if request.type == "pulumi:pulumi:Stack":
            assert not was_read.wait(0.5)
        return register(monitor, request)

    def reads(cloud: Cloud, asked: MockCallArgs) -> Any:
        if asked.token == "pulumi:pulumi:readStackOutputs":
            was_read.set()
        return call(cloud, asked)

    monkeypatch.setattr(harness.Recorder, "RegisterResource", registers_slowly)
    monkeypatch.setattr(Cloud, "call", reads)
    run("dev", keys("dev"))
    assert was_read.is_set()
