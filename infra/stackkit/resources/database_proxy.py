from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.resources.policies import allow, assumed_by, document
from stackkit.resources.security_groups import POSTGRESQL, connect

PINNING = (
    "RDS Proxy pins every connection of asyncpg, which prepares its statements: it shortens"
    " failovers, but shares no connections."
)


@dataclass(frozen=True, kw_only=True)
class DatabaseProxyArgs:
    region: str
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    client_group_id: pulumi.Input[str]
    database_group_id: pulumi.Input[str]
    database: aws.rds.Instance
    secret_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    borrow_timeout_s: int


class DatabaseProxy(pulumi.ComponentResource):
    """RDS Proxy in front of the primary; see PINNING for what it doesn't do."""

    host: pulumi.Output[str]

    def __init__(
        self, name: str, args: DatabaseProxyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:data:DatabaseProxy", name, None, opts)
        self._prefix = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        proxy = self._proxy(self._group(), self._role())
        self._point(proxy)
        self.host = proxy.endpoint
        self.register_outputs({"host": self.host})

    def _group(self) -> pulumi.Output[str]:
        args = self._args
        group = aws.ec2.SecurityGroup(
            f"{self._prefix}-proxy",
            vpc_id=args.vpc_id,
            description="RDS Proxy",
            opts=self._child,
        ).id
        inward, outward = f"{self._prefix}-compute-proxy", f"{self._prefix}-proxy-database"
        connect(inward, args.client_group_id, group, POSTGRESQL, self)
        connect(outward, group, args.database_group_id, POSTGRESQL, self)
        return group

    def _role(self) -> aws.iam.Role:
        args = self._args
        service = f"secretsmanager.{args.region}.amazonaws.com"
        role = aws.iam.Role(
            f"{self._prefix}-proxy",
            assume_role_policy=assumed_by("rds.amazonaws.com"),
            opts=self._child,
        )
        aws.iam.RolePolicy(
            f"{self._prefix}-proxy",
            role=role.id,
            policy=document(
                allow(["secretsmanager:GetSecretValue"], [args.secret_arn]),
                allow(
                    ["kms:Decrypt"],
                    [args.key_arn],
                    {"StringEquals": {"kms:ViaService": service}},
                ),
            ),
            opts=self._child,
        )
        return role

    def _proxy(self, group: pulumi.Input[str], role: aws.iam.Role) -> aws.rds.Proxy:
        return aws.rds.Proxy(
            self._prefix,
            engine_family="POSTGRESQL",
            role_arn=role.arn,
            vpc_subnet_ids=self._args.subnet_ids,
            vpc_security_group_ids=[group],
            require_tls=True,
            auths=[
                aws.rds.ProxyAuthArgs(
                    auth_scheme="SECRETS",
                    iam_auth="DISABLED",
                    client_password_auth_type="POSTGRES_SCRAM_SHA_256",
                    secret_arn=self._args.secret_arn,
                )
            ],
            opts=self._child,
        )

    def _point(self, proxy: aws.rds.Proxy) -> None:
        pool = aws.rds.ProxyDefaultTargetGroupConnectionPoolConfigArgs(
            # the rest is for migrations, replicas and people
            max_connections_percent=90,
            connection_borrow_timeout=self._args.borrow_timeout_s,
        )
        targets = aws.rds.ProxyDefaultTargetGroup(
            self._prefix,
            db_proxy_name=proxy.name,
            connection_pool_config=pool,
            opts=self._child,
        )
        aws.rds.ProxyTarget(
            self._prefix,
            db_proxy_name=proxy.name,
            target_group_name=targets.name,
            db_instance_identifier=self._args.database.identifier,
            opts=self._child,
        )
