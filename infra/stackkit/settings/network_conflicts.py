"""Contradictions of where a stack stands and who may reach it."""

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network

from stackkit.settings.config import Config


def network(config: Config) -> Iterator[str]:
    yield from _range(config)
    if not config.nat and (config.production or config.compute == "ec2"):
        yield (
            "nat: only tier dev on compute fargate gives tasks public addresses; set nat to true."
        )


def _range(config: Config) -> Iterator[str]:
    try:
        block = IPv4Network(config.vpc_cidr)
    except ValueError:
        yield f"vpc_cidr: {config.vpc_cidr} is not a network; use for example 10.0.0.0/16."
        return
    if not block.is_private or not 16 <= block.prefixlen <= 19:
        yield (
            f"vpc_cidr: {config.vpc_cidr} is not a private range of /16 to /19; AWS takes no larger"
            " one and a smaller one leaves the load balancer too few addresses."
        )


def access(config: Config) -> Iterator[str]:
    if not config.allow_from:
        yield "allow_from: the list is empty and nobody reaches the load balancer; name a range."
    for source in config.allow_from:
        yield from _source(source)


def _source(source: str) -> Iterator[str]:
    try:
        block = ip_network(source, strict=False)
    except ValueError:
        yield (f"allow_from: {source} is not a range of addresses; use for example 203.0.113.0/24.")
        return
    if str(block) != source:
        yield f"allow_from: {source} is not how AWS writes the range; write it as {block}."
