"""Starts the service as production runs it, from the environment alone: `python -m app`."""

from servicekit.server.launch import main

from app.settings import load_settings

if __name__ == "__main__":
    main(load_settings)
