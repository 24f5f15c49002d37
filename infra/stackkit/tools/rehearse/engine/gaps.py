"""What moto can't do, or does otherwise than AWS."""

from collections.abc import Callable, Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.elasticache.models import elasticache_backends
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from stackkit.tools.rehearse.account import ACCOUNT, SimulatedAccount

Parameters = Mapping[str, Any]


def _cache_subnet_group(account: SimulatedAccount, parameters: Parameters) -> None:
    groups = elasticache_backends[ACCOUNT][account.region].cache_subnet_groups
    del groups[parameters["CacheSubnetGroupName"]]


def _endpoints(account: SimulatedAccount, parameters: Parameters) -> None:
    # moto looks for the routes of a gateway endpoint by a name that it hasn't
    endpoints = ec2_backends[ACCOUNT][account.region].vpc_end_points
    for id in parameters["VpcEndpointIds"]:
        del endpoints[id]


BY_HAND: Mapping[str, Callable[[SimulatedAccount, Parameters], None]] = {
    "elasticache.DeleteCacheSubnetGroup": _cache_subnet_group,
    "ec2.DeleteVpcEndpoints": _endpoints,
}


def correct_moto() -> None:
    """A policy that denies plain HTTP would deny everything."""
    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL
