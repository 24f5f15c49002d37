from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import fields

P = TypeVar("P", bound=msgspec.Struct)


def patches(model: type[msgspec.Struct]) -> Callable[[type[P]], type[P]]:
    """Gives the decorated struct the fields of `model`, each of which may be left out.

    Such a struct is the body of a merge patch (RFC 7396). `msgspec.json.encode` leaves out the
    fields that the client left out. Unknown fields are rejected.
    """

    def with_fields(patch: type[P]) -> type[P]:
        optional = [(field.name, field.type | UnsetType, UNSET) for field in fields(model)]
        made = msgspec.defstruct(
            patch.__name__,
            optional,
            bases=(patch,),
            namespace={"__doc__": patch.__doc__},
            module=patch.__module__,
            frozen=True,
            kw_only=True,
            forbid_unknown_fields=True,
        )
        assert issubclass(made, patch)
        return made

    return with_fields
