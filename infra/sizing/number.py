from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """A derived value, and why it is what it is."""

    value: int
    unit: str
    reason: str


@dataclass(frozen=True)
class Check:
    """A limit that the numbers meet; `ask` marks an account quota that AWS raises on request."""

    subject: str
    needed: int
    limit: int
    reason: str
    ask: bool = False


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide whole numbers and round up, with none of a float's error."""
    return -(-dividend // divisor)
