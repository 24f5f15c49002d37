"""The service's image: built and pushed to the stack's repository, or given by its digest."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pulumi_docker_build as docker_build

from stackkit.resources.component import Component
from stackkit.settings.config import Config

PLATFORMS = {
    "arm64": docker_build.Platform.LINUX_ARM64,
    "x86_64": docker_build.Platform.LINUX_AMD64,
}
# enough to roll back to; ECR expires the oldest first
KEPT_IMAGES = 100
# begins the tags of the collector's copies; no build is named so
COLLECTOR = "collector."
_COLLECTOR_CONTEXT = Path(__file__).parent / "collector_image"


@dataclass(frozen=True, kw_only=True)
class ImageArgs:
    settings: Config
    # names the image's content, such as a commit
    build: str
    # the folder with the Dockerfile, relative to the program: other machines have it elsewhere
    context: str


class Image(Component):
    """A repository, and the image in it that this stack runs.

    Deployments name an image by its digest. Tags say which build it is: `<build>-<architecture>`.
    """

    uri: pulumi.Output[str]
    # of the collector, in the same repository
    collector: pulumi.Output[str]
    # what tasks pull from, where a role is asked for
    repository_arns: list[pulumi.Input[str]]
    repository_url: pulumi.Output[str]

    def __init__(self, name: str, args: ImageArgs) -> None:
        super().__init__("service:delivery:Image", name)
        repository = awsx.ecr.Repository(
            name,
            image_scanning_configuration={"scan_on_push": True},
            # the repository goes with the stack, and with it every image
            force_delete=not args.settings.production,
            lifecycle_policy={
                "rules": [
                    # an image of this rule no later one expires: tasks need it with the stack
                    {
                        "description": "The collector beside each task",
                        "tag_status": awsx.ecr.LifecycleTagStatus.TAGGED,
                        "tag_prefix_list": [COLLECTOR],
                        "maximum_number_of_images": len(PLATFORMS),
                    },
                    {
                        "description": "Enough to roll back to",
                        "tag_status": awsx.ecr.LifecycleTagStatus.ANY,
                        "maximum_number_of_images": KEPT_IMAGES,
                    },
                ]
            },
            opts=self._child,
        )
        self.repository_url = repository.url
        self._architecture = args.settings.architecture
        self.repository_arns = [repository.url.apply(lambda url: repository_arn(url) or "")]
        # relative, as args.context
        copied = os.path.relpath(_COLLECTOR_CONTEXT)
        self.collector = self._built(f"{name}-collector", COLLECTOR, copied, {})
        if given := args.settings.image:
            self.uri = pulumi.Output.from_input(given)
            self.repository_arns += filter(None, [repository_arn(given)])
        else:
            build = {"BUILD_ID": args.build}
            self.uri = self._built(name, f"{args.build}-", args.context, build)
        self.register_outputs({"uri": self.uri})

    def _built(
        self, name: str, tag: str, context: str, build_args: Mapping[str, str]
    ) -> pulumi.Output[str]:
        # Not awsx.ecr.Image: it builds in every preview, and its version of docker-build forgets
        # the image when a refresh meets the registry token of the last update.
        image = docker_build.Image(
            name,
            tags=[pulumi.Output.format("{0}:{1}{2}", self.repository_url, tag, self._architecture)],
            context={"location": context},
            platforms=[PLATFORMS[self._architecture]],
            build_args=build_args,
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


def _login(parent: pulumi.Resource) -> docker_build.RegistryArgsDict:
    token = aws.ecr.get_authorization_token_output(opts=pulumi.InvokeOutputOptions(parent=parent))
    return {
        "address": token.proxy_endpoint,
        "username": token.user_name,
        "password": pulumi.Output.secret(token.password),
    }
