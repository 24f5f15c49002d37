"""Load balancer, certificate, DNS, WAF, the bucket of access logs."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.resource_creator import Make, Maker, Outputs, row

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


def _attributes(maker: Maker, known: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"Key": key, "Value": _text(maker.take(name))}
        for name, key in known.items()
        if name in maker.inputs
    ]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _balancer(maker: Maker) -> Outputs:
    attributes = _attributes(maker, _BALANCER_ATTRIBUTES)
    logs = maker.take("accessLogs", {})
    attributes += [
        {"Key": f"access_logs.s3.{key}", "Value": _text(value)} for key, value in logs.items()
    ]
    reserved = maker.take("minimumLoadBalancerCapacity")
    answer = maker.rest(
        "elbv2",
        "CreateLoadBalancer",
        {"loadBalancerType": "Type"},
        Name=maker.named(),
        Scheme="internal" if maker.take("internal") else "internet-facing",
    )
    made = answer["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    change = "ModifyLoadBalancerAttributes"
    maker.call("elbv2", change, LoadBalancerArn=arn, Attributes=attributes)
    if reserved:
        units = maker.fitted(
            "elbv2", "ModifyCapacityReservation", "MinimumLoadBalancerCapacity", **reserved
        )
        maker.call(
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


def _target_group(maker: Maker) -> Outputs:
    attributes = _attributes(maker, _TARGET_ATTRIBUTES)
    health: dict[str, Any] = maker.take("healthCheck", {})
    matcher = health.pop("matcher", None)
    renamed: dict[str, Any] = {
        _HEALTH_CHECK.get(name, name): value for name, value in health.items()
    }
    checks = maker.fitted("elbv2", "CreateTargetGroup", **renamed)
    if matcher:
        checks["Matcher"] = {"HttpCode": matcher}
    answer = maker.rest("elbv2", "CreateTargetGroup", Name=maker.named(), **checks)
    made = answer["TargetGroups"][0]
    arn = made["TargetGroupArn"]
    maker.call("elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=attributes)
    suffix = arn.rpartition(":")[2]
    return {"id": arn, "arn": arn, "name": made["TargetGroupName"], "arnSuffix": suffix}


def _listener(maker: Maker) -> Outputs:
    certificate = maker.take("certificateArn")
    actions = [
        {("redirectConfig" if name == "redirect" else name): value for name, value in each.items()}
        for each in maker.take("defaultActions", [])
    ]
    answer = maker.rest(
        "elbv2",
        "CreateListener",
        Certificates=[{"CertificateArn": certificate}] if certificate else None,
        DefaultActions=maker.fitted("elbv2", "CreateListener", defaultActions=actions)[
            "DefaultActions"
        ],
    )
    arn = answer["Listeners"][0]["ListenerArn"]
    return {"id": arn, "arn": arn}


def _certificate(maker: Maker) -> Outputs:
    arn = maker.rest("acm", "RequestCertificate")["CertificateArn"]
    found = maker.call("acm", "DescribeCertificate", CertificateArn=arn)["Certificate"]
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


def _validation(maker: Maker) -> Outputs:
    """The provider only waits: for a record of the name that ACM asked for."""
    arn, names = maker.take("certificateArn"), maker.take("validationRecordFqdns", [])
    found = maker.call("acm", "DescribeCertificate", CertificateArn=arn)["Certificate"]
    for option in found["DomainValidationOptions"]:
        wanted = option["ResourceRecord"]["Name"]
        if wanted.rstrip(".") not in {name.rstrip(".") for name in names}:
            maker.refuse(f"no record {wanted} proves the domain", "DescribeCertificate")
    return {"id": arn, "certificateArn": arn}


def _zone(maker: Maker) -> Outputs:
    networks = maker.take("vpcs", [])
    vpc = {"VPCRegion": maker.account.region, "VPCId": networks[0]["vpcId"]} if networks else None
    answer = maker.rest(
        "route53",
        "CreateHostedZone",
        CallerReference=maker.name,
        VPC=vpc,
        HostedZoneConfig={"Comment": maker.take("comment", "Managed by Pulumi")},
    )
    zone = answer["HostedZone"]["Id"].rpartition("/")[2]
    return {"id": zone, "zoneId": zone, "name": answer["HostedZone"]["Name"]}


def _record(maker: Maker) -> Outputs:
    zone, name = maker.take("zoneId"), maker.take("name")
    record: dict[str, Any] = {"Name": name, "Type": maker.take("type")}
    values, alias = maker.take("records"), maker.take("aliases")
    if values:
        record |= {"ResourceRecords": [{"Value": v} for v in values], "TTL": maker.take("ttl")}
    if alias:
        record["AliasTarget"] = {
            "DNSName": alias[0]["name"],
            "HostedZoneId": alias[0]["zoneId"],
            "EvaluateTargetHealth": alias[0]["evaluateTargetHealth"],
        }
    weights = maker.take("weightedRoutingPolicies")
    if weights:
        record |= {"Weight": weights[0]["weight"], "SetIdentifier": maker.take("setIdentifier")}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    maker.call("route53", "ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch=batch)
    return {"id": f"{zone}_{name}", "fqdn": name}


def _bucket(maker: Maker) -> Outputs:
    maker.skip("forceDestroy")
    name, region = maker.named("bucket"), maker.account.region
    place = {"LocationConstraint": region} if region != "us-east-1" else None
    maker.rest("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=place)
    arn = f"arn:aws:s3:::{name}"
    return {"id": name, "bucket": name, "arn": arn}


def _bucket_setting(operation: str, member: str, **aliases: str) -> Make:
    """A part of a bucket's configuration, which the API has under one more member."""

    def make(maker: Maker) -> Outputs:
        bucket = maker.take("bucket")
        given = {aliases.get(name, name): value for name, value in maker.inputs.items()}
        fitted = maker.fitted("s3", operation, member, **given)
        maker.inputs.clear()
        maker.call("s3", operation, Bucket=bucket, **{member: fitted})
        return {"id": bucket}

    return make


def _waf_log(maker: Maker) -> Outputs:
    operation, member = "PutLoggingConfiguration", "LoggingConfiguration"
    fitted = maker.fitted("wafv2", operation, member, **maker.inputs)
    maker.inputs.clear()
    maker.call("wafv2", operation, **{member: fitted})
    return {"id": fitted["ResourceArn"]}


ROWS: Mapping[str, Make] = {
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
    "aws:s3/bucketPolicy:BucketPolicy": row(
        "s3", "PutBucketPolicy", outputs={"id": "request.Bucket"}
    ),
    "aws:wafv2/webAcl:WebAcl": row(
        "wafv2",
        "CreateWebACL",
        auto="name=Name",
        outputs={"id": "response.Summary.Id", "arn": "response.Summary.ARN"},
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": row(
        "wafv2", "AssociateWebACL", outputs={"id": "request.ResourceArn"}
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": _waf_log,
}
