from app.data.domain import data
from app.items.domain import items
from app.settings import Settings, load_settings
from servicekit.parts import Parts
from servicekit.pipeline import Service, service

DOMAINS = (items, data)  # a new domain: its import, and its name here


def create_app(settings: Settings | None = None) -> Service:
    """The service of one worker. Granian calls it in each; nothing is opened yet."""
    parts = Parts(settings or load_settings())
    return service(parts, [declare(parts) for declare in DOMAINS])
