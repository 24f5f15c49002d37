"""The resources whose names CloudWatch uses as dimensions of a metric."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import pulumi


class MonitoredResource(StrEnum):
    # the service as a whole
    STACK = "stack"
    BALANCER = "balancer"
    TARGETS = "targets"
    FIREWALL = "firewall"
    REGION = "region"
    CLUSTER = "cluster"
    SERVICE = "service"
    GROUP = "group"
    DATABASE = "database"
    REPLICAS = "replicas"
    CACHE_NODES = "cache nodes"
    NAT_GATEWAYS = "NAT gateways"


ResourceNames = Mapping[MonitoredResource, Sequence[pulumi.Input[str]]]
