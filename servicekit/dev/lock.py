"""One dev server in a project at a time: two would share data folders.

`python -m servicekit.dev.lock FOLDER` says whether one could start: none runs, PORT is free. It
needs the standard library alone, so make asks it before an installation.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servicekit.dev.processes import StartError, chosen_port

_FILE = "dev-server"  # holds the address; its lock ends with the process, however that ends


@contextmanager
def only_one(folder: Path, address: str = "") -> Iterator[None]:
    """Holds the folder for a dev server at `address`, or raises StartError with the other's."""
    folder.mkdir(exist_ok=True)
    with (folder / _FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            where = file.read() or "an address that it will print"
            raise StartError(f"One runs already, at {where}; end it with Ctrl-C first.") from None
        file.truncate(0)
        file.write(address)
        file.flush()
        yield


def main() -> None:
    folder = Path(sys.argv[1])
    try:
        if folder.exists():
            with only_one(folder):
                pass
        chosen_port(os.environ)
    except StartError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
