"""What has to be there before a stack's first deployment; a second run changes nothing."""

from stackkit.tools.deploy import identity, state
from stackkit.tools.deploy.stack import Stack


def bootstrap(stack: Stack) -> None:
    made = [] if stack.state.elsewhere else state.make(stack.state)
    if stack.settings.github_repository and identity.make_provider(stack.account):
        made.append("GitHub as an identity provider of the account")
    if not stack.engine.exists():
        stack.engine.init()
        made.append(f"stack {stack.settings.stack} in {stack.state.backend}")
    for what in made or ["nothing: everything is there"]:
        print(f"bootstrap: made {what}")
    file = f"infra/Pulumi.{stack.settings.stack}.yaml"
    print(f"bootstrap: commit {file} if it has changed, then make deploy")
