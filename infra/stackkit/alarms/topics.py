from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from stackkit.alarms.spec import Severity
from stackkit.resources.component import Component
from stackkit.resources.policies import allow, service_role
from stackkit.settings.config import Config

# what a message in Slack shows beside the alarm's own text: its history and its graph
READS = ("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricWidgetImage")
# the bound of what people may ask for in the channel; AWS's default is AdministratorAccess
GUARDRAIL = "arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"


class Topics(Component):
    """One topic for pages, and one for tickets."""

    arns: Mapping[Severity, pulumi.Output[str]]

    def __init__(self, name: str, settings: Config) -> None:
        super().__init__("service:watching:Topics", name)
        emails = {
            Severity.PAGE: settings.alarm_email,
            Severity.TICKET: settings.ticket_email or settings.alarm_email,
        }
        self.arns = {
            severity: self._topic(f"{name}-{severity}", email) for severity, email in emails.items()
        }
        if settings.slack_channel_id:
            self._slack(settings)
        self.register_outputs({severity.value: arn for severity, arn in self.arns.items()})

    def _topic(self, name: str, email: str) -> pulumi.Output[str]:
        topic = aws.sns.Topic(name, opts=self._child)
        if email:
            aws.sns.TopicSubscription(
                name,
                topic=topic.arn,
                protocol="email",
                endpoint=email,
                opts=self._child,
            )
        return topic.arn

    def _slack(self, settings: Config) -> None:
        """Alarms in a channel of Slack, by Amazon Q Developer in chat applications."""
        # CloudWatch's reads have no resources to name
        reads = allow(READS, ["*"])
        role, _ = service_role(f"{self._prefix}-slack", "chatbot.amazonaws.com", [reads], self)
        aws.chatbot.SlackChannelConfiguration(
            self._prefix,
            configuration_name=self._prefix,
            slack_team_id=settings.slack_workspace_id,
            slack_channel_id=settings.slack_channel_id,
            sns_topic_arns=list(self.arns.values()),
            iam_role_arn=role.arn,
            guardrail_policy_arns=[GUARDRAIL],
            opts=self._child,
        )
