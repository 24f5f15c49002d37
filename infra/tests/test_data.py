import json

import pytest

from harness import DOMAIN, PROD, Run, keys, run, stack
from test_container import container

INSTANCE = "aws:rds/instance:Instance"
GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"


@pytest.fixture(scope="module")
def extended() -> Run:
    """Production with two replicas and a proxy."""
    extra = {"database_replicas": "2", "database_proxy": "true"}
    return run("prod", PROD | {"domain": DOMAIN} | extra)


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_database_is_private_and_encrypted_with_its_own_key(tier: str) -> None:
    made = stack(tier)
    database = made.one(INSTANCE).inputs
    key = made.one("aws:kms/key:Key").inputs
    assert (database["engine"], database["engineVersion"]) == ("postgres", "18")
    assert database["publiclyAccessible"] is False
    assert database["vpcSecurityGroupIds"] == [f"shop-{tier}-database-id"]
    assert database["storageEncrypted"] is True
    assert database["kmsKeyId"].endswith(f"key/shop-{tier}-database")
    assert database["performanceInsightsKmsKeyId"] == database["kmsKeyId"]
    assert key["enableKeyRotation"] is True


def test_production_survives_a_zone_and_a_mistake() -> None:
    database = stack("prod").one(INSTANCE).inputs
    assert database["multiAz"] is True
    assert database["backupRetentionPeriod"] == 14
    assert database["deletionProtection"] is True
    assert database["skipFinalSnapshot"] is False
    # the subnet group's seven characters: each life of a stack has others
    assert database["finalSnapshotIdentifier"] == "shop-prod-0123456-final"
    assert database["deleteAutomatedBackups"] is False
    assert database["applyImmediately"] is False


def test_development_is_cheap() -> None:
    made = stack("dev")
    database, cache = made.one(INSTANCE).inputs, made.one(GROUP).inputs
    assert (database["multiAz"], database["instanceClass"]) == (False, "db.t4g.micro")
    assert (cache["numCacheClusters"], cache["nodeType"]) == (1, "cache.t4g.micro")
    assert (cache["automaticFailoverEnabled"], cache["multiAzEnabled"]) == (False, False)
    assert made.all("aws:ec2/vpcEndpoint:VpcEndpoint") == []


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_database_is_watched_and_grows(tier: str) -> None:
    made = stack(tier)
    database = made.one(INSTANCE).inputs
    role = made.one("aws:iam/role:Role", f"shop-{tier}-monitoring")
    attached = made.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment").inputs
    assert database["performanceInsightsEnabled"] is True
    assert database["monitoringInterval"] == 60
    assert database["monitoringRoleArn"].endswith(f"role/{role.name}")
    assert attached["policyArn"].endswith(":policy/service-role/AmazonRDSEnhancedMonitoringRole")
    assert database["enabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    assert database["maxAllocatedStorage"] > database["allocatedStorage"]


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_database_requires_tls_and_bounds_statements(tier: str) -> None:
    group = stack(tier).one("aws:rds/parameterGroup:ParameterGroup").inputs
    values = {entry["name"]: entry["value"] for entry in group["parameters"]}
    assert group["family"] == "postgres18"
    assert values["rds.force_ssl"] == "1"
    # milliseconds: the deadline of a request, and a little more
    assert values["statement_timeout"] == "10000"
    assert values["idle_in_transaction_session_timeout"] == "20000"


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_cache_talks_tls_to_known_users_only(tier: str) -> None:
    made = stack(tier)
    cache = made.one(GROUP).inputs
    user = made.one("aws:elasticache/user:User").inputs
    users = made.one("aws:elasticache/userGroup:UserGroup").inputs
    assert (cache["engine"], users["engine"], user["engine"]) == ("valkey", "valkey", "valkey")
    assert cache["transitEncryptionEnabled"] is True
    assert cache["transitEncryptionMode"] == "required"
    assert cache["atRestEncryptionEnabled"] is True
    assert cache["userGroupIds"] == [users["userGroupId"]]
    assert users["userIds"] == [user["userId"]] == [f"shop-{tier}-0123456"]
    assert user["accessString"] == "on ~* &* +@all -@dangerous"
    assert cache["securityGroupIds"] == [f"shop-{tier}-cache-id"]


def test_the_cache_fails_over_and_forgets_the_oldest() -> None:
    made = stack("prod")
    cache = made.one(GROUP).inputs
    group = made.one("aws:elasticache/parameterGroup:ParameterGroup").inputs
    assert cache["numCacheClusters"] == 3
    assert (cache["automaticFailoverEnabled"], cache["multiAzEnabled"]) == (True, True)
    assert cache["snapshotRetentionLimit"] == 3
    assert group["family"] == "valkey9"
    assert group["parameters"] == [{"name": "maxmemory-policy", "value": "allkeys-lru"}]


def test_a_changed_cache_is_there_before_the_service_counts_on_it() -> None:
    made = stack("prod")
    assert made.one(GROUP).inputs["applyImmediately"] is True
    assert made.one(GROUP).urn in made.service_task().depends_on


def test_replicas_follow_the_primary_and_share_one_name(extended: Run) -> None:
    replicas = [r.inputs for r in extended.all(INSTANCE) if "replicateSourceDb" in r.inputs]
    records = [r.inputs for r in extended.all("aws:route53/record:Record")]
    shared = [r for r in records if r["name"] == "replica.shop-prod.internal"]
    zone = extended.one("aws:route53/zone:Zone").inputs
    assert [r["replicateSourceDb"] for r in replicas] == ["shop-prod"] * 2
    assert [r["storageEncrypted"] for r in replicas] == [True] * 2
    assert [r["publiclyAccessible"] for r in replicas] == [False] * 2
    assert sorted(r["records"][0] for r in shared) == [
        "shop-prod-replica-1.rds.amazonaws.com",
        "shop-prod-replica-2.rds.amazonaws.com",
    ]
    assert zone["vpcs"] == [{"vpcId": "vpc-shop-prod"}]
    environment = container(extended)["environment"]
    assert environment["DATABASE_REPLICA_URL"] == (
        "postgresql://app@replica.shop-prod.internal:5432/app?sslmode=require"
    )


def test_proxy_replaces_the_primarys_address_and_names_its_limits(extended: Run) -> None:
    proxy = extended.one("aws:rds/proxy:Proxy").inputs
    policy = json.loads(
        extended.one("aws:iam/rolePolicy:RolePolicy", "shop-prod-proxy").inputs["policy"]
    )
    actions = [statement["Action"] for statement in policy["Statement"]]
    assert proxy["requireTls"] is True
    assert proxy["auths"][0]["secretArn"] in policy["Statement"][0]["Resource"]
    assert actions == [["secretsmanager:GetSecretValue"], ["kms:Decrypt"]]
    assert (
        extended.one("aws:rds/proxyTarget:ProxyTarget").inputs["dbInstanceIdentifier"]
        == "shop-prod"
    )
    environment = container(extended)["environment"]
    assert "@shop-prod.proxy.amazonaws.com:5432/" in environment["DATABASE_URL"]
    assert [text[:14] for text in extended.outputs["warnings"]][-1:] == ["RDS Proxy pins"]


@pytest.mark.parametrize(("version", "moves"), [("18", True), ("18.1", False)])
def test_a_minor_version_in_the_key_is_not_moved_by_aws(version: str, moves: bool) -> None:
    made = run("prod", keys("prod") | {"database_version": version})
    database = made.one("aws:rds/instance:Instance").inputs
    assert (database["engineVersion"], database["autoMinorVersionUpgrade"]) == (version, moves)
    # a major one is asked for by the same key
    assert database["allowMajorVersionUpgrade"] is True
