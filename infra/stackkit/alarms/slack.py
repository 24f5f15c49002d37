"""Alarms in a channel of Slack, by Amazon Q Developer in chat applications."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from stackkit.resources.policies import allow, service_role
from stackkit.settings.config import Config

# what a message shows beside the alarm's own text: its history and its graph
READS = ("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricWidgetImage")
# the bound of what people may ask for in the channel; AWS's default is AdministratorAccess
GUARDRAIL = "arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"


def slack(
    settings: Config, topic_arns: Sequence[pulumi.Input[str]], parent: pulumi.Resource
) -> None:
    # CloudWatch's reads have no resources to name
    reads = allow(READS, ["*"])
    role, _ = service_role(f"{settings.name}-slack", "chatbot.amazonaws.com", [reads], parent)
    aws.chatbot.SlackChannelConfiguration(
        settings.name,
        configuration_name=settings.name,
        slack_team_id=settings.slack_workspace_id,
        slack_channel_id=settings.slack_channel_id,
        sns_topic_arns=topic_arns,
        iam_role_arn=role.arn,
        guardrail_policy_arns=[GUARDRAIL],
        opts=pulumi.ResourceOptions(parent=parent),
    )
