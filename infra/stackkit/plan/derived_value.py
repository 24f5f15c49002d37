from dataclasses import dataclass


@dataclass(frozen=True)
class DerivedValue:
    """A derived value, and why it is what it is."""

    value: int
    unit: str
    rationale: str

    @property
    def shown(self) -> tuple[str, str]:
        """Value and unit as a reader sees them; the bits of a range of addresses as /16."""
        return (f"/{self.value}", "") if self.unit == "bits" else (f"{self.value:,}", self.unit)


@dataclass(frozen=True)
class LimitCheck:
    """A limit that the numbers meet; `ask` marks an account quota that AWS raises on request.

    What needs more is refused with `problem` and `remedy`, unless one only has to ask.
    """

    subject: str
    needed: int
    limit: int
    rationale: str
    problem: str
    remedy: str
    ask: bool = False

    @property
    def short(self) -> bool:
        return self.needed > self.limit


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide whole numbers and round up, with none of a float's error."""
    return -(-dividend // divisor)
