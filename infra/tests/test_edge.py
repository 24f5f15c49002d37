import json

import pytest

from cloud import ACCOUNT, REGION, ZONE_ID
from harness import DEV, DOMAIN, PROD, Run, keys, run, stack
from stackkit.resources.waf import COUNTED

LISTENER = "aws:lb/listener:Listener"
every_edge = pytest.mark.parametrize(
    ("tier", "domain"), [("dev", True), ("dev", False), ("prod", True), ("prod", False)]
)


@every_edge
def test_health_is_asked_as_agreed(tier: str, domain: bool) -> None:
    targets = stack(tier, domain=domain).one("aws:lb/targetGroup:TargetGroup").inputs
    assert targets["healthCheck"] == {
        "enabled": True,
        "protocol": "HTTP",
        "port": "traffic-port",
        "path": "/health",
        "interval": 30,
        "timeout": 5,
        "healthyThreshold": 3,
        "unhealthyThreshold": 2,
        "matcher": "200",
    }


@every_edge
def test_the_balancer_is_as_strict_as_it_can_be(tier: str, domain: bool) -> None:
    balancer = stack(tier, domain=domain).one("aws:lb/loadBalancer:LoadBalancer").inputs
    assert balancer["dropInvalidHeaderFields"] is True
    assert balancer["desyncMitigationMode"] == "strictest"
    assert balancer["internal"] is False
    assert balancer["enableDeletionProtection"] is (tier == "prod")
    assert balancer["accessLogs"]["enabled"] is True


def test_the_balancer_lets_go_before_the_server_does() -> None:
    made = stack("prod")
    environment = {
        pair["name"]: pair["value"]
        for pair in json.loads(made.service_task().inputs["containerDefinitions"])[0]["environment"]
    }
    idle_s = made.one("aws:lb/loadBalancer:LoadBalancer").inputs["idleTimeout"]
    drain_s = made.one("aws:lb/targetGroup:TargetGroup").inputs["deregistrationDelay"]
    assert idle_s == 50
    assert int(environment["GRANIAN_HTTP1_HEADER_READ_TIMEOUT"]) == 59_000
    assert int(environment["REQUEST_TIMEOUT"]) < drain_s
    assert drain_s < int(environment["GRANIAN_WORKERS_KILL_TIMEOUT"])


def test_requests_go_where_fewest_are_open() -> None:
    targets = stack("prod").one("aws:lb/targetGroup:TargetGroup").inputs
    assert targets["loadBalancingAlgorithmType"] == "least_outstanding_requests"
    assert (targets["targetType"], targets["port"], targets["protocol"]) == ("ip", 8000, "HTTP")


def test_an_internal_balancer_stands_in_the_private_subnets() -> None:
    made = run("prod", keys("prod") | {"internal": "true"})
    balancer = made.one("aws:lb/loadBalancer:LoadBalancer").inputs
    assert balancer["internal"] is True
    assert balancer["subnets"] == [f"subnet-private-{zone}" for zone in "abc"]


def target(made: Run) -> str:
    group = made.one("aws:lb/targetGroup:TargetGroup").name
    return next(given for given in made.given if given.endswith(f"targetGroup/{group}"))


def other_warnings(made: Run) -> list[str]:
    return [text for text in made.outputs["warnings"] if not text.startswith("WAF costs")]


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_a_domain_is_served_by_tls_and_plain_http_is_sent_there(tier: str) -> None:
    made = stack(tier)
    https = made.one(LISTENER, f"shop-{tier}-https").inputs
    http = made.one(LISTENER, f"shop-{tier}-http").inputs
    assert (https["port"], https["protocol"]) == (443, "HTTPS")
    assert https["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    assert https["defaultActions"] == [{"type": "forward", "targetGroupArn": target(made)}]
    assert (http["port"], http["protocol"]) == (80, "HTTP")
    assert http["defaultActions"] == [
        {
            "type": "redirect",
            "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"},
        }
    ]
    assert made.outputs["url"] == f"https://{DOMAIN}"
    assert other_warnings(made) == []


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_without_a_domain_there_is_http_and_a_warning(tier: str) -> None:
    made = stack(tier, domain=False)
    http = made.one(LISTENER).inputs
    assert (http["port"], http["protocol"]) == (80, "HTTP")
    assert http["defaultActions"] == [{"type": "forward", "targetGroupArn": target(made)}]
    assert made.outputs["url"] == f"http://shop-{tier}.elb.amazonaws.com"
    assert [text[:10] for text in other_warnings(made)] == ["Plain HTTP"]


def test_the_certificate_proves_itself_in_the_zone() -> None:
    made = stack("prod")
    certificate = made.one("aws:acm/certificate:Certificate").inputs
    record = made.one("aws:route53/record:Record", "shop-prod-validation").inputs
    validated = made.one("aws:acm/certificateValidation:CertificateValidation").inputs
    assert (certificate["domainName"], certificate["validationMethod"]) == (DOMAIN, "DNS")
    assert (record["zoneId"], record["type"]) == (ZONE_ID, "CNAME")
    assert record["records"] == ["_value.acm-validations.aws"]
    assert validated["validationRecordFqdns"] == [f"_proof.{DOMAIN}"]
    # another certificate of the domain may have left it there
    assert record["allowOverwrite"] is True
    https = made.one(LISTENER, "shop-prod-https").inputs
    assert https["certificateArn"] == validated["certificateArn"]


def test_the_domain_is_an_alias_of_the_balancer() -> None:
    alias = stack("prod").one("aws:route53/record:Record", "shop-prod").inputs
    assert (alias["zoneId"], alias["name"], alias["type"]) == (ZONE_ID, DOMAIN, "A")
    assert alias["aliases"] == [
        {"name": "shop-prod.elb.amazonaws.com", "zoneId": "ZELB", "evaluateTargetHealth": True}
    ]


@pytest.mark.parametrize("taken_over", [False, True])
def test_a_domain_that_leads_elsewhere_is_taken_over_by_its_key_alone(taken_over: bool) -> None:
    made = run("prod", PROD | {"domain": DOMAIN, "take_over_domain": str(taken_over).lower()})
    alias = made.one("aws:route53/record:Record", "shop-prod").inputs
    assert alias["allowOverwrite"] is taken_over


def test_a_certificate_of_ones_own_needs_no_zone() -> None:
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/mine"
    made = run("dev", DEV | {"domain": DOMAIN, "certificate_arn": arn})
    assert made.one(LISTENER, "shop-dev-https").inputs["certificateArn"] == arn
    assert made.all("aws:acm/certificate:Certificate") == []
    assert made.all("aws:route53/record:Record") == []


def test_the_log_bucket_is_closed_to_everyone_but_the_balancer() -> None:
    made = stack("prod")
    block = made.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    policy = json.loads(made.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    allowed = [s for s in policy["Statement"] if s["Effect"] == "Allow"]
    refused = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert [block[switch] for switch in switches] == [True] * 4
    assert [(s["Principal"], s["Action"]) for s in allowed] == [
        ({"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}, "s3:PutObject")
    ]
    assert [(s["Principal"], s["Action"], s["Condition"]) for s in refused] == [
        ("*", "s3:*", {"Bool": {"aws:SecureTransport": "false"}})
    ]


def test_access_logs_are_encrypted_and_expire() -> None:
    made = stack("prod")
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    [encryption] = made.one(kind).inputs["rules"]
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    [expiry] = made.one(kind).inputs["rules"]
    assert encryption["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    assert (expiry["status"], expiry["expiration"]) == ("Enabled", {"days": 30})


def test_the_firewall_refuses_floods_and_known_attacks() -> None:
    made = stack("prod")
    acl = made.one("aws:wafv2/webAcl:WebAcl").inputs
    rules = sorted(acl["rules"], key=lambda rule: rule["priority"])
    managed = [
        rule["statement"]["managedRuleGroupStatement"]["name"]
        for rule in rules
        if "managedRuleGroupStatement" in rule["statement"]
    ]
    rate = rules[0]["statement"]["rateBasedStatement"]
    assert [rule["priority"] for rule in rules] == [0, 1, 2, 3, 4]
    [common] = (
        rule["statement"]["managedRuleGroupStatement"]
        for rule in rules[1:]
        if rule["name"] == "AWSManagedRulesCommonRuleSet"
    )
    # what the service accepts is counted, not blocked
    assert common["ruleActionOverrides"] == [
        {"name": name, "actionToUse": {"count": {}}} for name in COUNTED
    ]
    assert (rate["aggregateKeyType"], rate["evaluationWindowSec"]) == ("IP", 300)
    assert "block" in rules[0]["action"]
    assert managed == [
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesSQLiRuleSet",
    ]
    association = made.one("aws:wafv2/webAclAssociation:WebAclAssociation").inputs
    assert association["resourceArn"].endswith("loadBalancer/shop-prod")


def test_preview_names_the_cost_of_the_firewall_in_production() -> None:
    warnings = stack("prod").outputs["warnings"]
    assert warnings == [
        "WAF costs about 542,025 USD a month at the mean load, 0.6 for each million requests."
        " `make plan` compares it with the rest."
    ]


def test_firewall_logs_rejected_requests_without_credentials() -> None:
    made = stack("prod")
    log = made.one("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration").inputs
    group = made.one("aws:cloudwatch/logGroup:LogGroup", "shop-prod-waf").inputs
    hidden = [field["singleHeader"]["name"] for field in log["redactedFields"]]
    assert group["name"] == "aws-waf-logs-shop-prod"
    assert log["logDestinationConfigs"][0].endswith("logGroup/shop-prod-waf")
    assert hidden == ["authorization", "cookie"]
    assert log["loggingFilter"]["defaultBehavior"] == "DROP"


def test_the_firewall_may_write_its_log_by_a_policy_of_this_stack() -> None:
    made = stack("prod")
    policy = made.one("aws:cloudwatch/logResourcePolicy:LogResourcePolicy")
    logging = made.one("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    [statement] = json.loads(policy.inputs["policyDocument"])["Statement"]
    assert policy.urn in logging.depends_on
    assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert statement["Resource"] == f"{logging.inputs['logDestinationConfigs'][0]}:*"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"},
    }


def test_capacity_is_reserved_only_when_asked_for() -> None:
    made = run("prod", PROD | {"domain": DOMAIN, "alb_lcu": "500", "waf": "false"})
    balancer = "aws:lb/loadBalancer:LoadBalancer"
    assert made.one(balancer).inputs["minimumLoadBalancerCapacity"] == {"capacityUnits": 500}
    assert "minimumLoadBalancerCapacity" not in stack("prod").one(balancer).inputs
    assert made.all("aws:wafv2/webAcl:WebAcl") == []
