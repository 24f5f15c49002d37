import pulumi
from pulumi_aws import iam, imagebuilder

from stackkit.resources.component import Component
from stackkit.resources.container import may_pull
from stackkit.resources.placement import Placement
from stackkit.resources.policies import service_role

PARENTS = {"arm64": "amazon-linux-2023-arm64", "x86_64": "amazon-linux-2023-x86"}
MANAGED = {
    "ssm": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
    "builder": "arn:aws:iam::aws:policy/EC2InstanceProfileForImageBuilder",
}
# recipes can't change: a changed one has a new name, and each begins anew
VERSION = "1.0.0"


class Ami(Component):
    """Amazon Linux 2023 with Docker and the service's image in it: an instance starts faster.

    Each new image of the service is baked on the newest parent; nothing else moves the AMI.
    """

    ami_id: pulumi.Output[str]

    def __init__(self, name: str, args: Placement) -> None:
        super().__init__("service:compute:Ami", name)
        self._args = args
        recipe = self._recipe()
        builder, distribution = self._builder(), self._distribution()
        image = imagebuilder.Image(
            name,
            image_recipe_arn=recipe.arn,
            infrastructure_configuration_arn=builder.arn,
            distribution_configuration_arn=distribution.arn,
            opts=self._child,
        )
        self.ami_id = image.output_resources[0].amis[0].image.apply(str)
        self.register_outputs({"ami_id": self.ami_id})

    def _recipe(self) -> imagebuilder.ImageRecipe:
        args = self._args
        component = imagebuilder.Component(
            self._prefix,
            platform="Linux",
            version=VERSION,
            supported_os_versions=["Amazon Linux 2023"],
            data=_bake(args.container.image, args.region),
            opts=self._child,
        )
        parent = PARENTS[args.settings.architecture]
        return imagebuilder.ImageRecipe(
            self._prefix,
            version=VERSION,
            parent_image=f"arn:aws:imagebuilder:{args.region}:aws:image/{parent}/x.x.x",
            components=[{"component_arn": component.arn}],
            opts=self._child,
        )

    def _profile(self) -> iam.InstanceProfile:
        name = f"{self._prefix}-builder"
        role, _ = service_role(name, "ec2.amazonaws.com", may_pull(self._args.container), self)
        for purpose, policy in MANAGED.items():
            iam.RolePolicyAttachment(
                f"{name}-{purpose}",
                role=role.name,
                policy_arn=policy,
                opts=self._child,
            )
        return iam.InstanceProfile(name, role=role.name, opts=self._child)

    def _builder(self) -> imagebuilder.InfrastructureConfiguration:
        return imagebuilder.InfrastructureConfiguration(
            self._prefix,
            instance_profile_name=self._profile().name,
            instance_types=[self._args.settings.instance_types[0]],
            subnet_id=self._args.subnet_ids[0],
            security_group_ids=[self._args.security_group_id],
            terminate_instance_on_failure=True,
            instance_metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
            opts=self._child,
        )

    def _distribution(self) -> imagebuilder.DistributionConfiguration:
        return imagebuilder.DistributionConfiguration(
            self._prefix,
            distributions=[
                {
                    "region": self._args.region,
                    "ami_distribution_configuration": {
                        "name": f"{self._prefix}-{{{{ imagebuilder:buildDate }}}}",
                        "ami_tags": {"Name": self._prefix},
                    },
                }
            ],
            opts=self._child,
        )


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
