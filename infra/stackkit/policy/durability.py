"""What production can't lose by one command."""

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from stackkit.policy.rules import production, resource_policy

DATABASE = "aws:rds/instance:Instance"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
BUCKET = "aws:s3/bucket:Bucket"
STATEFUL = (
    DATABASE,
    BALANCER,
    BUCKET,
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:kms/key:Key",
)
# what the database needs, and what happens without
KEPT = {
    "deletionProtection": "one API call can delete it",
    "finalSnapshotIdentifier": "its last state is lost with it",
    "backupRetentionPeriod": "it can't be restored to a moment",
    "multiAz": "it is lost with its zone",
}


@resource_policy("database-survives", (DATABASE,))
def database_survives(args: ResourceValidationArgs) -> Iterator[str]:
    """Production's database has backups, a standby and a last snapshot."""
    # a replica has its primary
    if not production() or args.props.get("replicateSourceDb"):
        return
    for name, consequence in KEPT.items():
        if not args.props.get(name):
            yield f"{name} is not set, so {consequence}; set it in production."
    if args.props.get("skipFinalSnapshot"):
        yield "skipFinalSnapshot is true, so its last state is lost with it; set it to false."


@resource_policy("balancer-survives", (BALANCER,))
def balancer_survives(args: ResourceValidationArgs) -> Iterator[str]:
    """Production keeps its load balancer."""
    if production() and not args.props.get("enableDeletionProtection"):
        yield (
            "enableDeletionProtection is not true; set it in production: a new balancer has a new"
            " address."
        )


@resource_policy("bucket-survives", (BUCKET,))
def bucket_survives(args: ResourceValidationArgs) -> Iterator[str]:
    """Production keeps its logs."""
    if production() and args.props.get("forceDestroy"):
        yield "forceDestroy is true, so the bucket goes with its logs; set it to false."


@resource_policy("state-protected", STATEFUL)
def state_is_protected(args: ResourceValidationArgs) -> Iterator[str]:
    """In production Pulumi deletes nothing that holds data or an address."""
    if production() and not args.opts.protect and not args.props.get("replicateSourceDb"):
        yield (
            "the resource is not protected; pass protect=True in production, so that `pulumi"
            " destroy` and a renaming stop before it."
        )
