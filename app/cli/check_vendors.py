"""What the vendors' own APIs tell about tokens and webhooks, for `dx-bridge check`."""

import threading
from collections.abc import Iterator

import click

from app.settings import Settings
from app.sources import Source
from app.vendors.readers import reader
from app.vendors.reading import VendorError


def vendors(settings: Settings) -> Iterator[str]:
    """Ask the API of each source that has access to one; yield every problem with its remedy."""
    for source in settings.sources.values():
        problems = list(_asked(source))
        yield from (f"source {source.name}: {problem}" for problem in problems)
        if source.api is not None and not problems:
            click.echo(f"source {source.name}: the vendor's API can be read")


def _asked(source: Source) -> Iterator[str]:
    at_once = threading.Event()  # somebody is waiting: one try
    at_once.set()
    try:
        found = reader(source, stop=at_once)
        yield from found.problems() if found else ()
    except VendorError as error:
        yield str(error)
    except (KeyError, TypeError, AttributeError) as error:
        yield f"the vendor's API gives an answer that cannot be read ({type(error).__name__})"
