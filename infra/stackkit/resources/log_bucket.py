from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.resources.component import Component
from stackkit.resources.policies import document, only_with_tls


@dataclass(frozen=True, kw_only=True)
class LogBucketArgs:
    days: int
    destroyable: bool


class LogBucket(Component):
    """The load balancer's access logs. Only the balancer writes, and reads need TLS."""

    bucket: pulumi.Output[str]
    ready: pulumi.Resource

    def __init__(self, name: str, args: LogBucketArgs) -> None:
        super().__init__("service:edge:LogBucket", name)
        self._prefix = f"{name}-logs"
        bucket = aws.s3.Bucket(
            self._prefix,
            force_destroy=args.destroyable,
            opts=pulumi.ResourceOptions(parent=self, protect=not args.destroyable),
        )
        self.bucket = bucket.bucket
        self._lock(bucket)
        self._expire(bucket, args.days)
        # the balancer accepts the bucket only after it may write
        self.ready = self._policy(bucket)
        self.register_outputs({"bucket": self.bucket})

    def _lock(self, bucket: aws.s3.Bucket) -> None:
        aws.s3.BucketPublicAccessBlock(
            self._prefix,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        aws.s3.BucketOwnershipControls(
            self._prefix,
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            self._prefix,
            bucket=bucket.id,
            # the only kind that load balancers can write with
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=self._child,
        )

    def _expire(self, bucket: aws.s3.Bucket, days: int) -> None:
        aws.s3.BucketLifecycleConfiguration(
            self._prefix,
            bucket=bucket.id,
            rules=[
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": days},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            opts=self._child,
        )

    def _policy(self, bucket: aws.s3.Bucket) -> pulumi.Resource:
        objects = bucket.arn.apply(lambda arn: f"{arn}/*")
        write = {
            "Sid": "LoadBalancerWrites",
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": bucket.arn.apply(lambda arn: f"{arn}/AWSLogs/*"),
        }
        plain = {"Sid": "OnlyWithTls", **only_with_tls(bucket.arn, objects)}
        return aws.s3.BucketPolicy(
            self._prefix,
            bucket=bucket.id,
            policy=document(write, plain),
            opts=self._child,
        )
