from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

import psutil

from servicekit.dev.processes import free_port


class Store:
    """A PostgreSQL or a Valkey that can be killed, frozen, and started again in its place."""

    def __init__(
        self, start: Callable[[Path, int], AbstractContextManager[str]], folder: Path
    ) -> None:
        self.port = free_port()
        self.url = ""
        self._start = start
        self._folder = folder
        self._running = ExitStack()

    def start(self) -> None:
        """Returns once it accepts connections."""
        self.url = self._running.enter_context(self._start(self._folder, self.port))

    def kill(self) -> None:
        self._each(psutil.Process.kill)
        self._running.close()

    def freeze(self) -> None:
        self._each(psutil.Process.suspend)

    def thaw(self) -> None:
        self._each(psutil.Process.resume)

    def stop(self) -> None:
        self.thaw()
        self._running.close()

    def _each(self, act: Callable[[psutil.Process], None]) -> None:
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):  # its own server has ended it meanwhile
                act(process)

    def _processes(self) -> list[psutil.Process]:
        """The server's own first: it would replace those that it loses."""
        children = psutil.Process().children()
        [server] = [child for child in children if str(self.port) in " ".join(child.cmdline())]
        return [server, *server.children(recursive=True)]
