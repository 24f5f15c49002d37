"""Properties as the engine sends them, and as plain values."""

from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.rpc import UNKNOWN

from stackkit.tools.rehearse.lookups import whole

Values = dict[str, Any]


def values(sent: struct_pb2.Struct) -> Values:
    return whole(MessageToDict(sent))


def struct(given: Values) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update({name: value for name, value in given.items() if value is not None})
    return made


def unknown(value: Any) -> bool:
    """True for a value that contains one that only an update will know."""
    if isinstance(value, dict):
        return any(map(unknown, value.values()))
    if isinstance(value, list):
        return any(map(unknown, value))
    return value == UNKNOWN
