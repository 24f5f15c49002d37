"""Properties as the engine sends them, and as plain values."""

from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict

from stackkit.tools.rehearse.lookups import whole

Values = dict[str, Any]


def values(sent: struct_pb2.Struct) -> Values:
    return whole(MessageToDict(sent))


def struct(given: Values) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update({name: value for name, value in given.items() if value is not None})
    return made
