import pytest

from stackkit.resources.image import repository_arn


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
