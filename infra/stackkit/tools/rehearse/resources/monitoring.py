"""Roles, logs, alarms, topics, dashboards, schedules."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.resource_creator import Make, Maker, Outputs, row


def _log_group(maker: Maker) -> Outputs:
    name, days = maker.named(), maker.take("retentionInDays")
    maker.rest("logs", "CreateLogGroup", logGroupName=name)
    if days:
        maker.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
    region = maker.account.region
    found = maker.call("logs", "DescribeLogGroups", logGroupNamePrefix=name)["logGroups"][0]
    arn = found["arn"].removesuffix(":*")
    maker.account.known.add(arn)
    return {"id": name, "name": name, "arn": arn, "region": region}


def _role_policy(maker: Maker) -> Outputs:
    role, name = maker.take("role"), maker.named()
    policy = maker.take("policy")
    maker.call("iam", "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=policy)
    return {"id": f"{role}:{name}", "name": name}


def _profile(maker: Maker) -> Outputs:
    role, name = maker.take("role"), maker.named()
    made = maker.rest("iam", "CreateInstanceProfile", InstanceProfileName=name)
    if role:
        maker.call("iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)
    return {"id": name, "name": name, "arn": made["InstanceProfile"]["Arn"]}


def _alarm(maker: Maker) -> Outputs:
    name = maker.named()
    queries = maker.take("metricQueries")
    metrics = [_query(maker, query) for query in queries] if queries else None
    maker.rest("cloudwatch", "PutMetricAlarm", AlarmName=name, Metrics=metrics)
    found = maker.call("cloudwatch", "DescribeAlarms", AlarmNames=[name])["MetricAlarms"][0]
    return {"id": name, "name": name, "arn": found["AlarmArn"]}


def _composite(maker: Maker) -> Outputs:
    suppressor: dict[str, Any] = maker.take("actionsSuppressor", {})
    maker.rest(
        "cloudwatch",
        "PutCompositeAlarm",
        ActionsSuppressor=suppressor.get("alarm"),
        ActionsSuppressorWaitPeriod=suppressor.get("waitPeriod"),
        ActionsSuppressorExtensionPeriod=suppressor.get("extensionPeriod"),
    )
    name = maker.account.calls[-1].parameters["AlarmName"]
    return {
        "id": name,
        "alarmName": name,
        "arn": maker.account.made_up("cloudwatch", f"alarm:{name}"),
    }


def _query(maker: Maker, query: Mapping[str, Any]) -> dict[str, Any]:
    """The provider has one level less: namespace, name and dimensions beside period and stat."""
    operation, nested = "PutMetricAlarm", dict(query)
    metric = nested.pop("metric", None)
    fitted = maker.fitted("cloudwatch", operation, "Metrics.[]", **nested)
    if metric:
        named = ("namespace", "metricName", "dimensions")
        inner = {name: metric[name] for name in named if name in metric}
        outer = {name: value for name, value in metric.items() if name not in named}
        path = "Metrics.[].MetricStat"
        stat = maker.fitted("cloudwatch", operation, path, **outer, metric=inner)
        fitted |= {"MetricStat": stat, "ReturnData": fitted.get("ReturnData", False)}
    return fitted


def _schedule(maker: Maker) -> Outputs:
    name = maker.named()
    made = maker.rest("scheduler", "CreateSchedule", Name=name)
    return {"id": name, "name": name, "arn": made["ScheduleArn"]}


ROWS: Mapping[str, Make] = {
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _composite,
    "aws:cloudwatch/dashboard:Dashboard": row(
        "cloudwatch",
        "PutDashboard",
        outputs={"id": "request.DashboardName", "dashboardName": "request.DashboardName"},
    ),
    "aws:sns/topic:Topic": row(
        "sns",
        "CreateTopic",
        auto="name=Name",
        outputs={"id": "response.TopicArn", "arn": "response.TopicArn"},
    ),
    "aws:sns/topicSubscription:TopicSubscription": row(
        "sns",
        "Subscribe",
        renamed={"topic": "TopicArn"},
        outputs={"id": "response.SubscriptionArn"},
    ),
    "aws:iam/role:Role": row(
        "iam",
        "CreateRole",
        auto="name=RoleName",
        renamed={"assumeRolePolicy": "AssumeRolePolicyDocument"},
        skipped=("forceDetachPolicies",),
        outputs={"arn": "response.Role.Arn"},
    ),
    "aws:iam/policy:Policy": row(
        "iam",
        "CreatePolicy",
        auto="name=PolicyName",
        renamed={"policy": "PolicyDocument"},
        outputs={"arn": "response.Policy.Arn", "id": "response.Policy.Arn"},
    ),
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": row(
        "iam",
        "AttachRolePolicy",
        renamed={"role": "RoleName"},
        outputs={"id": "request.RoleName"},
    ),
    "aws:iam/instanceProfile:InstanceProfile": _profile,
    "aws:scheduler/schedule:Schedule": _schedule,
}
