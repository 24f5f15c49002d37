"""What a grader says of a stack's calls and we leave as it is: rule, where, and why.

Where is stack/resource; a stack is called tier-compute-https, or -http without a domain.
"""

from collections.abc import Iterator
from fnmatch import fnmatch

from stackkit.settings.config import Config

Finding = tuple[str, str, str]

CFN_LINT: list[Finding] = [
    ("W3010", "*/Subnet*", "the program names its zones, so that a new one moves no subnet"),
    ("E3712", "dev-ec2-*/AutoScalingGroup", "the cheapest fleet may not grow; AWS accepts that"),
]
CHECKOV: list[Finding] = [
    ("CKV_AWS_2", "*-http/ListenerHttp", "without a domain there is no certificate"),
    ("CKV_AWS_103", "*-http/ListenerHttp", "without a domain there is no certificate"),
    ("CKV_AWS_260", "*/SecurityGroupIngressWorldAlb80", "port 80 redirects to 443"),
    ("CKV_AWS_23", "*/SecurityGroup*gress*", "a rule's name says from whom to whom, and its port"),
    ("CKV_AWS_18", "*/BucketLogs", "this is where the access logs go"),
    ("CKV_AWS_21", "*/BucketLogs", "a log is written once"),
    ("CKV_AWS_26", "*/Topic*", "alarms can't be sent with SNS's own key, and say nothing secret"),
    ("CKV_AWS_149", "*/SecretCache", "encrypted with Secrets Manager's own key"),
    ("CKV_AWS_158", "*/LogGroup*", "encrypted with CloudWatch's own key"),
    ("CKV_AWS_136", "*/Repository", "encrypted with ECR's own key"),
    ("CKV_AWS_51", "*/Repository", "a deployment names its image by digest, never by tag"),
    ("CKV_AWS_157", "dev-*/DBInstance", "development may lose its zone"),
    ("CKV_AWS_157", "*/DBInstanceReplica*", "each replica is a further copy, in a zone of its own"),
    ("CKV_AWS_16", "*/DBInstanceReplica*", "as its source is; the API takes no word on it"),
    ("CKV_AWS_161", "*/DBInstance", "the service logs in with a password that RDS rotates"),
]


def suppressions(settings: Config) -> Iterator[Finding]:
    """Those of a stack like this one: rule, resource, reason."""
    stack = f"{settings.tier}-{settings.compute}-{'https' if settings.domain else 'http'}"
    for rule, where, reason in (*CFN_LINT, *CHECKOV):
        pattern, _, resource = where.partition("/")
        if fnmatch(stack, pattern):
            yield rule, resource, reason
