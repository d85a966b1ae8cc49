"""What the vendors' own APIs tell about tokens and webhooks, for `dx-bridge check`."""

import threading
from collections.abc import Iterator

import click

from app.cli.common import note
from app.reconcile import meant
from app.settings import Settings
from app.vendors.readers import reader
from app.vendors.reading import Note, Reader, VendorError


def vendors(settings: Settings) -> Iterator[str]:
    """Ask the API of each source that can be reconciled; yield every problem with its remedy."""
    at_once = threading.Event()  # somebody is waiting: one try
    at_once.set()
    for source in meant(settings):
        if found := reader(source, settings.policy, stop=at_once):
            told = list(_told(found))
            for each in (each for each in told if isinstance(each, Note)):
                note(f"source {source.name}: {each}")
            problems = [each for each in told if not isinstance(each, Note)]
            yield from (f"source {source.name}: {problem}" for problem in problems)
            if not problems:
                click.echo(f"source {source.name}: the vendor's API answers")


def _told(found: Reader) -> Iterator[str]:
    try:
        yield from found.problems()
    except VendorError as error:
        yield str(error)
    except (KeyError, TypeError, AttributeError) as error:
        yield f"the vendor's API gives an answer that cannot be read ({type(error).__name__})"
