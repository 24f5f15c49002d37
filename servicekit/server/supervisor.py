"""The supervisor: Granian's parent process, with the admin server beside it.

`servicekit.server.launch` starts it, once it has found that the service can start.
"""

import multiprocessing
import sys
from contextlib import nullcontext

from granian.cli import entrypoint

from servicekit.settings import Settings, read_settings
from servicekit.telemetry.admin import admin_thread
from servicekit.telemetry.logs import configure_logging


def main() -> None:
    settings = read_settings(Settings)
    configure_logging(settings.environment)
    # A fork would take the admin server's thread along in the middle of whatever it does.
    multiprocessing.set_start_method("spawn")
    sys.argv = ["granian", "app.main:create_app"]
    with admin_thread(settings) if settings.admin_socket else nullcontext():
        entrypoint()


if __name__ == "__main__":
    main()
