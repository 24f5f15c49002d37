"""ECS Exec: a shell in a running task, with a log of what was typed and shown."""

import pulumi

from stackkit.resources.policies import Statement, allow

# what Session Manager's agent writes; the rest of the container stays read-only
VOLUMES = {
    "agents": "/managed-agents",
    "agent-data": "/var/lib/amazon/ssm",
    "agent-logs": "/var/log/amazon/ssm",
}
CHANNELS = tuple(
    f"ssmmessages:{verb}{kind}Channel"
    for verb in ("Create", "Open")
    for kind in ("Control", "Data")
)


def permissions(log_group_arn: pulumi.Output[str]) -> list[Statement]:
    """Of the task's own role: the agent runs with it."""
    every = log_group_arn.apply(lambda arn: f"{arn.rpartition(':')[0]}:*")
    write = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    return [
        allow(list(CHANNELS), ["*"]),
        allow(["logs:DescribeLogGroups"], [every]),
        allow(write, [log_group_arn.apply(lambda arn: f"{arn}:*")]),
    ]
