"""`make observe`: the local service with metrics and traces on, and a page that shows both live.

Traces go to OTEL_EXPORTER_OTLP_ENDPOINT where it is set (Jaeger, any collector), and else to a
small collector of our own, whose slowest traces are on the page.
"""

import os
import sys
from contextlib import ExitStack

from servicekit.dev.local import Extras, child, first_free, run, say


def _observed(started: ExitStack) -> Extras:
    admin_port = os.environ.get("ADMIN_PORT") or str(first_free(9100, 2))
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
        port = first_free(4318, 1)
        command = [sys.executable, "-m", "servicekit.dev.collector", "127.0.0.1", str(port)]
        started.enter_context(child(command))
        endpoint = f"http://127.0.0.1:{port}"
        page += f"#traces={endpoint}"
    return {**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, _WELCOME.format(page=page)


_WELCOME = """
  {page}   what it does, live
"""

if __name__ == "__main__":
    run(_observed)
