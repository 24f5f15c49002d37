"""Every type of resource that the rehearsal knows, and how it is made."""

from collections.abc import Mapping

from stackkit.tools.rehearse.resource_creator import Create
from stackkit.tools.rehearse.resources import baking, compute, data, delivery, edge, network
from stackkit.tools.rehearse.resources import monitoring as watching

CREATORS: Mapping[str, Create] = {
    **network.CREATORS,
    **data.CREATORS,
    **edge.CREATORS,
    **compute.CREATORS,
    **baking.CREATORS,
    **delivery.CREATORS,
    **watching.CREATORS,
}
