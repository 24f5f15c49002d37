"""What moto can't answer: these calls are held against the API's model, and go no further."""

from collections.abc import Mapping
from typing import Any

UNSUPPORTED: Mapping[tuple[str, str], str] = {
    ("elasticache", "CreateCacheParameterGroup"): "moto has no parameter groups of caches",
    ("elasticache", "ModifyCacheParameterGroup"): "moto has no parameter groups of caches",
    ("elasticache", "CreateUserGroup"): "moto has no groups of cache users",
    ("elbv2", "ModifyCapacityReservation"): "moto reserves no capacity of load balancers",
    ("cloudwatch", "PutCompositeAlarm"): "moto has no composite alarms",
    ("chatbot", "CreateSlackChannelConfiguration"): "moto has no chat applications",
    ("autoscaling", "StartInstanceRefresh"): "moto replaces no instances",
    ("imagebuilder", "CreateComponent"): "moto has no Image Builder",
    ("imagebuilder", "CreateImageRecipe"): "moto has no Image Builder",
    ("imagebuilder", "CreateInfrastructureConfiguration"): "moto has no Image Builder",
    ("imagebuilder", "CreateDistributionConfiguration"): "moto has no Image Builder",
    ("imagebuilder", "CreateImage"): "moto has no Image Builder",
}


def lacking(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """Why moto has no answer; "" if it has one."""
    kind = (service, parameters.get("PolicyType"))
    if kind == ("application-autoscaling", "PredictiveScaling"):
        return "moto forecasts no service's load"
    return UNSUPPORTED.get((service, operation), "")
