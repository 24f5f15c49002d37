"""Starts the service as production runs it, from the environment alone: `python -m app`."""

from app.settings import load_settings
from servicekit.server.launch import main

if __name__ == "__main__":
    main(load_settings)
