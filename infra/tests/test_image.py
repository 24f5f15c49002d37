import json
from pathlib import Path

import pytest

from components.image import content_tag, repository_arn
from harness import stack

ARM, INTEL = "linux/arm64", "linux/amd64"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("print()\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("*\n!app\n!pyproject.toml\n**/__pycache__\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


@pytest.mark.parametrize("changed", ["app/main.py", "Dockerfile", "pyproject.toml", "app/new.py"])
def test_new_content_gets_a_new_tag(project: Path, changed: str) -> None:
    before = content_tag(project, ARM)
    (project / changed).write_text("changed\n")
    assert content_tag(project, ARM) != before


@pytest.mark.parametrize("changed", ["README.md", "infra/plan.py", "app/__pycache__/main.pyc"])
def test_what_is_not_built_changes_no_tag(project: Path, changed: str) -> None:
    before = content_tag(project, ARM)
    (project / changed).parent.mkdir(exist_ok=True)
    (project / changed).write_text("changed\n")
    assert content_tag(project, ARM) == before


def test_a_renamed_file_gets_a_new_tag(project: Path) -> None:
    before = content_tag(project, ARM)
    (project / "app" / "main.py").rename(project / "app" / "other.py")
    assert content_tag(project, ARM) != before


def test_each_platform_has_its_own_tag(project: Path) -> None:
    assert content_tag(project, ARM) != content_tag(project, INTEL)


def test_images_are_kept_as_they_were_pushed() -> None:
    made = stack("prod")
    repository = made.one("aws:ecr/repository:Repository").inputs
    image = made.one("awsx:ecr:Image").inputs
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository["encryptionConfigurations"] == [{"encryptionType": "AES256"}]
    assert image["platform"] == ARM
    assert len(image["imageTag"]) == 32
    # the state of a stack is shared: no path of one machine belongs in it
    assert not Path(image["context"]).is_absolute()


def test_old_images_are_thrown_away() -> None:
    policy = json.loads(
        stack("prod").one("aws:ecr/lifecyclePolicy:LifecyclePolicy").inputs["policy"]
    )
    counted = [rule["selection"]["countNumber"] for rule in policy["rules"]]
    assert counted == [7, 100]


@pytest.mark.parametrize(
    ("uri", "arn"),
    [
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/shop@sha256:0a",
            "arn:aws:ecr:eu-west-1:123456789012:repository/team/shop",
        ),
        (
            "123456789012.dkr.ecr.us-east-2.amazonaws.com/shop:1.2@sha256:0a",
            "arn:aws:ecr:us-east-2:123456789012:repository/shop",
        ),
        ("public.ecr.aws/team/shop@sha256:0a", None),
        ("registry.example.com/shop@sha256:0a", None),
    ],
)
def test_an_image_of_ones_own_may_lie_in_ecr_or_elsewhere(uri: str, arn: str | None) -> None:
    assert repository_arn(uri) == arn
