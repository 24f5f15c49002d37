"""Properties that CloudFormation nests, spells or types differently."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Properties = dict[str, Any]


def document(name: str) -> Callable[[Properties], Properties]:
    return lambda found: found | {name: json.loads(found[name])}


def strings(*names: str) -> Callable[[Properties], Properties]:
    return lambda found: found | {n: str(found[n]) for n in names if n in found}


def database(found: Properties) -> Properties:
    found["MasterUserSecret"] = {"KmsKeyId": found.pop("MasterUserSecretKmsKeyId")}
    return strings("AllocatedStorage", "Port")(found)


def parameters(name: str) -> Callable[[Properties], Properties]:
    return lambda found: found | {name: {p["Name"]: p["Value"] for p in found[name]}}


def attributes(found: Properties, names: Mapping[str, str]) -> Properties:
    """The load balancer's settings by key, taken out of its properties."""
    rest = {key: value for key, value in found.items() if key not in names}
    values = {names[key]: found[key] for key in names if key in found}
    spelled = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in values.items()}
    return rest | {"Attributes": [{"Key": k, "Value": v} for k, v in spelled.items()]}


def balancer(found: Properties) -> Properties:
    logs = found.pop("AccessLogs")
    made = attributes(
        found | {"_logs": logs["Enabled"]},
        {
            "DesyncMitigationMode": "routing.http.desync_mitigation_mode",
            "DropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
            "EnableDeletionProtection": "deletion_protection.enabled",
            "EnableHttp2": "routing.http2.enabled",
            "EnableZonalShift": "zonal_shift.config.enabled",
            "IdleTimeout": "idle_timeout.timeout_seconds",
            "_logs": "access_logs.s3.enabled",
        },
    )
    made["Attributes"].append({"Key": "access_logs.s3.bucket", "Value": logs["Bucket"]})
    internal = made.pop("Internal")
    made["LoadBalancerAttributes"] = made.pop("Attributes")
    return made | {"Scheme": "internal" if internal else "internet-facing"}


def targets(found: Properties) -> Properties:
    check = found.pop("HealthCheck")
    names = {
        "Enabled": "HealthCheckEnabled",
        "Interval": "HealthCheckIntervalSeconds",
        "Path": "HealthCheckPath",
        "Port": "HealthCheckPort",
        "Protocol": "HealthCheckProtocol",
        "Timeout": "HealthCheckTimeoutSeconds",
        "HealthyThreshold": "HealthyThresholdCount",
        "UnhealthyThreshold": "UnhealthyThresholdCount",
    }
    found |= {name: check[key] for key, name in names.items()}
    made = attributes(
        found | {"Matcher": {"HttpCode": check["Matcher"]}},
        {
            "DeregistrationDelay": "deregistration_delay.timeout_seconds",
            "LoadBalancingAlgorithmType": "load_balancing.algorithm.type",
        },
    )
    made["TargetGroupAttributes"] = made.pop("Attributes")
    return made


def listener(found: Properties) -> Properties:
    for action in found["DefaultActions"]:
        if "Redirect" in action:
            action["RedirectConfig"] = action.pop("Redirect")
    if "CertificateArn" in found:
        found["Certificates"] = [{"CertificateArn": found.pop("CertificateArn")}]
    return found


def service(found: Properties) -> Properties:
    network = found.pop("NetworkConfiguration")
    network["AssignPublicIp"] = "ENABLED" if network["AssignPublicIp"] else "DISABLED"
    return found | {
        "NetworkConfiguration": {"AwsvpcConfiguration": network},
        "DeploymentConfiguration": {
            "Alarms": found.pop("Alarms"),
            "DeploymentCircuitBreaker": found.pop("DeploymentCircuitBreaker"),
            "MaximumPercent": found.pop("DeploymentMaximumPercent"),
            "MinimumHealthyPercent": found.pop("DeploymentMinimumHealthyPercent"),
        },
    }


def camel(value: Any) -> Any:
    """The provider's and ECS's spelling as CloudFormation's; references and options stay."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if isinstance(value, Mapping) and not {"Ref", "Fn::GetAtt"} & value.keys():
        return {_upper(k): each if k == "options" else camel(each) for k, each in value.items()}
    return value


def _upper(key: str) -> str:
    return (key[0].upper() + key[1:]).replace("CloudwatchMetrics", "CloudWatchMetrics")


def task(found: Properties) -> Properties:
    return found | {"ContainerDefinitions": camel(json.loads(found["ContainerDefinitions"]))}


def launch_template(found: Properties) -> Properties:
    name = found.pop("_name")
    for disk in found["BlockDeviceMappings"]:
        disk["Ebs"] = {
            k: v == "true" if v in ("true", "false") else v for k, v in disk["Ebs"].items()
        }
    for i, card in enumerate(found["NetworkInterfaces"]):
        card["Groups"] = card.pop("SecurityGroups")
        card["DeviceIndex"] = i
        for flag in ("AssociatePublicIpAddress", "DeleteOnTermination"):
            card[flag] = card[flag] == "true"
    for tagged in found["TagSpecifications"]:
        tagged["Tags"] = [{"Key": k, "Value": v} for k, v in tagged["Tags"].items()]
    return {"LaunchTemplateData": found, "_name": name}


def group(found: Properties) -> Properties:
    metrics = found.pop("EnabledMetrics")
    return strings("MinSize", "MaxSize")(found) | {
        "MetricsCollection": [{"Granularity": "1Minute", "Metrics": metrics}]
    }


def alarm(found: Properties) -> Properties:
    def dimensions(of: Properties) -> list[Properties]:
        return [{"Name": k, "Value": v} for k, v in of.items()]

    if "Dimensions" in found:
        found["Dimensions"] = dimensions(found["Dimensions"])
    for query in found.get("Metrics", ()):
        if metric := query.pop("Metric", None):
            stat, period = metric.pop("Stat"), metric.pop("Period")
            metric["Dimensions"] = dimensions(metric["Dimensions"])
            query["MetricStat"] = {"Metric": metric, "Period": period, "Stat": stat}
    return found


def composite(found: Properties) -> Properties:
    suppressor = found.pop("ActionsSuppressor", None)
    if suppressor:
        found["ActionsSuppressor"] = suppressor["Alarm"]
        found["ActionsSuppressorWaitPeriod"] = suppressor["WaitPeriod"]
        found["ActionsSuppressorExtensionPeriod"] = suppressor["ExtensionPeriod"]
    return found


def record(found: Properties) -> Properties:
    if "Aliases" in found:
        [alias] = found.pop("Aliases")
        alias["DNSName"], alias["HostedZoneId"] = alias.pop("Name"), alias.pop("ZoneId")
        found["AliasTarget"] = alias
    return strings("TTL")(found)


def permissions(found: Properties) -> Properties:
    named = {"PolicyName": found["_name"], "Roles": [found["Roles"]]}
    return document("PolicyDocument")(found) | named


def named(name: str) -> Callable[[Properties], Properties]:
    return lambda found: found | {name: found["_name"]}


def plain(found: Properties) -> Properties:
    return {key: value for key, value in found.items() if key != "_name"}


def encryption(found: Properties) -> Properties:
    return {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {
                        "SSEAlgorithm": rule["ApplyServerSideEncryptionByDefault"]["SseAlgorithm"]
                    }
                }
                for rule in found["Rules"]
            ]
        }
    }


def expiry(found: Properties) -> Properties:
    return {
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": rule["Id"],
                    "Status": rule["Status"],
                    "Prefix": rule["Filter"]["Prefix"],
                    "ExpirationInDays": rule["Expiration"]["Days"],
                    "AbortIncompleteMultipartUpload": rule["AbortIncompleteMultipartUpload"],
                }
                for rule in found["Rules"]
            ]
        }
    }
