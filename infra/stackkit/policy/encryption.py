"""What is unreadable to others, at rest and on its way."""

import json
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, StackValidationArgs

from stackkit.policy.rules import Finding, of_kind, resource_policy, stack_policy

DATABASES = ("aws:rds/instance:Instance", "aws:rds/cluster:Cluster")
PARAMETERS = (
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/clusterParameterGroup:ClusterParameterGroup",
)
PROXY = "aws:rds/proxy:Proxy"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
KEY = "aws:kms/key:Key"
BUCKET = "aws:s3/bucket:Bucket"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
LOCKS = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "a public access block",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "a server-side encryption"
    ),
    BUCKET_POLICY: "a policy that denies plain HTTP",
}


@resource_policy("database-encrypted", DATABASES)
def database_is_encrypted(args: ResourceValidationArgs) -> Iterator[str]:
    """Databases are encrypted."""
    if not args.props.get("storageEncrypted"):
        yield (
            "storageEncrypted is not true; set it now: a database can't be encrypted later without"
            " a new one."
        )


@resource_policy("database-tls", PARAMETERS)
def database_refuses_plain_text(args: ResourceValidationArgs) -> Iterator[str]:
    """PostgreSQL accepts only TLS."""
    family = args.props.get("family") or ""
    values = {entry["name"]: entry["value"] for entry in args.props.get("parameters") or ()}
    if "postgres" in family and values.get("rds.force_ssl") != "1":
        yield 'rds.force_ssl is not "1"; set it, so that PostgreSQL refuses plain text.'


@resource_policy("proxy-tls", (PROXY,))
def proxy_refuses_plain_text(args: ResourceValidationArgs) -> Iterator[str]:
    """RDS Proxy accepts only TLS."""
    if not args.props.get("requireTls"):
        yield "requireTls is not true; set it, so that the proxy refuses plain text."


@resource_policy("cache-encrypted", (CACHE,))
def cache_is_encrypted(args: ResourceValidationArgs) -> Iterator[str]:
    """The cache is encrypted and accepts only TLS."""
    if not args.props.get("atRestEncryptionEnabled"):
        yield "atRestEncryptionEnabled is not true; set it: snapshots hold what the cache holds."
    encrypted = args.props.get("transitEncryptionEnabled")
    if not encrypted or args.props.get("transitEncryptionMode", "required") != "required":
        yield (
            "plain text is accepted; set transitEncryptionEnabled to true and"
            " transitEncryptionMode to required."
        )


@resource_policy("disks-encrypted", (TEMPLATE,))
def disks_are_encrypted(args: ResourceValidationArgs) -> Iterator[str]:
    """Instances' disks are encrypted."""
    mapped = args.props.get("blockDeviceMappings") or ()
    disks = [(entry.get("deviceName"), entry["ebs"]) for entry in mapped if entry.get("ebs")]
    plain = [str(name) for name, disk in disks if str(disk.get("encrypted")).lower() != "true"]
    if plain:
        yield f'{", ".join(plain)} is not encrypted; set ebs.encrypted to "true".'
    if not disks:
        yield 'the AMI decides on the disk; map its root device with ebs.encrypted set to "true".'


@resource_policy("key-rotated", (KEY,))
def key_is_rotated(args: ResourceValidationArgs) -> Iterator[str]:
    """Keys of our own are rotated."""
    if not args.props.get("enableKeyRotation"):
        yield "enableKeyRotation is not true; set it: AWS then renews the key each year."


@resource_policy("bucket-tls", (BUCKET_POLICY,))
def bucket_policy_denies_plain_text(args: ResourceValidationArgs) -> Iterator[str]:
    """Buckets are read and written over TLS."""
    statements = json.loads(args.props["policy"])["Statement"]
    denials = [
        statement
        for statement in statements
        if statement["Effect"] == "Deny"
        and statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
    ]
    if not denials:
        yield "plain HTTP is accepted; deny s3:* where aws:SecureTransport is false."


@stack_policy("bucket-locked")
def buckets_are_locked(args: StackValidationArgs) -> Iterator[Finding]:
    """Every bucket is private, encrypted and TLS only."""
    locked = {
        (lock.resource_type, bucket.urn)
        for lock in of_kind(args, *LOCKS)
        for bucket in lock.property_dependencies.get("bucket", [])
    }
    for bucket in of_kind(args, BUCKET):
        missing = [what for kind, what in LOCKS.items() if (kind, bucket.urn) not in locked]
        if missing:
            yield (
                f"the bucket has no {', '.join(missing)}; add what resources/log_bucket.py has.",
                bucket,
            )
