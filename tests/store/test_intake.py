"""Group commit: many threads, few transactions, and nobody is answered before their own event is on disk."""

import fcntl
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app.store import intake
from app.store.engine import connect
from app.store.intake import Event, Intake
from tests.store.world import START

THREADS = 16


def event(number, source="pagerduty"):
    return Event(source, f"E{number}", b'{"n": %d}' % number, START + number)


@pytest.fixture
def held(engine, world):
    """Return a function that tells the keys of the events that other connections see."""
    return lambda: {row.key for row in world.events()}


@pytest.fixture
def commits(engine):
    """Return the list to which each use of a connection, so each transaction, adds itself."""
    seen = []
    sqlalchemy_event.listen(engine, "checkout", lambda *_: seen.append(1))
    return seen


def at_once(take, events):
    """Add events from many threads; return what each was told."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(take, events))


def test_each_event_is_committed_before_its_thread_goes_on(engine, held):
    """When `add` returns, another connection sees the event."""
    take = Intake(engine)

    def add(one):
        return take.add(one) and one.key in held()

    assert all(at_once(add, [event(number) for number in range(60)]))


def test_events_that_come_together_share_transactions(engine, world, commits):
    """Many threads need far fewer commits than events; every event is new and held."""
    take = Intake(engine)
    assert at_once(take.add, [event(number) for number in range(320)]) == [True] * 320
    assert len(commits) < 200
    assert len(world.events()) == 320


def test_of_two_alike_one_is_new(engine, world):
    """The same key many times at once: exactly one thread is told that it is new, and one row is held."""
    told = at_once(Intake(engine).add, [event(number // 8) for number in range(160)])
    assert (told.count(True), len(world.events())) == (20, 20)


def test_a_key_belongs_to_its_source(engine, world):
    """The same key of two sources in one group is two events."""
    told = at_once(Intake(engine).add, [event(1, "pagerduty"), event(1, "opsgenie")])
    assert told == [True, True]
    assert len(world.events()) == 2


def test_two_processes_worth_of_intakes_lose_nothing(engine, database_url, world):
    """Two intakes with connections of their own write by turns."""
    other = connect(database_url, pool_size=2)
    takes = [Intake(engine), Intake(other)]
    told = at_once(lambda one: takes[int(one.key[1:]) % 2].add(one), [event(number) for number in range(200)])
    other.dispose()
    assert told == [True] * 200
    assert len(world.events()) == 200


def test_a_failed_transaction_fails_all_that_shared_it_and_nobody_else(engine, world):
    """Each thread of the group gets the error; the next events are stored as if nothing had been."""
    take, broken = Intake(engine), threading.Event()
    broken.set()

    @sqlalchemy_event.listens_for(engine, "checkout")
    def fail(*_):
        if broken.is_set():
            raise OperationalError("COMMIT", None, Exception("no room"))

    def add(one):
        try:
            return take.add(one)
        except SQLAlchemyError:
            return "failed"

    assert at_once(add, [event(number) for number in range(40)]) == ["failed"] * 40
    broken.clear()
    assert at_once(add, [event(number) for number in range(40)]) == [True] * 40
    assert len(world.events()) == 40


def test_who_waits_too_long_is_told_so_and_withdraws(engine, world, monkeypatch):
    """While a transaction hangs, those behind it give up in time, and their events are not stored later."""
    monkeypatch.setattr(intake, "PATIENCE_SECONDS", 0.05)
    take, begun, hanging = Intake(engine), threading.Event(), threading.Event()

    @sqlalchemy_event.listens_for(engine, "checkout")
    def hang(*_):
        begun.set()
        hanging.wait(20)

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(take.add, event(1))
        assert begun.wait(20)
        late = [pool.submit(take.add, event(number)) for number in (2, 3)]
        for each in late:
            with pytest.raises(OperationalError):
                each.result(20)
        hanging.set()
        assert first.result(20)
    assert [row.key for row in world.events()] == ["E1"]
    assert take.add(event(4))


def test_a_lock_of_another_process_is_waited_for_in_vain_only_so_long(sqlite_url):
    """Where a stopped process holds the turn, SQLite itself decides: a free file is written all the same."""
    engine = connect(sqlite_url)
    path = f"{engine.url.database}-lock"
    with open(path, "a") as stopped, engine.connect() as connection:  # noqa: PTH123 - a descriptor to lock
        connection.info["turn"].patience = 0.05
        connection.close()
        fcntl.flock(stopped, fcntl.LOCK_EX)
        assert Intake(engine).add(event(1))
    engine.dispose()


def test_a_connection_that_has_died_is_replaced(engine, world):
    """Where the server has ended the connection meanwhile, the next event is stored on another at once."""
    take = Intake(connect(engine.url.render_as_string(hide_password=False), pool_size=1, ping=False))
    assert take.add(event(1))
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.exec_driver_sql(f"{others} AND datname = current_database()").all()
    assert take.add(event(2))
    take.engine.dispose()
    assert {row.key for row in world.events()} == {"E1", "E2"}


def test_who_gives_up_while_a_group_is_taken_breaks_nothing(monkeypatch):
    """The group is taken as a whole, and the next event finds somebody to lead."""
    take, late = Intake(create_engine("sqlite://")), event(1)
    giving_up = threading.Thread(target=take._withdraw, args=[late])
    monkeypatch.setattr(take, "_arrivals", Anything())
    monkeypatch.setattr(take, "_gather", lambda: None)
    monkeypatch.setattr(take, "_waiting", Watched([late], giving_up))
    assert take.add(event(2)) is True
    giving_up.join(20)
    assert take.add(event(3)) is True


class Watched(deque):
    """Lets a thread have its way, as far as it can, just after somebody has counted."""

    def __init__(self, waiting, thread):
        super().__init__(waiting)
        self._thread = thread

    def __len__(self):
        if super().__len__() == 2 and not self._thread.ident:
            self._thread.start()
            self._thread.join(0.2)
            return 2
        return super().__len__()


class Anything:
    """Stores whatever comes, nowhere."""

    def add(self, group):
        return {(each.source, each.key) for each in group}
