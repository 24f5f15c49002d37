"""The AWS account that the credentials at hand open, in a stack's region."""

import os
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import exceptions as aws

from stackkit.settings.errors import ConfigError

_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
_UNKNOWN = ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch")
_SIGNED_OUT = (aws.SSOError, aws.TokenRetrievalError, aws.CredentialRetrievalError)
_INCOMPLETE = (aws.NoCredentialsError, aws.PartialCredentialsError, aws.ProfileNotFound)


@dataclass(frozen=True, kw_only=True)
class Account:
    id: str
    region: str
    session: boto3.Session

    def client(self, service: str) -> Any:
        return self.session.client(service)


def sign_in(region: str) -> Account:
    """Ask AWS who we are; each way of not being let in is one sentence."""
    _check_region(region)
    try:
        session = boto3.Session(region_name=region)
        identity = session.client("sts").get_caller_identity()
    except _INCOMPLETE as error:
        raise ConfigError(
            f"There are no AWS credentials ({_sentence(error)}): sign in, for example with"
            " `aws sso login`, and name the profile in AWS_PROFILE."
        ) from None
    except _SIGNED_OUT as error:
        raise ConfigError(
            f"The AWS credentials can't be renewed ({_sentence(error)}): sign in again, for example"
            " with `aws sso login`."
        ) from None
    except aws.ClientError as error:
        raise _refused(error, region) from None
    except (aws.EndpointConnectionError, aws.InvalidRegionError):
        raise ConfigError(
            f"AWS can't be reached in region {region!r}: correct aws:region in the stack's file, or"
            " look at the network."
        ) from None
    return Account(id=identity["Account"], region=region, session=session)


def expired(text: str) -> bool:
    return any(phrase in text for phrase in (*_EXPIRED, "token included in the request is expired"))


EXPIRED = "The AWS credentials have expired: sign in again, for example with `aws sso login`."


def _check_region(region: str) -> None:
    if not region:
        raise ConfigError("The stack's file names no region: set aws:region.")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if os.environ.get(name, region) != region:
            raise ConfigError(
                f"{name} is {os.environ[name]} and the stack lives in {region}: unset it, or name"
                " the stack of that region."
            )


def _refused(error: aws.ClientError, region: str) -> ConfigError:
    code = error.response["Error"]["Code"]
    if code in _EXPIRED:
        return ConfigError(EXPIRED)
    if code in _UNKNOWN:
        return ConfigError(
            f"AWS doesn't know these credentials in {region} ({code}): use others, or enable the"
            " region in the account."
        )
    return ConfigError(f"AWS refused to say who we are: {error}.")


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".")
