import os
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from servicekit import settings
from servicekit.settings import Count, Seconds, read_settings


class Settings(settings.Settings, frozen=True, kw_only=True, rename="upper"):
    """This service's own environment variables, on top of servicekit's."""

    upstream_url: Annotated[str, Meta(pattern="^(https?://|$)")] = ""  # "": /data answers 503
    upstream_timeout: Seconds = 3.0
    upstream_connections: Count = 100
    # ITEM_TTL: how long the caches keep a row of the database
    row_ttl: Seconds = msgspec.field(default=300.0, name="ITEM_TTL")
    data_ttl: Seconds = 60.0


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError, whose one sentence names the variable."""
    return read_settings(Settings, environment)
