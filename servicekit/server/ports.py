import fcntl
import os
import socket
import tempfile
from contextlib import suppress

from servicekit.settings import ADMIN_HOST

_ADMIN_PORTS = range(9100, 9300, 2)


def check_port(host: str, port: int) -> None:
    """Raises OSError if the port is taken: Granian would share it with the other process, and each
    would get a part of the requests."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise OSError(f"Can't listen on {host}:{port}: {error.strerror}.") from None


def reserve_admin_port() -> int:
    """The first of 9100, 9102, … that is free, as is the port above it.

    A lock reserves the pair until this process ends, so that services that start together choose
    different ones.
    """
    for port in _ADMIN_PORTS:
        with suppress(OSError):
            check_port(ADMIN_HOST, port)
            check_port(ADMIN_HOST, port + 1)
            _lock(port)
            return port
    raise OSError(f"No pair of ports from {_ADMIN_PORTS[0]} on is free; set ADMIN_PORT.")


def _lock(port: int) -> None:
    """Raises OSError if another process holds the lock, or the file is another user's."""
    path = os.path.join(tempfile.gettempdir(), f"service-admin-{port}.lock")
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
