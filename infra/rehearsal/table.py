"""Every type of resource that the rehearsal knows, and how it is made."""

from collections.abc import Mapping

from rehearsal.maker import Make
from rehearsal.resources import baking, compute, data, edge, network, watching

ROWS: Mapping[str, Make] = {
    **network.ROWS,
    **data.ROWS,
    **edge.ROWS,
    **compute.ROWS,
    **baking.ROWS,
    **watching.ROWS,
}
