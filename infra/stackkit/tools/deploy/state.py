"""Where Pulumi keeps a stack's state: a bucket and a key of the stack's own, or another backend."""

import json
import os
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from stackkit.resources.policies import known_document, only_with_tls
from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy.account import Account

# a backend of one's own choice, such as Pulumi Cloud (https://api.pulumi.com)
CHOICE = "PULUMI_BACKEND_URL"
KEPT_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class State:
    """The bucket, with every version of the state, and the key that its secrets are sealed with."""

    account: Account
    project: str
    stack: str

    @property
    def elsewhere(self) -> bool:
        return bool(os.environ.get(CHOICE))

    @property
    def bucket(self) -> str:
        return f"{self.project}-{self.stack}-state-{self.account.id}-{self.account.region}"

    @property
    def key_alias(self) -> str:
        return f"alias/{self.project}-{self.stack}-state"

    @property
    def backend(self) -> str:
        return os.environ.get(CHOICE) or f"s3://{self.bucket}?region={self.account.region}"

    @property
    def secrets_provider(self) -> str:
        return f"awskms://{self.key_alias}?region={self.account.region}"

    def check_unlocked(self) -> None:
        """Pulumi itself would notice only after the database was migrated."""
        s3 = self.account.client("s3")
        prefix = f".pulumi/locks/organization/{self.project}/{self.stack}/"
        try:
            found = s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        except s3.exceptions.NoSuchBucket:
            raise ConfigError(
                f"The account {self.account.id} keeps no state of {self.stack} in"
                f" {self.account.region}: `make bootstrap STACK={self.stack}` prepares it."
            ) from None
        for entry in found.get("Contents", ()):
            body = s3.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"].read()
            raise ConfigError(locked(self.stack, _holder(json.loads(body))))


def locked(stack: str, holder: str) -> str:
    return (
        f"Stack {stack} is locked by {holder}: wait until that run has ended, or, if it was killed,"
        f" `make pulumi STACK={stack} DO=cancel`."
    )


def _holder(lock: dict[str, Any]) -> str:
    since = lock["timestamp"][:19]
    return f"{lock['username']} on {lock['hostname']} (process {lock['pid']}, since {since})"


def make(state: State) -> list[str]:
    """What had to be made; on a second run nothing."""
    made = [f"bucket {state.bucket}"] if _make_bucket(state) else []
    return [*made, f"key {state.key_alias}"] if _make_key(state) else made


def _make_bucket(state: State) -> bool:
    s3, bucket = state.account.client("s3"), state.bucket
    new = not _is_ours(s3, bucket)
    if new:
        region = state.account.region
        # the one region that AWS refuses by name
        where = {"LocationConstraint": region} if region != "us-east-1" else None
        s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(closed, True)
    )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [encryption]}
    )
    arn = f"arn:aws:s3:::{bucket}"
    s3.put_bucket_policy(Bucket=bucket, Policy=known_document([only_with_tls(arn, f"{arn}/*")]))
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [_expiry()]}
    )
    return new


def _is_ours(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            return False
        raise ConfigError(
            f"The bucket {bucket} exists and these credentials may not use it: use those of the"
            " account that it belongs to."
        ) from None
    return True


def _expiry() -> dict[str, Any]:
    return {
        "ID": "old versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": KEPT_DAYS},
    }


def _make_key(state: State) -> bool:
    kms = state.account.client("kms")
    try:
        kms.describe_key(KeyId=state.key_alias)
    except kms.exceptions.NotFoundException:
        described = f"Secrets in the Pulumi state of {state.project}-{state.stack}"
        # a key without tags could be claimed by another stack's deployer
        tags = [{"TagKey": "state-of", "TagValue": f"{state.project}-{state.stack}"}]
        key = kms.create_key(Description=described, Tags=tags)["KeyMetadata"]["KeyId"]
        kms.enable_key_rotation(KeyId=key)
        # last, so that a run that was cut off leaves no alias to a key without rotation
        kms.create_alias(AliasName=state.key_alias, TargetKeyId=key)
        return True
    return False
