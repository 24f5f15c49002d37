from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from stackkit.resources.component import Component
from stackkit.resources.security_groups import VALKEY
from stackkit.settings.config import Config

ENGINE = "valkey"
# as in development and tests
VERSION = "9.1"
FAMILY = "valkey9"
USER = "app"
# every key and channel; nothing that inspects, empties or reconfigures the server
ACCESS = "on ~* &* +@all -@dangerous"


@dataclass(frozen=True, kw_only=True)
class CacheArgs:
    settings: Config
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_id: pulumi.Input[str]


class Cache(Component):
    """A private Valkey; losing it costs latency, never data."""

    endpoint: pulumi.Output[str]
    secret_arn: pulumi.Output[str]
    node_ids: list[pulumi.Output[str]]

    def __init__(self, name: str, args: CacheArgs) -> None:
        super().__init__("service:data:Cache", name)
        self._args = args
        password = self._password()
        self.secret_arn = self._kept(password)
        self._subnets = aws.elasticache.SubnetGroup(
            name, subnet_ids=args.subnet_ids, opts=self._child
        )
        group = self._replication_group(self._users(password))
        self.endpoint = group.primary_endpoint_address
        nodes = range(1 + args.settings.cache_replicas)
        self.node_ids = [group.member_clusters[index] for index in nodes]
        self.register_outputs({"endpoint": self.endpoint})

    def _password(self) -> pulumi.Output[str]:
        if self._args.settings.cache_password:
            return pulumi.Output.secret(self._args.settings.cache_password)
        # ElastiCache takes 16 to 128 characters
        return random.RandomPassword(
            f"{self._prefix}-cache",
            length=64,
            special=False,
            opts=self._child,
        ).result

    def _kept(self, password: pulumi.Output[str]) -> pulumi.Output[str]:
        secret = aws.secretsmanager.Secret(
            f"{self._prefix}-cache",
            description="The service's password of the cache",
            recovery_window_in_days=30 if self._args.settings.production else 0,
            opts=self._child,
        )
        version = aws.secretsmanager.SecretVersion(
            f"{self._prefix}-cache",
            secret_id=secret.id,
            secret_string=password,
            opts=self._child,
        )
        # by way of the version: what starts with this ARN finds a value behind it
        return version.secret_arn

    def _users(self, password: pulumi.Output[str]) -> aws.elasticache.UserGroup:
        # Pulumi names no users. A deleted user's id is taken for minutes more; a new stack's
        # subnet group has seven other characters.
        id = self._subnets.name
        user = aws.elasticache.User(
            self._prefix,
            engine=ENGINE,
            user_id=id,
            user_name=USER,
            access_string=ACCESS,
            authentication_mode={"type": "password", "passwords": [password]},
            opts=self._child,
        )
        return aws.elasticache.UserGroup(
            self._prefix,
            engine=ENGINE,
            user_group_id=id,
            user_ids=[user.user_id],
            opts=self._child,
        )

    def _replication_group(
        self, users: aws.elasticache.UserGroup
    ) -> aws.elasticache.ReplicationGroup:
        settings, replicas = self._args.settings, self._args.settings.cache_replicas
        return aws.elasticache.ReplicationGroup(
            self._prefix,
            description=f"Cache of {self._prefix}",
            engine=ENGINE,
            engine_version=VERSION,
            node_type=settings.cache_class,
            port=VALKEY,
            num_cache_clusters=1 + replicas,
            automatic_failover_enabled=replicas > 0,
            multi_az_enabled=replicas > 0,
            subnet_group_name=self._subnets.name,
            security_group_ids=[self._args.security_group_id],
            parameter_group_name=self._parameters().name,
            at_rest_encryption_enabled=True,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            user_group_ids=[users.user_group_id],
            snapshot_retention_limit=3 if settings.production else 0,
            snapshot_window="02:00-03:00",
            maintenance_window="sun:03:30-sun:04:30",
            auto_minor_version_upgrade=True,
            # nodes of another type are filled beside the old ones: plan and fleet can count on
            # them in this deployment, not in a window's
            apply_immediately=True,
            opts=pulumi.ResourceOptions(parent=self, protect=settings.production),
        )

    def _parameters(self) -> aws.elasticache.ParameterGroup:
        return aws.elasticache.ParameterGroup(
            self._prefix,
            family=FAMILY,
            parameters=[{"name": "maxmemory-policy", "value": "allkeys-lru"}],
            opts=self._child,
        )


def url(host: pulumi.Input[str]) -> pulumi.Output[str]:
    """Where the service finds the cache, over TLS; the password travels apart from it."""
    return pulumi.Output.format("rediss://{0}@{1}:{2}/0", USER, host, VALKEY)
