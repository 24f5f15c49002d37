import pulumi


class Component(pulumi.ComponentResource):
    """A part of the program: its resources are made with `_child`, and named after it."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self._prefix = name
        self._child = pulumi.ResourceOptions(parent=self)
