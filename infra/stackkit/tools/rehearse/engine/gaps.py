"""What moto can't do, or does otherwise than AWS."""

from typing import Any

from moto.core.responses import EmptyResult
from moto.ec2.models.vpcs import VPCBackend
from moto.elasticache.responses import ElastiCacheResponse
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket


def correct_moto() -> None:
    # a policy that denies plain HTTP would deny everything
    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL
    network: Any = VPCBackend
    # moto looks for the routes of a gateway endpoint by a name that it hasn't
    network.delete_vpc_endpoints = _delete_endpoints
    caches: Any = ElastiCacheResponse
    caches.delete_cache_subnet_group = _delete_cache_subnet_group


def _delete_endpoints(backend: Any, vpce_ids: list[str]) -> None:
    for id in vpce_ids:
        del backend.vpc_end_points[id]


def _delete_cache_subnet_group(request: Any) -> EmptyResult:
    groups = request.elasticache_backend.cache_subnet_groups
    del groups[request._get_param("CacheSubnetGroupName")]
    return EmptyResult()
