"""The dev dashboard, `make observe`: the dev server with metrics, traces and a live page of both.

Traces go to OTEL_EXPORTER_OTLP_ENDPOINT where it is set (Jaeger, any collector). Otherwise a small
collector keeps them, and the page shows the slowest.
"""

import os
import sys
from contextlib import ExitStack

from servicekit.dev.processes import child, first_free_port
from servicekit.dev.server import Extras, run
from servicekit.dev.servers import say


def _dashboard(started: ExitStack) -> Extras:
    admin_port = os.environ.get("ADMIN_PORT") or str(first_free_port(9100, 2))
    page = f"http://127.0.0.1:{admin_port}/"
    environment = {
        "ADMIN_PORT": admin_port,
        "ACCESS_LOG_SHARE": "0.01",  # under load, a terminal full of lines shows nothing
        "OTEL_TRACES_SAMPLER_ARG": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "500",  # ms
    }
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if endpoint:
        say("traces", f"to {endpoint}")
    else:
        port = first_free_port(4318, 1)
        command = [sys.executable, "-m", "servicekit.dev.traces", "127.0.0.1", str(port)]
        started.enter_context(child(command))
        endpoint = f"http://127.0.0.1:{port}"
        page += f"#traces={endpoint}"
    return {**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, _WELCOME.format(page=page)


_WELCOME = """
  {page}   what it does, live
"""

if __name__ == "__main__":
    run(_dashboard)
