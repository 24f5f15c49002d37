"""The supervisor: Granian's parent process, with the admin server beside it.

`servicekit.server.launch` starts it, once it has found that the service can start.
"""

import logging
import multiprocessing
import os
import signal
import sys
from contextlib import nullcontext

from granian.cli import entrypoint

from servicekit.server.parent_death import end_with_parent
from servicekit.settings import ADMIN_HOST, Settings, read_settings
from servicekit.telemetry.admin import admin_thread
from servicekit.telemetry.logs import configure_logging

logger = logging.getLogger(__name__)


def main() -> None:
    end_with_parent(int(os.environ["LAUNCHER_PID"]), signal.SIGTERM)
    os.environ["SUPERVISOR_PID"] = str(os.getpid())
    settings = read_settings(Settings)
    configure_logging(settings.environment)
    # A fork would take the admin server's thread along in the middle of whatever it does.
    multiprocessing.set_start_method("spawn")
    sys.argv = ["granian", "app.main:create_app"]
    with admin_thread(settings) if settings.admin_socket else nullcontext():
        if settings.admin_socket:
            logger.info("metrics at http://%s:%d/metrics", ADMIN_HOST, settings.admin_port)
        entrypoint()


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__":  # as which multiprocessing imports this module in each worker
    # SIGKILL: without a supervisor, nothing bounds how long a worker takes to end.
    end_with_parent(int(os.environ["SUPERVISOR_PID"]), signal.SIGKILL)
