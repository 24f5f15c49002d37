from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.plan.plan import Plan
from stackkit.resources.component import Component
from stackkit.resources.database import Database
from stackkit.resources.policies import allow, service_role
from stackkit.resources.security_groups import POSTGRESQL, SecurityGroups, connect, group

PINNING = (
    "RDS Proxy pins every connection of asyncpg, which prepares its statements: it shortens"
    " failovers, but shares no connections."
)


@dataclass(frozen=True, kw_only=True)
class DatabaseProxyArgs:
    numbers: Plan
    region: str
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    groups: SecurityGroups
    database: Database


class DatabaseProxy(Component):
    """RDS Proxy in front of the primary; see PINNING for what it doesn't do."""

    host: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseProxyArgs) -> None:
        super().__init__("service:data:DatabaseProxy", name)
        self._args = args
        proxy = self._proxy(self._group(), self._role())
        self._point(proxy)
        self.host = proxy.endpoint
        self.register_outputs({"host": self.host})

    def _group(self) -> pulumi.Output[str]:
        args = self._args
        own = group(f"{self._prefix}-proxy", args.vpc_id, "RDS Proxy", self)
        inward, outward = f"{self._prefix}-compute-proxy", f"{self._prefix}-proxy-database"
        connect(inward, args.groups.compute_id, own, POSTGRESQL, self)
        connect(outward, own, args.groups.database_id, POSTGRESQL, self)
        return own

    def _role(self) -> aws.iam.Role:
        args = self._args
        service = f"secretsmanager.{args.region}.amazonaws.com"
        via = {"StringEquals": {"kms:ViaService": service}}
        statements = [
            allow(["secretsmanager:GetSecretValue"], [args.database.secret_arn]),
            allow(["kms:Decrypt"], [args.database.key_arn], via),
        ]
        role, _ = service_role(f"{self._prefix}-proxy", "rds.amazonaws.com", statements, self)
        return role

    def _proxy(self, own_group: pulumi.Input[str], role: aws.iam.Role) -> aws.rds.Proxy:
        return aws.rds.Proxy(
            self._prefix,
            engine_family="POSTGRESQL",
            role_arn=role.arn,
            vpc_subnet_ids=self._args.subnet_ids,
            vpc_security_group_ids=[own_group],
            require_tls=True,
            auths=[
                {
                    "auth_scheme": "SECRETS",
                    "iam_auth": "DISABLED",
                    "client_password_auth_type": "POSTGRES_SCRAM_SHA_256",
                    "secret_arn": self._args.database.secret_arn,
                }
            ],
            opts=self._child,
        )

    def _point(self, proxy: aws.rds.Proxy) -> None:
        patience = self._args.numbers.timeouts.database_acquire
        targets = aws.rds.ProxyDefaultTargetGroup(
            self._prefix,
            db_proxy_name=proxy.name,
            connection_pool_config={
                # the rest is for migrations, replicas and people
                "max_connections_percent": 90,
                "connection_borrow_timeout": patience.value,
            },
            opts=self._child,
        )
        aws.rds.ProxyTarget(
            self._prefix,
            db_proxy_name=proxy.name,
            target_group_name=targets.name,
            db_instance_identifier=self._args.database.instance.identifier,
            opts=self._child,
        )
