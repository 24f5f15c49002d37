from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.alarms.spec import Severity


@dataclass(frozen=True, kw_only=True)
class TopicsArgs:
    # severity → address; "" for no subscription
    emails: Mapping[Severity, str]


class Topics(pulumi.ComponentResource):
    """One topic for pages, and one for tickets."""

    arns: Mapping[Severity, pulumi.Output[str]]

    def __init__(
        self, name: str, args: TopicsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:watching:Topics", name, None, opts)
        self.arns = {
            severity: self._topic(f"{name}-{severity}", email)
            for severity, email in args.emails.items()
        }
        self.register_outputs({severity.value: arn for severity, arn in self.arns.items()})

    def _topic(self, name: str, email: str) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, opts=child)
        if email:
            aws.sns.TopicSubscription(
                name,
                topic=topic.arn,
                protocol="email",
                endpoint=email,
                opts=child,
            )
        return topic.arn
