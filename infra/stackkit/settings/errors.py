"""The error that stops a stack before its first resource. It names the key and the remedy."""


class ConfigError(ValueError):
    """Values of a stack are invalid, or contradict each other."""
