"""GitHub's way into the account: one provider for all of the account's repositories."""

from botocore.exceptions import ClientError

from stackkit.resources.delivery_roles import AUDIENCE, ISSUER
from stackkit.tools.deploy.account import Account


def make_provider(account: Account) -> bool:
    """Whether it had to be made."""
    iam = account.client("iam")
    try:
        iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=[AUDIENCE])
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityAlreadyExists":
            return False
        raise
    return True
