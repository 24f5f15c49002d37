"""Contradictions of where a stack stands and who may reach it."""

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network

from stackkit.settings.config import KEYS, Config


def network(config: Config) -> Iterator[str]:
    if config.vpc_id:
        yield from _existing(config)
        return
    for key in ("public_subnet_ids", "private_subnet_ids"):
        if getattr(config, key):
            yield f"{key}: it needs vpc_id; set vpc_id or unset {key}."
    yield from _range(config)
    if not config.nat and (config.production or config.compute == "ec2"):
        yield (
            "nat: only tier dev on compute fargate gives tasks public addresses; set nat to true."
        )


def _existing(config: Config) -> Iterator[str]:
    """Of a VPC that exists, as far as the keys tell."""
    if config.vpc_cidr != KEYS["vpc_cidr"].default:
        yield "vpc_cidr: the VPC of vpc_id has a range of its own; unset vpc_cidr."
    if not config.nat:
        yield "nat: routes of the VPC of vpc_id lead tasks to the internet; set nat to true."
    if config.internal and config.public_subnet_ids:
        yield (
            "public_subnet_ids: an internal load balancer stands in the private subnets; unset it."
        )
    named = {"private_subnet_ids": config.private_subnet_ids}
    if not config.internal:
        named["public_subnet_ids"] = config.public_subnet_ids
    for key, ids in named.items():
        if len(ids) != config.zones:
            yield f"{key}: {len(ids)} are named and zones is {config.zones}; name one in each zone."


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
    if config.ipv6 and not config.vpc_id:
        yield (
            "allow_from: the VPC that the program makes has no IPv6; name IPv4 ranges, or set"
            " vpc_id."
        )


def _source(source: str) -> Iterator[str]:
    try:
        block = ip_network(source, strict=False)
    except ValueError:
        yield (f"allow_from: {source} is not a range of addresses; use for example 203.0.113.0/24.")
        return
    if str(block) != source:
        yield f"allow_from: {source} is not how AWS writes the range; write it as {block}."
