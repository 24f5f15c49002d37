"""What moto can't answer: these calls are held against the API's model, and go no further."""

from collections.abc import Mapping
from typing import Any

# by service, or by operation
UNSUPPORTED: Mapping[str, str] = {
    "chatbot": "moto has no chat applications",
    "imagebuilder": "moto has no Image Builder",
    "CreateCacheParameterGroup": "moto has no parameter groups of caches",
    "ModifyCacheParameterGroup": "moto has no parameter groups of caches",
    "CreateUserGroup": "moto has no groups of cache users",
    "ModifyCapacityReservation": "moto reserves no capacity of load balancers",
    "PutCompositeAlarm": "moto has no composite alarms",
    "StartInstanceRefresh": "moto replaces no instances",
}


def lacking(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """Why moto has no answer; "" if it has one."""
    kind = (service, parameters.get("PolicyType"))
    if kind == ("application-autoscaling", "PredictiveScaling"):
        return "moto forecasts no service's load"
    return UNSUPPORTED.get(service) or UNSUPPORTED.get(operation, "")
