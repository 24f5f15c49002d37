"""Load balancer, certificate, DNS, WAF, the bucket of access logs."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.resource_creator import Create, Outputs, ResourceCreator, single_call

_BALANCER_ATTRIBUTES = {
    "idleTimeout": "idle_timeout.timeout_seconds",
    "enableHttp2": "routing.http2.enabled",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "enableZonalShift": "zonal_shift.config.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
}
_TARGET_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
}
_HEALTH_CHECK = {
    "enabled": "HealthCheckEnabled",
    "protocol": "HealthCheckProtocol",
    "port": "HealthCheckPort",
    "path": "HealthCheckPath",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthyThreshold": "HealthyThresholdCount",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}


def _attributes(creator: ResourceCreator, known: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"Key": key, "Value": _text(creator.take(name))}
        for name, key in known.items()
        if name in creator.inputs
    ]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _balancer(creator: ResourceCreator) -> Outputs:
    attributes = _attributes(creator, _BALANCER_ATTRIBUTES)
    logs = creator.take("accessLogs", {})
    attributes += [
        {"Key": f"access_logs.s3.{key}", "Value": _text(value)} for key, value in logs.items()
    ]
    reserved = creator.take("minimumLoadBalancerCapacity")
    answer = creator.rest(
        "elbv2",
        "CreateLoadBalancer",
        {"loadBalancerType": "Type"},
        Name=creator.named(),
        Scheme="internal" if creator.take("internal") else "internet-facing",
    )
    made = answer["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    change = "ModifyLoadBalancerAttributes"
    creator.call("elbv2", change, LoadBalancerArn=arn, Attributes=attributes)
    if reserved:
        units = creator.fitted(
            "elbv2", "ModifyCapacityReservation", "MinimumLoadBalancerCapacity", **reserved
        )
        creator.call(
            "elbv2",
            "ModifyCapacityReservation",
            LoadBalancerArn=arn,
            MinimumLoadBalancerCapacity=units,
        )
    return {
        "id": arn,
        "arn": arn,
        "name": made["LoadBalancerName"],
        "arnSuffix": arn.partition(":loadbalancer/")[2],
        "dnsName": made["DNSName"],
        "zoneId": made["CanonicalHostedZoneId"],
    }


def _target_group(creator: ResourceCreator) -> Outputs:
    attributes = _attributes(creator, _TARGET_ATTRIBUTES)
    health: dict[str, Any] = creator.take("healthCheck", {})
    matcher = health.pop("matcher", None)
    renamed: dict[str, Any] = {
        _HEALTH_CHECK.get(name, name): value for name, value in health.items()
    }
    checks = creator.fitted("elbv2", "CreateTargetGroup", **renamed)
    if matcher:
        checks["Matcher"] = {"HttpCode": matcher}
    answer = creator.rest("elbv2", "CreateTargetGroup", Name=creator.named(), **checks)
    made = answer["TargetGroups"][0]
    arn = made["TargetGroupArn"]
    creator.call("elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=attributes)
    suffix = arn.rpartition(":")[2]
    return {"id": arn, "arn": arn, "name": made["TargetGroupName"], "arnSuffix": suffix}


def _listener(creator: ResourceCreator) -> Outputs:
    certificate = creator.take("certificateArn")
    actions = [
        {("redirectConfig" if name == "redirect" else name): value for name, value in each.items()}
        for each in creator.take("defaultActions", [])
    ]
    answer = creator.rest(
        "elbv2",
        "CreateListener",
        Certificates=[{"CertificateArn": certificate}] if certificate else None,
        DefaultActions=creator.fitted("elbv2", "CreateListener", defaultActions=actions)[
            "DefaultActions"
        ],
    )
    arn = answer["Listeners"][0]["ListenerArn"]
    return {"id": arn, "arn": arn}


def _certificate(creator: ResourceCreator) -> Outputs:
    arn = creator.rest("acm", "RequestCertificate")["CertificateArn"]
    found = creator.call("acm", "DescribeCertificate", CertificateArn=arn)["Certificate"]
    proofs = [
        {
            "domainName": option["DomainName"],
            "resourceRecordName": option["ResourceRecord"]["Name"],
            "resourceRecordType": option["ResourceRecord"]["Type"],
            "resourceRecordValue": option["ResourceRecord"]["Value"],
        }
        for option in found["DomainValidationOptions"]
    ]
    return {"id": arn, "arn": arn, "domainValidationOptions": proofs}


def _validation(creator: ResourceCreator) -> Outputs:
    """The provider only waits: for a record of the name that ACM asked for."""
    arn, names = creator.take("certificateArn"), creator.take("validationRecordFqdns", [])
    found = creator.call("acm", "DescribeCertificate", CertificateArn=arn)["Certificate"]
    for option in found["DomainValidationOptions"]:
        wanted = option["ResourceRecord"]["Name"]
        if wanted.rstrip(".") not in {name.rstrip(".") for name in names}:
            creator.fail(f"no record {wanted} proves the domain", "DescribeCertificate")
    return {"id": arn, "certificateArn": arn}


def _zone(creator: ResourceCreator) -> Outputs:
    networks = creator.take("vpcs", [])
    vpc = {"VPCRegion": creator.account.region, "VPCId": networks[0]["vpcId"]} if networks else None
    answer = creator.rest(
        "route53",
        "CreateHostedZone",
        CallerReference=creator.name,
        VPC=vpc,
        HostedZoneConfig={"Comment": creator.take("comment", "Managed by Pulumi")},
    )
    zone = answer["HostedZone"]["Id"].rpartition("/")[2]
    return {"id": zone, "zoneId": zone, "name": answer["HostedZone"]["Name"]}


def _record(creator: ResourceCreator) -> Outputs:
    zone, name = creator.take("zoneId"), creator.take("name")
    record: dict[str, Any] = {"Name": name, "Type": creator.take("type")}
    values, alias = creator.take("records"), creator.take("aliases")
    if values:
        record |= {"ResourceRecords": [{"Value": v} for v in values], "TTL": creator.take("ttl")}
    if alias:
        record["AliasTarget"] = {
            "DNSName": alias[0]["name"],
            "HostedZoneId": alias[0]["zoneId"],
            "EvaluateTargetHealth": alias[0]["evaluateTargetHealth"],
        }
    weights = creator.take("weightedRoutingPolicies")
    if weights:
        record |= {"Weight": weights[0]["weight"], "SetIdentifier": creator.take("setIdentifier")}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    creator.call("route53", "ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch=batch)
    return {"id": f"{zone}_{name}", "fqdn": name}


def _bucket(creator: ResourceCreator) -> Outputs:
    creator.skip("forceDestroy")
    name, region = creator.named("bucket"), creator.account.region
    place = {"LocationConstraint": region} if region != "us-east-1" else None
    creator.rest("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=place)
    arn = f"arn:aws:s3:::{name}"
    return {"id": name, "bucket": name, "arn": arn}


def _bucket_setting(operation: str, member: str, **aliases: str) -> Create:
    """A part of a bucket's configuration, which the API has under one more member."""

    def make(creator: ResourceCreator) -> Outputs:
        bucket = creator.take("bucket")
        given = {aliases.get(name, name): value for name, value in creator.inputs.items()}
        fitted = creator.fitted("s3", operation, member, **given)
        creator.inputs.clear()
        creator.call("s3", operation, Bucket=bucket, **{member: fitted})
        return {"id": bucket}

    return make


def _waf_log(creator: ResourceCreator) -> Outputs:
    operation, member = "PutLoggingConfiguration", "LoggingConfiguration"
    fitted = creator.fitted("wafv2", operation, member, **creator.inputs)
    creator.inputs.clear()
    creator.call("wafv2", operation, **{member: fitted})
    return {"id": fitted["ResourceArn"]}


CREATORS: Mapping[str, Create] = {
    "aws:lb/loadBalancer:LoadBalancer": _balancer,
    "aws:lb/targetGroup:TargetGroup": _target_group,
    "aws:lb/listener:Listener": _listener,
    "aws:acm/certificate:Certificate": _certificate,
    "aws:acm/certificateValidation:CertificateValidation": _validation,
    "aws:route53/zone:Zone": _zone,
    "aws:route53/record:Record": _record,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _bucket_setting(
        "PutPublicAccessBlock", "PublicAccessBlockConfiguration"
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _bucket_setting(
        "PutBucketOwnershipControls", "OwnershipControls", rule="rules"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        _bucket_setting("PutBucketEncryption", "ServerSideEncryptionConfiguration")
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _bucket_setting(
        "PutBucketLifecycleConfiguration", "LifecycleConfiguration"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": single_call(
        "s3", "PutBucketPolicy", outputs={"id": "request.Bucket"}
    ),
    "aws:wafv2/webAcl:WebAcl": single_call(
        "wafv2",
        "CreateWebACL",
        auto="name=Name",
        outputs={"id": "response.Summary.Id", "arn": "response.Summary.ARN"},
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": single_call(
        "wafv2", "AssociateWebACL", outputs={"id": "request.ResourceArn"}
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": _waf_log,
}
