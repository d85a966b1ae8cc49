"""One reconciliation: what a vendor refuses must not keep it from repairing the rest."""

from types import SimpleNamespace

import pytest

from app.policy import DEFAULT
from app.reconcile import Reconciliation
from app.sources import default_sources
from app.store import incidents
from app.vendors.client import NotNowError, RefusedError
from app.vendors.reading import Page, VendorError
from mappers.fields import SECOND
from tests.store.test_records import BEGIN, READ_AT, fold, tell
from tests.store.world import START, URL
from tests.vendors.lives import HOUR, life

SOURCE = default_sources()["pagerduty"]
LIVES = {name: life(name, BEGIN - 3 * HOUR, (600, "resolved")) for name in ("QA", "QB", "QC")}


class Vendor:
    """A vendor that gives these records, or raises what stands in their place; notes what it was asked."""

    def __init__(self, changed=(), **records):
        self._changed, self._records, self.asked = changed, records, []

    def changed(self, cursor=""):
        if isinstance(self._changed, VendorError):
            raise self._changed
        yield Page([record(name) for name in self._changed], "next", START)

    def record(self, vendor_id, kind):
        self.asked.append((vendor_id, kind))
        given = self._records.get(vendor_id)
        if isinstance(given, VendorError):
            raise given
        return given


def record(name):
    """Return what the API tells of an incident: that it is over."""
    return {"read_at": READ_AT, "incident": LIVES[name].record()}


@pytest.fixture
def reconcile(world):
    """Return a function that reconciles three incidents of which no `resolved` arrived, and tells what is open then."""
    for told in LIVES.values():
        tell(world, told, until=BEGIN - 3 * HOUR + 60)
    fold(world)
    settings = SimpleNamespace(policy=DEFAULT, sources=default_sources(), dx_base_url=URL)

    def run(vendor):
        one = Reconciliation(world.engine, settings, SOURCE, vendor, world.time.clock())
        try:
            return dict(one.run(HOUR * SECOND))
        finally:
            fold(world)

    return run


def open_now(world):
    with world.engine.begin() as connection:
        return sorted(each.reference_id for each in incidents.open_since(connection, START))


def test_all_that_is_doubtful_is_asked_about(world, reconcile):
    """Each incident that DX believes open is asked about once, and repaired."""
    vendor = Vendor(**{name: record(name) for name in LIVES})
    assert reconcile(vendor) == {"different": 3}
    assert (sorted(vendor.asked), open_now(world)) == ([(name, "incident") for name in LIVES], [])


def test_one_that_is_refused_does_not_keep_the_others_waiting(world, reconcile):
    """What the vendor refuses for one incident is counted; the others are repaired, in this run and the next."""
    vendor = Vendor(QA=RefusedError("no"), QB=record("QB"), QC=record("QC"))
    assert reconcile(vendor) == {"refused": 1, "different": 2}
    assert open_now(world) == ["QA"]


def test_a_vendor_that_is_down_ends_the_run(world, reconcile):
    """Nothing else would be answered either; what was repaired before stays so."""
    vendor = Vendor(QA=record("QA"), QB=NotNowError("down", None))
    with pytest.raises(NotNowError):
        reconcile(vendor)
    assert (len(vendor.asked), open_now(world)) == (2, ["QB", "QC"])


def test_where_changes_are_refused_the_doubtful_are_asked_about(world, reconcile):
    """The error is raised in the end, with everything repaired that could be."""
    with pytest.raises(RefusedError):
        reconcile(Vendor(RefusedError("no"), **{name: record(name) for name in LIVES}))
    assert open_now(world) == []


def test_what_was_read_a_moment_ago_is_not_asked_about_again(world, reconcile):
    """An incident among the changes is read once in a run."""
    vendor = Vendor(["QA", "QB"], QC=record("QC"))
    assert reconcile(vendor) == {"different": 3}
    assert (vendor.asked, open_now(world)) == ([("QC", "incident")], [])
