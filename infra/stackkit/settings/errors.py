"""What stops a stack before its first resource: a sentence naming the key and the ways out."""


class ConfigError(ValueError):
    """The values of a stack don't add up."""
