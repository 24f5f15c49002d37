from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws import iam, imagebuilder

from stackkit.resources.container import Container
from stackkit.resources.policies import allow, assumed_by, document

PARENTS = {"arm64": "amazon-linux-2023-arm64", "x86_64": "amazon-linux-2023-x86"}
MANAGED = {
    "ssm": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
    "builder": "arn:aws:iam::aws:policy/EC2InstanceProfileForImageBuilder",
}
# recipes can't change: a changed one has a new name, and each begins anew
VERSION = "1.0.0"
# Sundays, when the parent image or a component has an update
WEEKLY = "cron(0 4 ? * sun)"
RECIPE_TAG = "recipe"


@dataclass(frozen=True, kw_only=True)
class AmiArgs:
    region: str
    container: Container
    instance_type: str
    subnet_id: pulumi.Input[str]
    security_group_id: pulumi.Input[str]


class Ami(pulumi.ComponentResource):
    """Amazon Linux 2023 with Docker and the service's image in it: an instance starts faster."""

    ami_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: AmiArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:compute:Ami", name, None, opts)
        self._prefix = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        recipe = self._recipe()
        builder, distribution = self._builder(), self._distribution(recipe)
        image = imagebuilder.Image(
            name,
            imagebuilder.ImageArgs(
                image_recipe_arn=recipe.arn,
                infrastructure_configuration_arn=builder.arn,
                distribution_configuration_arn=distribution.arn,
            ),
            opts=self._child,
        )
        self._pipeline(recipe, builder, distribution)
        self.ami_id = self._newest(recipe, image)
        self.register_outputs({"ami_id": self.ami_id})

    def _recipe(self) -> imagebuilder.ImageRecipe:
        args = self._args
        component = imagebuilder.Component(
            self._prefix,
            imagebuilder.ComponentArgs(
                platform="Linux",
                version=VERSION,
                supported_os_versions=["Amazon Linux 2023"],
                data=_bake(args.container.image, args.region),
            ),
            opts=self._child,
        )
        parent = PARENTS[args.container.architecture]
        return imagebuilder.ImageRecipe(
            self._prefix,
            imagebuilder.ImageRecipeArgs(
                version=VERSION,
                parent_image=f"arn:aws:imagebuilder:{args.region}:aws:image/{parent}/x.x.x",
                components=[imagebuilder.ImageRecipeComponentArgs(component_arn=component.arn)],
            ),
            opts=self._child,
        )

    def _profile(self) -> iam.InstanceProfile:
        role = iam.Role(
            f"{self._prefix}-builder",
            iam.RoleArgs(assume_role_policy=assumed_by("ec2.amazonaws.com")),
            opts=self._child,
        )
        for purpose, policy in MANAGED.items():
            iam.RolePolicyAttachment(
                f"{self._prefix}-builder-{purpose}",
                iam.RolePolicyAttachmentArgs(role=role.name, policy_arn=policy),
                opts=self._child,
            )
        if self._args.container.repository_arn is not None:
            iam.RolePolicy(
                f"{self._prefix}-builder",
                iam.RolePolicyArgs(role=role.id, policy=_may_pull(self._args.container)),
                opts=self._child,
            )
        return iam.InstanceProfile(
            f"{self._prefix}-builder",
            iam.InstanceProfileArgs(role=role.name),
            opts=self._child,
        )

    def _builder(self) -> imagebuilder.InfrastructureConfiguration:
        metadata = imagebuilder.InfrastructureConfigurationInstanceMetadataOptionsArgs(
            http_tokens="required", http_put_response_hop_limit=1
        )
        return imagebuilder.InfrastructureConfiguration(
            self._prefix,
            imagebuilder.InfrastructureConfigurationArgs(
                instance_profile_name=self._profile().name,
                instance_types=[self._args.instance_type],
                subnet_id=self._args.subnet_id,
                security_group_ids=[self._args.security_group_id],
                terminate_instance_on_failure=True,
                instance_metadata_options=metadata,
            ),
            opts=self._child,
        )

    def _distribution(
        self, recipe: imagebuilder.ImageRecipe
    ) -> imagebuilder.DistributionConfiguration:
        ami = imagebuilder.DistributionConfigurationDistributionAmiDistributionConfigurationArgs(
            name=f"{self._prefix}-{{{{ imagebuilder:buildDate }}}}",
            ami_tags={"Name": self._prefix, RECIPE_TAG: recipe.arn},
        )
        return imagebuilder.DistributionConfiguration(
            self._prefix,
            imagebuilder.DistributionConfigurationArgs(
                distributions=[
                    imagebuilder.DistributionConfigurationDistributionArgs(
                        region=self._args.region, ami_distribution_configuration=ami
                    )
                ]
            ),
            opts=self._child,
        )

    def _pipeline(
        self,
        recipe: imagebuilder.ImageRecipe,
        builder: imagebuilder.InfrastructureConfiguration,
        distribution: imagebuilder.DistributionConfiguration,
    ) -> None:
        """Security updates: the next `pulumi up` launches what was baked since."""
        imagebuilder.ImagePipeline(
            self._prefix,
            imagebuilder.ImagePipelineArgs(
                image_recipe_arn=recipe.arn,
                infrastructure_configuration_arn=builder.arn,
                distribution_configuration_arn=distribution.arn,
                schedule=imagebuilder.ImagePipelineScheduleArgs(
                    schedule_expression=WEEKLY,
                    pipeline_execution_start_condition=(
                        "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"
                    ),
                ),
            ),
            opts=self._child,
        )

    def _newest(
        self, recipe: imagebuilder.ImageRecipe, image: imagebuilder.Image
    ) -> pulumi.Output[str]:
        """Of this recipe, whether this program or the pipeline baked it."""
        return aws.ec2.get_ami_output(
            owners=["self"],
            most_recent=True,
            filters=recipe.arn.apply(
                lambda arn: [aws.ec2.GetAmiFilterArgs(name=f"tag:{RECIPE_TAG}", values=[arn])]
            ),
            opts=pulumi.InvokeOutputOptions(parent=self, depends_on=[image]),
        ).id


def _bake(image: pulumi.Input[str], region: str) -> pulumi.Output[str]:
    """Image Builder's document: JSON is YAML."""
    commands = [
        "dnf install -y docker",
        "systemctl enable --now docker",
        pulumi.Output.format(
            "case {0} in *.dkr.ecr.*) aws ecr get-login-password --region {1}"
            " | docker login --username AWS --password-stdin $(echo {0} | cut -d/ -f1) ;; esac",
            image,
            region,
        ),
        pulumi.Output.format("docker pull --quiet {0}", image),
        # the token must not live on in the AMI
        "rm -f /root/.docker/config.json",
    ]
    step = {"name": "bake", "action": "ExecuteBash", "inputs": {"commands": commands}}
    return pulumi.Output.json_dumps(
        {"schemaVersion": 1.0, "phases": [{"name": "build", "steps": [step]}]}
    )


def _may_pull(container: Container) -> pulumi.Output[str]:
    assert container.repository_arn is not None
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return document(
        allow(["ecr:GetAuthorizationToken"], ["*"]), allow(pull, [container.repository_arn])
    )
