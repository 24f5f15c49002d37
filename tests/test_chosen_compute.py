"""A project's own files name the compute that was chosen, and not the other one."""

import re
from pathlib import Path

import pytest

from tests.generating import generate

OF_THE_OTHER = {
    "fargate": r"EC2|\bAMIs?\b|launch template|Auto Scaling group|instance_types|bake_ami|warm_pool"
    r"|[cm]\d[a-z]+\.(medium|\d*x?large)\b(?<!cache)",
    "ec2": r"Fargate|ECS Exec|task_cpu|task_memory_mib",
}


@pytest.mark.parametrize("compute", OF_THE_OTHER)
def test_documents_and_stack_files_name_only_the_chosen_compute(
    template: Path, tmp_path: Path, compute: str
) -> None:
    project = generate(template, tmp_path, f"compute={compute}")
    stacks = project.glob("infra/Pulumi.*.yaml")  # Pulumi.yaml has the keys of both
    for file in (*project.glob("*.md"), *project.glob("docs/*.md"), *stacks):
        for line in file.read_text().splitlines():
            named = re.search(OF_THE_OTHER[compute], line, re.IGNORECASE)
            assert named is None, f"{file.relative_to(project)}: {line}"
