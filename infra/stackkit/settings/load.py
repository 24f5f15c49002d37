"""Reads a stack's keys from the engine."""

import pulumi
from pulumi.runtime import config as engine

from stackkit.settings.config import Config, read
from stackkit.settings.errors import ConfigError


def check_region(region: str) -> None:
    """Raises ConfigError for AWS's other partitions."""
    if region.startswith(("cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-")):
        raise ConfigError(
            f"aws:region: {region} is in a partition of AWS of its own, with other ARNs and"
            " principals than this program names; use a region such as eu-central-1."
        )


def load_config() -> Config:
    """The config of the stack that the Pulumi engine runs; contradictions are for the caller."""
    prefix = f"{pulumi.get_project()}:"
    given = engine.get_config_env() | engine.CONFIG.get()
    names = [name.removeprefix(prefix) for name in given if name.startswith(prefix)]
    values = {name: engine.get_config(prefix + name) for name in names}
    encrypted = [name for name in names if engine.is_config_secret(prefix + name)]
    return read(pulumi.get_project(), pulumi.get_stack(), values, encrypted)
