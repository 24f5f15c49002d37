"""The supervisor: Granian's parent process, with the admin server beside it.

`servicekit.server.launch` starts it, once it has found that the service can start.
"""

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
from contextlib import nullcontext

from granian.cli import entrypoint

from servicekit.settings import ADMIN_HOST, Settings, read_settings
from servicekit.telemetry.admin import admin_thread
from servicekit.telemetry.logs import configure_logging

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # prctl(2)


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


def end_with_parent(parent: int, number: signal.Signals) -> None:
    """Has the kernel send this process `number` when its parent process dies, on Linux.

    A process whose supervisor was killed would otherwise serve on, and keep the ports. If the
    process `parent` has died already, this process ends at once.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__":  # as which multiprocessing imports this module in each worker
    # SIGKILL: without a supervisor, nothing bounds how long a worker takes to end.
    end_with_parent(int(os.environ["SUPERVISOR_PID"]), signal.SIGKILL)
