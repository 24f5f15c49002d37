"""The simulated account of these tests, which also answers for AWS: what is rolled out in it is up
at once.

`python -m engine.account REGION FOLDER SETTINGS`: the program's commands run in FOLDER; the account
holds what a stack's settings, as JSON, name and the program doesn't make.

Prints one line of JSON with its addresses, and one with all calls so far for each line of its
standard input; ends with that.
"""

import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moto.ec2.models.launch_templates import LaunchTemplateVersion
from moto.ec2.utils import parse_user_data
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from engine.commands import CommandRunner
from engine.provider import Provider
from engine.rollouts import complete_rollouts
from engine.tasks import end_tasks
from stackkit.settings import config
from stackkit.tools.rehearse.account import SimulatedAccount
from stackkit.tools.rehearse.engine.gaps import correct_moto
from stackkit.tools.rehearse.engine.provider import serving
from stackkit.tools.rehearse.prerequisites import add_prerequisites


def main(region: str, folder: str, settings: str) -> None:
    # a line for each request is of no interest
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    correct_moto()
    template: Any = LaunchTemplateVersion
    # a template's second version could start no instance
    template.user_data = property(_user_data)
    complete_rollouts()
    account = SimulatedAccount(region)
    end_tasks(account)
    list(add_prerequisites(account, config.read(**json.loads(settings))))
    api = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    api.start()
    host, port = api.get_host_and_port()
    address = f"http://{host}:{port}"
    commands = CommandRunner(folder=Path(folder), api=address)
    with serving(Provider(account, commands)) as providers:
        print(json.dumps({"api": address, "providers": providers}), flush=True)
        for _ in sys.stdin:
            print(json.dumps([asdict(call) for call in account.calls], default=str), flush=True)
    api.stop()


def _user_data(version: LaunchTemplateVersion) -> Any:
    given = version.data.get("UserData")
    return parse_user_data(given) if isinstance(given, str) else given


if __name__ == "__main__":
    main(*sys.argv[1:])
