from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.resources.component import Component
from stackkit.resources.policies import document

MANAGED_GROUPS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)
# rules of the common group that block what the service bounds by itself and accepts: bodies above
# 8,192 bytes (fixed for an ALB), long query strings and cookies, requests without a User-Agent
COUNTED = (
    "SizeRestrictions_BODY",
    "SizeRestrictions_QUERYSTRING",
    "SizeRestrictions_Cookie_HEADER",
    "NoUserAgent_HEADER",
)
# AWS, "AWS WAF pricing": the same in every region
USD_PER_MILLION = 0.6
SECRET_HEADERS = ("authorization", "cookie")


@dataclass(frozen=True, kw_only=True)
class WafArgs:
    balancer_arn: pulumi.Input[str]
    # requests of one address in five minutes
    rate_limit: int
    log_days: int


class Waf(Component):
    """Refuses floods and known attacks before they cost a connection to a target."""

    # by which CloudWatch knows it
    metric: pulumi.Output[str]

    def __init__(self, name: str, args: WafArgs) -> None:
        super().__init__("service:edge:Waf", name)
        acl = aws.wafv2.WebAcl(
            name,
            scope="REGIONAL",
            default_action={"allow": {}},
            visibility_config=_visible(name),
            # the cheapest rule first: a flood isn't worth an inspection
            rules=[
                _rate_rule(args.rate_limit),
                *(_managed(group, i) for i, group in enumerate(MANAGED_GROUPS, start=1)),
            ],
            opts=self._child,
        )
        aws.wafv2.WebAclAssociation(
            name, resource_arn=args.balancer_arn, web_acl_arn=acl.arn, opts=self._child
        )
        self._log(name, acl, args.log_days)
        self.metric = acl.visibility_config.metric_name
        self.register_outputs({})

    def _log(self, name: str, acl: aws.wafv2.WebAcl, days: int) -> None:
        group = aws.cloudwatch.LogGroup(
            f"{name}-waf",
            # WAF accepts no name without this beginning
            name=f"aws-waf-logs-{name}",
            retention_in_days=days,
            opts=self._child,
        )
        allowed = self._let_write(name, group)
        aws.wafv2.WebAclLoggingConfiguration(
            name,
            resource_arn=acl.arn,
            log_destination_configs=[group.arn],
            redacted_fields=[{"single_header": {"name": secret}} for secret in SECRET_HEADERS],
            # at the peak, a log of what was allowed would cost more than the service itself
            logging_filter={
                "default_behavior": "DROP",
                "filters": [
                    {
                        "behavior": "KEEP",
                        "requirement": "MEETS_ANY",
                        "conditions": [
                            {"action_condition": {"action": refused}}
                            for refused in ("BLOCK", "COUNT")
                        ],
                    }
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed]),
        )

    def _let_write(self, name: str, group: aws.cloudwatch.LogGroup) -> pulumi.Resource:
        """Else AWS lengthens a policy of the account's, which holds few log groups and stays."""
        # arn:aws:logs:region:account:log-group:…
        place = group.arn.apply(lambda arn: arn.split(":")[3:5])
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": pulumi.Output.format("{0}:*", group.arn),
            "Condition": {
                "StringEquals": {"aws:SourceAccount": place[1]},
                "ArnLike": {
                    "aws:SourceArn": pulumi.Output.format(
                        "arn:aws:logs:{0}:{1}:*", place[0], place[1]
                    )
                },
            },
        }
        return aws.cloudwatch.LogResourcePolicy(
            f"{name}-waf",
            policy_name=f"{name}-waf",
            policy_document=document(statement),
            opts=self._child,
        )


def bill_warning(requests_per_second: float) -> str:
    """WAF's price grows with each request, unlike a fleet's."""
    usd = requests_per_second * 3600 * 730 / 1e6 * USD_PER_MILLION
    return (
        f"WAF costs about {usd:,.0f} USD a month at the mean load, {USD_PER_MILLION:g} for each"
        " million requests. `make plan` compares it with the rest."
    )


def _rate_rule(limit: int) -> aws.wafv2.WebAclRuleArgsDict:
    return {
        "name": "rate",
        "priority": 0,
        "action": {"block": {}},
        "statement": {
            "rate_based_statement": {
                "aggregate_key_type": "IP",
                # requests of one address in the window
                "limit": limit,
                "evaluation_window_sec": 300,
            }
        },
        "visibility_config": _visible("rate"),
    }


def _managed(group: str, priority: int) -> aws.wafv2.WebAclRuleArgsDict:
    rules: aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgsDict = {
        "vendor_name": "AWS",
        "name": group,
    }
    if group == "AWSManagedRulesCommonRuleSet":
        rules["rule_action_overrides"] = [
            {"name": rule, "action_to_use": {"count": {}}} for rule in COUNTED
        ]
    return {
        "name": group,
        "priority": priority,
        "override_action": {"none": {}},
        "statement": {"managed_rule_group_statement": rules},
        "visibility_config": _visible(group),
    }


def _visible(metric: str) -> Any:
    return {
        "cloudwatch_metrics_enabled": True,
        "metric_name": metric,
        "sampled_requests_enabled": True,
    }
