"""What AWS sells, as far as the plan needs it: sizes, memory, processors.

Sources: the Fargate task-size table, the EC2 instance-type pages and the RDS and ElastiCache
node-type pages of the AWS documentation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stackkit.settings.errors import ConfigError

# vCPU units (1024 = one vCPU) → memory in MiB
FARGATE_MEMORY: dict[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}

# processors, memory and price of a size, as multiples of those of its family's `large`
TIMES_LARGE = {
    "micro": 0.125,
    "small": 0.25,
    "medium": 0.5,
    "large": 1,
    "xlarge": 2,
    "2xlarge": 4,
    "4xlarge": 8,
    "8xlarge": 16,
    "12xlarge": 24,
    "16xlarge": 32,
}
_SIZES = tuple(TIMES_LARGE)

# compute-optimized families: 2 GiB of memory for each vCPU
_EC2_ARCHITECTURE = {
    **dict.fromkeys(("c6g", "c7g", "c8g"), "arm64"),
    **dict.fromkeys(("c6i", "c7i", "c8i"), "x86_64"),
}
_EC2_SIZES = {"arm64": _SIZES[2:8], "x86_64": _SIZES[3:8]}

# the system, Docker, and an image or two
INSTANCE_DISK_GB = 20

_LARGE = _SIZES[3:]
_RDS_FAMILIES: dict[str, tuple[str, ...]] = {
    "t4g": _SIZES[:6],
    **dict.fromkeys(("m6g", "m7g", "m8g", "m6i", "m7i"), _LARGE),
    **dict.fromkeys(("r6g", "r7g", "r8g", "r6i", "r7i"), _LARGE),
}
_CACHE_FAMILIES: dict[str, tuple[str, ...]] = {
    "t4g": _SIZES[:3],
    **dict.fromkeys(("m6g", "m7g", "m8g", "r6g", "r7g", "r8g"), _LARGE),
}


@dataclass(frozen=True)
class InstanceType:
    name: str
    vcpu: int
    memory_mib: int
    architecture: str


def instance_type(name: str) -> InstanceType:
    family, _, size = name.partition(".")
    architecture = _EC2_ARCHITECTURE.get(family)
    if architecture is None or size not in _EC2_SIZES[architecture]:
        raise ConfigError(
            f"instance_types: {name} is not a known compute-optimized instance; use a size from"
            f" large to 8xlarge (Graviton also medium) of {', '.join(_EC2_ARCHITECTURE)}."
        )
    vcpu = int(2 * TIMES_LARGE[size])
    return InstanceType(name, vcpu, vcpu * 2048, architecture)


def database_memory(name: str) -> int:
    """Bytes of memory of an RDS instance class."""
    prefix, _, rest = name.partition(".")
    family, _, size = rest.partition(".")
    if prefix != "db" or size not in _RDS_FAMILIES.get(family, ()):
        raise ConfigError(
            f"database_class: {name} is not a known class; use for example db.t4g.micro,"
            f" db.m8g.large or db.r8g.2xlarge (families {', '.join(_RDS_FAMILIES)})."
        )
    gib_of_large = 16 if family.startswith("r") else 8
    return int(gib_of_large * TIMES_LARGE[size]) * 2**30


def check_cache_class(name: str) -> None:
    prefix, _, rest = name.partition(".")
    family, _, size = rest.partition(".")
    if prefix != "cache" or size not in _CACHE_FAMILIES.get(family, ()):
        raise ConfigError(
            f"cache_class: {name} is not a known node type; use for example cache.t4g.micro,"
            f" cache.m7g.large or cache.r7g.large (families {', '.join(_CACHE_FAMILIES)})."
        )
