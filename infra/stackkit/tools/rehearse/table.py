"""Every type of resource that the rehearsal knows, and how it is made."""

from collections.abc import Mapping

from stackkit.tools.rehearse.resource_creator import Make
from stackkit.tools.rehearse.resources import baking, compute, data, edge, network
from stackkit.tools.rehearse.resources import monitoring as watching

ROWS: Mapping[str, Make] = {
    **network.ROWS,
    **data.ROWS,
    **edge.ROWS,
    **compute.ROWS,
    **baking.ROWS,
    **watching.ROWS,
}
