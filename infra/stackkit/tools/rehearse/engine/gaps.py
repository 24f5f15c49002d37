"""What moto can't do, or does otherwise than AWS."""

from collections.abc import Callable, Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.launch_templates import LaunchTemplateVersion
from moto.ec2.utils import parse_user_data
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
    """A policy that denies plain HTTP would deny everything, and a template's second version
    could start no instance."""
    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL
    template: Any = LaunchTemplateVersion
    template.user_data = property(_user_data)


def _user_data(version: LaunchTemplateVersion) -> Any:
    given = version.data.get("UserData")
    return parse_user_data(given) if isinstance(given, str) else given
