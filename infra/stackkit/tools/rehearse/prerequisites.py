"""What a stack's keys name and the program doesn't make: it must exist before `pulumi up`."""

import json
from collections.abc import Iterator

from moto.acm.models import acm_backends
from moto.secretsmanager.models import secretsmanager_backends

from stackkit.resources.delivery_permissions import DeliveryScope, of_boundary
from stackkit.resources.policies import VERSION
from stackkit.settings.config import Config
from stackkit.tools.rehearse.account import ACCOUNT, SimulatedAccount

# ElastiCache's model requires letters; secrets of a rehearsal protect nothing
PASSWORD = "rehearsal0123456789rehearsal0123456789rehearsal0123456789rehears"


def add_prerequisites(account: SimulatedAccount, settings: Config) -> Iterator[str]:
    """Put it into the account; yields what it was."""
    account.allow_from = settings.allow_from
    if settings.hosted_zone:
        zones = account.client("route53")
        zones.create_hosted_zone(Name=settings.hosted_zone, CallerReference="assumed")
        yield f"hosted zone {settings.hosted_zone}"
    if settings.certificate_arn:
        _certificate(account, settings.domain, settings.certificate_arn)
        yield f"certificate {settings.certificate_arn} for {settings.domain}"
    if settings.github_repository:
        scope = DeliveryScope.of(settings, account.region, ACCOUNT)
        name = scope.boundary.rpartition("/")[2]
        document = json.dumps({"Version": VERSION, "Statement": of_boundary(scope)})
        account.client("iam").create_policy(PolicyName=name, PolicyDocument=document)
        account.known.add(scope.boundary)
        yield f"boundary {name}"
    if settings.image:
        yield f"image {settings.image}"
    if settings.ami_id:
        yield f"AMI {settings.ami_id}"
    references = [line.partition("=")[2] for line in settings.secrets]
    for arn in sorted({_arn(reference) for reference in references}):
        keys = {":".join(r.split(":")[7:8]) for r in references if _arn(r) == arn} - {""}
        _parameter(account, arn) if ":ssm:" in arn else _secret(account, arn, keys)
        yield f"secret {arn}"


def _certificate(account: SimulatedAccount, domain: str, arn: str) -> None:
    made = account.client("acm").request_certificate(DomainName=domain)["CertificateArn"]
    # the API gives an ARN and takes none, so under the table
    certificates = acm_backends[ACCOUNT][account.region]._certificates
    certificates[arn] = certificates.pop(made)
    certificates[arn].arn = arn
    account.known.add(arn)


def _secret(account: SimulatedAccount, arn: str, keys: set[str]) -> None:
    name = arn.rpartition(":")[2]
    value = json.dumps(dict.fromkeys(sorted(keys), PASSWORD)) if keys else PASSWORD
    account.client("secretsmanager").create_secret(Name=name, SecretString=value)
    secretsmanager_backends[ACCOUNT][account.region].secrets[name].arn = arn
    account.known.add(arn)


def _parameter(account: SimulatedAccount, arn: str) -> None:
    name = arn.partition(":parameter")[2]
    account.client("ssm").put_parameter(Name=name, Value=PASSWORD, Type="SecureString")
    account.known.add(arn)


def _arn(reference: str) -> str:
    """Without the key, stage and version that may follow."""
    return ":".join(reference.split(":")[:7])
