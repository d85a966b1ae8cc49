"""What the tests of the readers share: a sandbox over real sockets, and a client that waits without time passing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import ceil

from app.sandbox import create_sandbox, running
from app.secret import Secret
from app.sources import Api, default_sources
from app.vendors.readers import reader
from mappers.fields import read_instant

TOKEN = "sandbox-vendor-token-0123"
BASIC = "YnJpZGdlQGV4YW1wbGUuY29tOnNhbmRib3gtdmVuZG9yLXRva2VuLTAxMjM="  # bridge@example.com:TOKEN
CLOUD = "11111111-2222-3333-4444-555555555555"
MILLISECOND = 1_000_000


class Patience(threading.Event):
    """An event to wait for that moves the sandbox's clock instead, and notes how long it was waited for."""

    def __init__(self):
        super().__init__()
        self.now, self.waited = 100, []

    def wait(self, timeout=None):
        self.waited.append(timeout)
        self.now = ceil(self.now + timeout)
        return False


class Vendor:
    """One vendor of a sandbox, and readers of it."""

    def __init__(self, app, url, patience, name, variable):
        self.world = app.extensions["sandbox"].vendors.get(name)
        self.patience, self._url, self._variable = patience, f"{url}/{name}", variable

    def reader(self, vendor, path="", secret=TOKEN, **source):
        api = Api(f"{self._url}{path}", Secret(secret), self._variable)
        return reader(replace(default_sources()[vendor], api=api, **source), stop=self.patience)

    def asked(self):
        """Return the paths of all requests so far, and what they asked for."""
        return [(each["path"], each["query"]) for each in self.world.shown()["requests"]["log"]]


@contextmanager
def vendor_of(name, variable) -> Iterator[Vendor]:
    patience = Patience()
    app = create_sandbox("token-of-the-sandbox", clock=lambda: patience.now)
    with running(app) as url:
        yield Vendor(app, url, patience, name, variable)


def ms(text):
    return read_instant(text) // MILLISECOND


def ns(text):
    return read_instant(text)


def spread(count, begin, crowd=130):
    """Return times in milliseconds for `count` records: a second apart, but `crowd` of them at one of them."""
    first = ms(begin)
    return [first + 1_000 * (place if place < 40 else max(40, place - crowd)) + 7 for place in range(count)]


def flat(pages):
    return [record for page in pages for record in page.records]


def resumed(read, key):
    """Assert that reading on after each page's cursor gives what is left; `read` takes a cursor, `key` names a record."""
    pages = list(read(""))
    whole = [key(record) for record in flat(pages)]
    for place in range(len(pages)):
        had = {key(record) for record in flat(pages[: place + 1])}
        rest = [key(record) for record in flat(read(pages[place].cursor))]
        assert had | set(rest) == set(whole)
        assert len(rest) == len(set(rest))
    return whole
