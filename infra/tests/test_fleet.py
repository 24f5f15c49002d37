import base64
import json
from functools import cache
from typing import Any

import pytest

from cloud import AMI_ID, BAKED_AMI_ID
from harness import DOMAIN, PROD, Run, run, stack

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:autoscaling/group:Group"


@cache
def fleet(**values: str) -> Run:
    return run("prod", PROD | {"compute": "ec2", "domain": DOMAIN} | values)


def template(made: Run) -> dict[str, Any]:
    return dict(made.one(TEMPLATE).inputs)


def cloud_config(made: Run) -> dict[str, Any]:
    head, _, body = base64.b64decode(template(made)["userData"]).decode().partition("\n")
    assert head == "#cloud-config"
    return json.loads(body)


def group(made: Run) -> dict[str, Any]:
    return dict(made.one(GROUP).inputs)


def test_no_instance_can_be_reached_or_robbed() -> None:
    made = template(stack("prod", "ec2"))
    assert "keyName" not in made
    assert made["networkInterfaces"] == [
        {
            "associatePublicIpAddress": "false",
            "deleteOnTermination": "true",
            "securityGroups": ["shop-prod-compute-id"],
        }
    ]
    assert made["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
        "instanceMetadataTags": "enabled",
    }
    [disk] = made["blockDeviceMappings"]
    assert disk == {
        "deviceName": "/dev/xvda",
        "ebs": {
            "encrypted": "true",
            "volumeType": "gp3",
            "volumeSize": 20,
            "deleteOnTermination": "true",
        },
    }


def test_the_first_amazon_linux_is_launched_by_its_id_and_kept() -> None:
    made = stack("prod", "ec2")
    assert template(made)["imageId"] == AMI_ID
    assert made.one(TEMPLATE).ignore_changes == ["imageId"]
    assert cloud_config(made)["runcmd"][0][-1] == "command -v docker || dnf install -y docker"


def test_an_ami_of_another_processor_is_another_template() -> None:
    other = fleet(architecture="x86_64", instance_types='["c7i.xlarge"]')
    assert other.one(TEMPLATE).name != stack("prod", "ec2").one(TEMPLATE).name


def test_an_ami_moves_with_its_key() -> None:
    made = fleet(ami_id="ami-0fedcba9876543210")
    assert template(made)["imageId"] == "ami-0fedcba9876543210"
    assert made.one(TEMPLATE).ignore_changes == []


def test_an_ami_is_baked_for_each_image_and_moves_with_it() -> None:
    made = fleet(bake_ami="true")
    assert template(made)["imageId"] == BAKED_AMI_ID
    assert made.one(TEMPLATE).ignore_changes == []
    recipe = made.one("aws:imagebuilder/imageRecipe:ImageRecipe").inputs
    parent = "arn:aws:imagebuilder:eu-west-1:aws:image/amazon-linux-2023-arm64/x.x.x"
    assert recipe["parentImage"] == parent
    component = json.loads(made.one("aws:imagebuilder/component:Component").inputs["data"])
    [phase] = component["phases"]
    [step] = phase["steps"]
    commands = step["inputs"]["commands"]
    assert commands[0] == "dnf install -y docker"
    assert commands[3].startswith("docker pull --quiet 123456789012.dkr.ecr.eu-west-1.amazonaws")
    assert "@sha256:" in commands[3]
    # the registry's token stays out of the AMI
    assert commands[-1] == "rm -f /root/.docker/config.json"
    # a schedule would bake what no deployment has asked for
    assert made.all("aws:imagebuilder/imagePipeline:ImagePipeline") == []
    builder = made.one("aws:imagebuilder/infrastructureConfiguration:InfrastructureConfiguration")
    assert builder.inputs["instanceMetadataOptions"]["httpTokens"] == "required"
    assert builder.inputs["securityGroupIds"] == ["shop-prod-compute-id"]


def test_the_instances_are_of_several_types_in_all_zones() -> None:
    made = group(stack("prod", "ec2"))
    assert made["vpcZoneIdentifiers"] == [f"subnet-private-{zone}" for zone in "abc"]
    policy = made["mixedInstancesPolicy"]
    kinds = [entry["instanceType"] for entry in policy["launchTemplate"]["overrides"]]
    assert kinds == ["c8g.xlarge", "c7g.xlarge"]
    assert policy["instancesDistribution"] == {
        "onDemandPercentageAboveBaseCapacity": 100,
        "onDemandAllocationStrategy": "prioritized",
        "spotAllocationStrategy": "price-capacity-optimized",
    }
    assert (made["minSize"], made["maxSize"]) == (9, 81)
    assert made["capacityRebalance"] is True


def test_sick_instances_are_replaced_as_the_load_balancer_finds_them() -> None:
    made = group(stack("prod", "ec2"))
    assert (made["healthCheckType"], made["healthCheckGracePeriod"]) == ("ELB", 180)
    assert made["waitForElbCapacity"] == 9
    assert "desiredCapacity" not in made


def test_a_new_version_replaces_instances_or_is_taken_back() -> None:
    made = group(stack("prod", "ec2"))
    specification = made["mixedInstancesPolicy"]["launchTemplate"]["launchTemplateSpecification"]
    assert specification == {"launchTemplateId": "shop-prod-arm64-id", "version": "1"}
    refresh = made["instanceRefresh"]
    assert refresh["strategy"] == "Rolling"
    assert refresh["preferences"]["autoRollback"] is True
    assert refresh["preferences"]["minHealthyPercentage"] == 100
    assert refresh["preferences"]["maxHealthyPercentage"] == 200
    assert refresh["preferences"]["alarmSpecification"]["alarms"]


def test_an_instance_waits_for_its_requests_before_it_goes() -> None:
    hook = stack("prod", "ec2").one("aws:autoscaling/lifecycleHook:LifecycleHook").inputs
    assert hook["lifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert hook["defaultResult"] == "CONTINUE"
    # 20 s of draining, 40 s of stopping, and a minute
    assert hook["heartbeatTimeout"] == 120


def test_a_warm_pool_waits_stopped() -> None:
    made = group(fleet(warm_pool="4", instance_types='["c8g.xlarge"]'))
    assert made["warmPool"] == {"minSize": 4, "poolState": "Stopped"}
    assert made["launchTemplate"] == {"id": "shop-prod-arm64-id", "version": "1"}
    assert "mixedInstancesPolicy" not in made


def test_spot_takes_its_share() -> None:
    policy = group(fleet(spot_percent="40"))["mixedInstancesPolicy"]
    assert policy["instancesDistribution"]["onDemandPercentageAboveBaseCapacity"] == 60


def test_instance_role_allows_the_calls_of_its_start_and_stop() -> None:
    made = stack("prod", "ec2")
    document = json.loads(
        made.one("aws:iam/rolePolicy:RolePolicy", "shop-prod-instance").inputs["policy"]
    )
    actions = sorted({action for s in document["Statement"] for action in s["Action"]})
    assert actions == [
        "autoscaling:CompleteLifecycleAction",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer",
        "kms:Decrypt",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "secretsmanager:GetSecretValue",
        # the collector's, which is handed the role's credentials
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ]
    attached = made.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "shop-prod-ssm")
    assert attached.inputs["policyArn"].endswith("/AmazonSSMManagedInstanceCore")


def test_no_secret_is_in_the_user_data() -> None:
    files = {f["path"]: f["content"] for f in cloud_config(stack("prod", "ec2"))["write_files"]}
    assert files["/etc/app/secrets"].splitlines() == [
        "DATABASE_PASSWORD arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
        "rds!shop-prod-AbCdEf:password::",
        "REDIS_PASSWORD arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
        "shop-prod-cache-AbCdEf",
    ]
    assert "PASSWORD" not in files["/etc/app/environment"]


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_user_data_fits(tier: str) -> None:
    # EC2 takes 16 KiB before base64
    assert len(base64.b64decode(template(stack(tier, "ec2"))["userData"])) < 16_384
