from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.plan.plan import Plan
from stackkit.resources.component import Component
from stackkit.resources.delivery_permissions import of_key
from stackkit.resources.policies import document, managed_role
from stackkit.resources.security_groups import POSTGRESQL
from stackkit.settings.config import Config

NAME = "app"
USER = "app"
MONITORING_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    settings: Config
    numbers: Plan
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_id: pulumi.Input[str]
    # of GitHub's runs, if they deploy the stack
    deployer_arn: str = ""


class Database(Component):
    """PostgreSQL with a key of its own; RDS makes, keeps and rotates the password."""

    instance: aws.rds.Instance
    replicas: list[aws.rds.Instance]
    key_arn: pulumi.Output[str]
    secret_arn: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs) -> None:
        super().__init__("service:data:Database", name)
        self._args = args
        # without its key a database can't be read again: both are protected alike
        self._stateful = pulumi.ResourceOptions(parent=self, protect=args.settings.production)
        self._key = self._make_key()
        self._parameters = self._parameter_group()
        role, _ = managed_role(
            f"{name}-monitoring", "monitoring.rds.amazonaws.com", MONITORING_POLICY, self
        )
        self._monitoring_role_arn = role.arn
        self.instance = self._primary()
        self.replicas = [self._replica(i) for i in range(1, args.settings.database_replicas + 1)]
        self.key_arn = self._key.arn
        self.secret_arn = self.instance.master_user_secrets[0].secret_arn.apply(str)
        self.register_outputs({"endpoint": self.instance.endpoint})

    def _make_key(self) -> aws.kms.Key:
        deployer = self._args.deployer_arn
        return aws.kms.Key(
            f"{self._prefix}-database",
            description=f"Storage, snapshots and password of {self._prefix}'s database",
            enable_key_rotation=True,
            deletion_window_in_days=30 if self._args.settings.production else 7,
            policy=document(*of_key(deployer)) if deployer else None,
            opts=self._stateful,
        )

    def _parameter_group(self) -> aws.rds.ParameterGroup:
        timeouts = self._args.numbers.timeouts
        immediate = {
            "rds.force_ssl": 1,
            "statement_timeout": timeouts.statement.value * 1000,
            "idle_in_transaction_session_timeout": timeouts.idle_in_transaction.value * 1000,
            "log_lock_waits": 1,
            "log_min_duration_statement": 1000,
        }
        return aws.rds.ParameterGroup(
            self._prefix,
            family=f"postgres{self._args.settings.database_version.partition('.')[0]}",
            parameters=[
                {"name": name, "value": str(value), "apply_method": "immediate"}
                for name, value in immediate.items()
            ],
            opts=self._child,
        )

    def _primary(self) -> aws.rds.Instance:
        settings = self._args.settings
        subnets = aws.rds.SubnetGroup(
            self._prefix, subnet_ids=self._args.subnet_ids, opts=self._child
        )
        primary = self._settings()
        primary.engine = "postgres"
        primary.engine_version = settings.database_version
        primary.db_name = NAME
        primary.username = USER
        primary.manage_master_user_password = True
        primary.master_user_secret_kms_key_id = self._key.arn
        primary.db_subnet_group_name = subnets.name
        primary.multi_az = settings.production
        primary.allocated_storage = settings.database_storage_gb
        primary.kms_key_id = self._key.arn
        primary.backup_retention_period = settings.backup_days
        primary.backup_window = "02:00-03:00"
        primary.delete_automated_backups = not settings.production
        primary.deletion_protection = settings.production
        primary.skip_final_snapshot = not settings.production
        if settings.production:
            # a name of this stack's life: the snapshot of the life before still has its own
            primary.final_snapshot_identifier = subnets.name.apply(lambda name: f"{name}-final")
        return aws.rds.Instance(self._prefix, primary, opts=self._stateful)

    def _replica(self, number: int) -> aws.rds.Instance:
        """Engine, key, subnets and user come from the primary."""
        replica = self._settings()
        replica.replicate_source_db = self.instance.identifier
        replica.skip_final_snapshot = True
        return aws.rds.Instance(f"{self._prefix}-replica-{number}", replica, opts=self._child)

    def _settings(self) -> aws.rds.InstanceArgs:
        args, settings = self._args, self._args.settings
        return aws.rds.InstanceArgs(
            instance_class=settings.database_class,
            port=POSTGRESQL,
            publicly_accessible=False,
            vpc_security_group_ids=[args.security_group_id],
            parameter_group_name=self._parameters.name,
            storage_type="gp3",
            storage_encrypted=True,
            max_allocated_storage=settings.database_storage_max_gb,
            copy_tags_to_snapshot=True,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            # a minor version is meant: if AWS moved on, the next `up` would be a downgrade
            auto_minor_version_upgrade="." not in settings.database_version,
            # database_version says it; RDS refuses a downgrade
            allow_major_version_upgrade=True,
            maintenance_window="sun:03:30-sun:04:30",
            apply_immediately=not settings.production,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=self._key.arn,
            performance_insights_retention_period=7,
            monitoring_interval=60,
            monitoring_role_arn=self._monitoring_role_arn,
            enabled_cloudwatch_logs_exports=["postgresql", "upgrade"],
        )


def url(host: pulumi.Input[str]) -> pulumi.Output[str]:
    """Where the service finds the database; the password travels apart from it."""
    return pulumi.Output.format(
        "postgresql://{0}@{1}:{2}/{3}?sslmode=require", USER, host, POSTGRESQL, NAME
    )
