"""What has to be there before a stack's first deployment; a second run changes nothing."""

import re
import sys
from dataclasses import replace

from stackkit.resources.delivery_permissions import DeliveryScope
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError
from stackkit.settings.stack_file import read_stack
from stackkit.tools.deploy import github, state
from stackkit.tools.deploy.stack import Stack

IDS = """\
bootstrap: GitHub names repositories made or renamed since 2026-07-15 with the ids of owner and
repository: gh api repos/{} --jq '"\\(.owner.id) \\(.id)"' prints both."""


def bootstrap(stack: Stack) -> None:
    settings, kept = stack.settings, stack.engine.state
    if settings.github_repository:
        _check_tags(stack)
        settings = _with_ids(stack)
    made = [] if kept.elsewhere else state.make(kept)
    if settings.github_repository:
        made += github.make(stack.account, settings)
    if not stack.engine.listed():
        stack.engine.init()
        made.append(f"stack {settings.stack} in {kept.backend}")
    for what in made or ["nothing: everything is there"]:
        print(f"bootstrap: made {what}")
    if settings.github_repository:
        roles = DeliveryScope(settings, stack.account.region, stack.account.id)
        print(f"bootstrap: DEPLOYER={roles.iam(f'role/{roles.name}-deployer')}")
        print(
            f"bootstrap: READER_{settings.stack.upper()}={roles.iam(f'role/{roles.name}-reader')}"
        )
    print(f"bootstrap: commit infra/{_file(stack)} if it has changed, then make deploy")


def _check_tags(stack: Stack) -> None:
    """The deployer's policies know by them what is the stack's."""
    settings = stack.settings
    tags = read_stack(stack.engine.folder, settings.stack).tags
    if (tags.get("project"), tags.get("stack")) != (settings.project, settings.stack):
        raise ConfigError(
            f"aws:defaultTags: {_file(stack)} must have project: {settings.project} and stack:"
            f" {settings.stack}: GitHub's runs may change what has these tags."
        )


def _with_ids(stack: Stack) -> Config:
    """Ask for the ids that the stack's file doesn't have, and write them into it."""
    settings, repository = stack.settings, stack.settings.github_repository
    if "@" in repository or not sys.stdin.isatty():
        return settings
    print(IDS.format(repository))
    named = github.with_ids(repository, input("Both ids, or Enter for an older repository: "))
    file = stack.engine.folder / _file(stack)
    line = re.compile(rf"(:github_repository[\"']?\s*:\s*[\"']?){re.escape(repository)}")
    file.write_text(line.sub(rf"\g<1>{named}", file.read_text()))
    return replace(settings, github_repository=named)


def _file(stack: Stack) -> str:
    return f"Pulumi.{stack.settings.stack}.yaml"
