"""Roles, logs, alarms, topics, dashboards, schedules."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.resource_creator import Create, Outputs, ResourceCreator, single_call


def _log_group(creator: ResourceCreator) -> Outputs:
    name, days = creator.named(), creator.take("retentionInDays")
    creator.rest("logs", "CreateLogGroup", logGroupName=name)
    if days:
        creator.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
    region = creator.account.region
    found = creator.call("logs", "DescribeLogGroups", logGroupNamePrefix=name)["logGroups"][0]
    arn = found["arn"].removesuffix(":*")
    creator.account.known.add(arn)
    return {"id": name, "name": name, "arn": arn, "region": region}


def _role_policy(creator: ResourceCreator) -> Outputs:
    role, name = creator.take("role"), creator.named()
    policy = creator.take("policy")
    creator.call("iam", "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=policy)
    return {"id": f"{role}:{name}", "name": name}


def _profile(creator: ResourceCreator) -> Outputs:
    role, name = creator.take("role"), creator.named()
    made = creator.rest("iam", "CreateInstanceProfile", InstanceProfileName=name)
    if role:
        creator.call("iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)
    return {"id": name, "name": name, "arn": made["InstanceProfile"]["Arn"]}


def _alarm(creator: ResourceCreator) -> Outputs:
    name = creator.named()
    queries = creator.take("metricQueries")
    metrics = [_query(creator, query) for query in queries] if queries else None
    creator.rest("cloudwatch", "PutMetricAlarm", AlarmName=name, Metrics=metrics)
    found = creator.call("cloudwatch", "DescribeAlarms", AlarmNames=[name])["MetricAlarms"][0]
    return {"id": name, "name": name, "arn": found["AlarmArn"]}


def _composite(creator: ResourceCreator) -> Outputs:
    suppressor: dict[str, Any] = creator.take("actionsSuppressor", {})
    creator.rest(
        "cloudwatch",
        "PutCompositeAlarm",
        ActionsSuppressor=suppressor.get("alarm"),
        ActionsSuppressorWaitPeriod=suppressor.get("waitPeriod"),
        ActionsSuppressorExtensionPeriod=suppressor.get("extensionPeriod"),
    )
    name = creator.account.calls[-1].parameters["AlarmName"]
    return {
        "id": name,
        "alarmName": name,
        "arn": creator.account.invented_arn("cloudwatch", f"alarm:{name}"),
    }


def _query(creator: ResourceCreator, query: Mapping[str, Any]) -> dict[str, Any]:
    """The provider has one level less: namespace, name and dimensions beside period and stat."""
    operation, nested = "PutMetricAlarm", dict(query)
    metric = nested.pop("metric", None)
    fitted = creator.fitted("cloudwatch", operation, "Metrics.[]", **nested)
    if metric:
        named = ("namespace", "metricName", "dimensions")
        inner = {name: metric[name] for name in named if name in metric}
        outer = {name: value for name, value in metric.items() if name not in named}
        path = "Metrics.[].MetricStat"
        stat = creator.fitted("cloudwatch", operation, path, **outer, metric=inner)
        fitted |= {"MetricStat": stat, "ReturnData": fitted.get("ReturnData", False)}
    return fitted


def _schedule(creator: ResourceCreator) -> Outputs:
    name = creator.named()
    made = creator.rest("scheduler", "CreateSchedule", Name=name)
    return {"id": name, "name": name, "arn": made["ScheduleArn"]}


CREATORS: Mapping[str, Create] = {
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _composite,
    "aws:cloudwatch/dashboard:Dashboard": single_call(
        "cloudwatch",
        "PutDashboard",
        outputs={"id": "request.DashboardName", "dashboardName": "request.DashboardName"},
    ),
    "aws:sns/topic:Topic": single_call(
        "sns",
        "CreateTopic",
        auto="name=Name",
        outputs={"id": "response.TopicArn", "arn": "response.TopicArn"},
    ),
    "aws:sns/topicSubscription:TopicSubscription": single_call(
        "sns",
        "Subscribe",
        renamed={"topic": "TopicArn"},
        outputs={"id": "response.SubscriptionArn"},
    ),
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": single_call(
        "chatbot",
        "CreateSlackChannelConfiguration",
        outputs={"id": "request.ConfigurationName"},
    ),
    "aws:iam/role:Role": single_call(
        "iam",
        "CreateRole",
        auto="name=RoleName",
        renamed={"assumeRolePolicy": "AssumeRolePolicyDocument"},
        skipped=("forceDetachPolicies",),
        outputs={"arn": "response.Role.Arn"},
    ),
    "aws:iam/policy:Policy": single_call(
        "iam",
        "CreatePolicy",
        auto="name=PolicyName",
        renamed={"policy": "PolicyDocument"},
        outputs={"arn": "response.Policy.Arn", "id": "response.Policy.Arn"},
    ),
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": single_call(
        "iam",
        "AttachRolePolicy",
        renamed={"role": "RoleName"},
        outputs={"id": "request.RoleName"},
    ),
    "aws:iam/instanceProfile:InstanceProfile": _profile,
    "aws:scheduler/schedule:Schedule": _schedule,
}
