from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.resources.policies import allow, assumed_by, document

# what a message shows beside the alarm's own text: its history and its graph
READS = ("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricWidgetImage")
# the bound of what people may ask for in the channel; AWS's default is AdministratorAccess
GUARDRAIL = "arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"


@dataclass(frozen=True, kw_only=True)
class SlackArgs:
    workspace_id: str
    channel_id: str
    topic_arns: Sequence[pulumi.Input[str]]


class Slack(pulumi.ComponentResource):
    """Alarms in a channel, by Amazon Q Developer in chat applications."""

    def __init__(
        self, name: str, args: SlackArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:watching:Slack", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-slack",
            aws.iam.RoleArgs(assume_role_policy=assumed_by("chatbot.amazonaws.com")),
            opts=child,
        )
        # CloudWatch's reads have no resources to name
        aws.iam.RolePolicy(
            f"{name}-slack",
            aws.iam.RolePolicyArgs(role=role.id, policy=document(allow(READS, ["*"]))),
            opts=child,
        )
        aws.chatbot.SlackChannelConfiguration(
            name,
            aws.chatbot.SlackChannelConfigurationArgs(
                configuration_name=name,
                slack_team_id=args.workspace_id,
                slack_channel_id=args.channel_id,
                sns_topic_arns=args.topic_arns,
                iam_role_arn=role.arn,
                guardrail_policy_arns=[GUARDRAIL],
            ),
            opts=child,
        )
        self.register_outputs({})
