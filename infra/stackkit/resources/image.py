import re


def repository_arn(uri: str) -> str | None:
    """The ECR repository that an image's URI names, or None: another registry asks for no role."""
    in_ecr = re.match(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)", uri)
    if in_ecr is None:
        return None
    account, region, repository = in_ecr.groups()
    return f"arn:aws:ecr:{region}:{account}:repository/{repository}"
