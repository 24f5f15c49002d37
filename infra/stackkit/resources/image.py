"""The service's image: built and pushed to the stack's repository, or given by its digest."""

import re
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pulumi_docker_build as docker_build

PLATFORMS = {
    "arm64": docker_build.Platform.LINUX_ARM64,
    "x86_64": docker_build.Platform.LINUX_AMD64,
}
# enough to roll back to; ECR expires the oldest first
KEPT_IMAGES = 100


@dataclass(frozen=True, kw_only=True)
class ImageArgs:
    # a URI with a digest; "" builds one
    given: str
    # names the image's content, such as a commit
    build: str
    # the folder with the Dockerfile, relative to the program: other machines have it elsewhere
    context: str
    architecture: str
    # the repository goes with the stack, and with it every image
    destroyable: bool


class Image(pulumi.ComponentResource):
    """A repository, and the image in it that this stack runs.

    Deployments name an image by its digest. Tags say which build it is: `<build>-<architecture>`.
    """

    uri: pulumi.Output[str]
    # None: the image lies in a registry that asks for no role
    repository_arn: pulumi.Input[str] | None
    repository_url: pulumi.Output[str]

    def __init__(
        self, name: str, args: ImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:delivery:Image", name, None, opts)
        repository = awsx.ecr.Repository(
            name,
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(
                scan_on_push=True
            ),
            force_delete=args.destroyable,
            lifecycle_policy=awsx.ecr.LifecyclePolicyArgs(rules=[_newest()]),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.repository_url = repository.url
        if args.given:
            self.uri = pulumi.Output.from_input(args.given)
            self.repository_arn = repository_arn(args.given)
        else:
            self.uri = self._built(name, args)
            self.repository_arn = self.repository_url.apply(lambda url: repository_arn(url) or "")
        self.register_outputs({"uri": self.uri})

    def _built(self, name: str, args: ImageArgs) -> pulumi.Output[str]:
        tag = pulumi.Output.format(
            "{0}:{1}-{2}", self.repository_url, args.build, args.architecture
        )
        # Not awsx.ecr.Image: it builds in every preview, and its version of docker-build forgets
        # the image when a refresh meets the registry token of the last update.
        image = docker_build.Image(
            name,
            tags=[tag],
            context=docker_build.BuildContextArgs(location=args.context),
            platforms=[PLATFORMS[args.architecture]],
            build_args={"BUILD_ID": args.build},
            push=True,
            build_on_preview=False,
            registries=[_login(self)],
            # a rollback, and tasks that start again, need the images of before
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        return pulumi.Output.format("{0}@{1}", self.repository_url, image.digest)


def repository_arn(uri: str) -> str | None:
    """The ECR repository that an image's URI names, or None: another registry asks for no role."""
    in_ecr = re.match(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)", uri)
    if in_ecr is None:
        return None
    account, region, repository = in_ecr.groups()
    return f"arn:aws:ecr:{region}:{account}:repository/{repository}"


def _newest() -> awsx.ecr.LifecyclePolicyRuleArgs:
    return awsx.ecr.LifecyclePolicyRuleArgs(
        description="Enough to roll back to",
        tag_status=awsx.ecr.LifecycleTagStatus.ANY,
        maximum_number_of_images=KEPT_IMAGES,
    )


def _login(parent: pulumi.Resource) -> docker_build.RegistryArgs:
    token = aws.ecr.get_authorization_token_output(opts=pulumi.InvokeOutputOptions(parent=parent))
    return docker_build.RegistryArgs(
        address=token.proxy_endpoint,
        username=token.user_name,
        password=pulumi.Output.secret(token.password),
    )
