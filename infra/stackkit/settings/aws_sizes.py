"""What AWS sells, as far as the plan needs it: sizes, memory, processors.

Sources: the Fargate task-size table, the EC2 instance-type pages and the RDS and ElastiCache
node-type pages of the AWS documentation.
"""

from dataclasses import dataclass

from stackkit.settings.errors import ConfigError

# vCPU units (1024 = one vCPU) → memory in MiB: first, last, step
_FARGATE_MEMORY = {
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
FARGATE_MEMORY: dict[int, tuple[int, ...]] = {256: (512, 1024, 2048)} | {
    cpu: tuple(range(first, last + 1, step)) for cpu, (first, last, step) in _FARGATE_MEMORY.items()
}

# compute-optimized families: 2 GiB of memory for each vCPU
_EC2_ARCHITECTURE = {
    "c6g": "arm64",
    "c7g": "arm64",
    "c8g": "arm64",
    "c6i": "x86_64",
    "c7i": "x86_64",
    "c8i": "x86_64",
}
_EC2_VCPU = {
    "medium": 1,
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
}

# the system, Docker, and an image or two
INSTANCE_DISK_GB = 20

_RDS_GIB = {
    "micro": 1,
    "small": 2,
    "medium": 4,
    "large": 8,
    "xlarge": 16,
    "2xlarge": 32,
    "4xlarge": 64,
    "8xlarge": 128,
    "12xlarge": 192,
    "16xlarge": 256,
}
_RDS_SIZES = tuple(_RDS_GIB)
_RDS_FAMILIES: dict[str, tuple[str, ...]] = {
    "t4g": _RDS_SIZES[:6],
    **dict.fromkeys(("m6g", "m7g", "m8g", "m6i", "m7i"), _RDS_SIZES[3:]),
    **dict.fromkeys(("r6g", "r7g", "r8g", "r6i", "r7i"), _RDS_SIZES[3:]),
}

_CACHE_SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
_CACHE_FAMILIES: dict[str, tuple[str, ...]] = {
    "t4g": ("micro", "small", "medium"),
    **dict.fromkeys(("m6g", "m7g", "m8g", "r6g", "r7g", "r8g"), _CACHE_SIZES),
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
    vcpu = _EC2_VCPU.get(size)
    if architecture is None or vcpu is None or (size == "medium" and architecture == "x86_64"):
        raise ConfigError(
            f"instance_types: {name} is not a known compute-optimized instance; use a size from"
            f" large to 8xlarge (Graviton also medium) of {', '.join(_EC2_ARCHITECTURE)}."
        )
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
    memory_optimized = 2 if family.startswith("r") else 1
    return _RDS_GIB[size] * memory_optimized * 2**30


def check_cache_class(name: str) -> None:
    prefix, _, rest = name.partition(".")
    family, _, size = rest.partition(".")
    if prefix != "cache" or size not in _CACHE_FAMILIES.get(family, ()):
        raise ConfigError(
            f"cache_class: {name} is not a known node type; use for example cache.t4g.micro,"
            f" cache.m7g.large or cache.r7g.large (families {', '.join(_CACHE_FAMILIES)})."
        )
