"""Exhaustive: every short history of an incident ends with its newest document in DX, in few calls.

Up to four wishes, among them returns to an earlier document, deletions and what comes back after one;
each call ends in one of nine ways, before or after the next change.
"""

import pytest
from sqlalchemy import update

from app.store import tables
from tests.store.play import Play
from tests.store.scenarios import all_scenarios, scenarios, short_scenarios


@pytest.fixture
def played(engine):
    """Return all histories on SQLite, the shortest ones on PostgreSQL, played."""
    play = Play(engine, all_scenarios() if engine.dialect.name == "sqlite" else short_scenarios())
    play.run()
    return play


def test_every_short_history_ends_well(played):
    """DX ends with the newest document, never after two calls at once, and in as few calls as can be."""
    assert played.wrong() == []
    assert played.too_many() == []


class WithoutDoubt(Play):
    """Forgets the doubt that a lost call leaves."""

    def end(self, ending):
        super().end(ending)
        with self.engine.begin() as connection:
            connection.execute(update(tables.incidents).values(in_doubt=0))


class WithoutLateAnswers(Play):
    """Throws away the answers to lost claims."""

    def settle_late(self, answered):
        pass


class WithoutDecidingAnew(Play):
    """Leaves out for good what is left out, whatever a late answer says."""

    def decide_anew(self):
        pass


class WithoutRest(Play):
    """Sends everything once more at the end, needed or not."""

    def drain(self):
        super().drain()
        with self.engine.begin() as connection:
            connection.execute(update(tables.incidents).values(due_at=0))
        super().drain()


@pytest.mark.parametrize("broken", [WithoutDoubt, WithoutLateAnswers, WithoutDecidingAnew])
def test_a_broken_rule_is_noticed(engine, broken):
    """Without the doubt, or without heed to late answers, some history ends with what is not wanted any more."""
    few = [*scenarios(("AB", "ABA"), ("confirmed", "lost, applied", "frozen"))]
    play = broken(engine, [*few, *scenarios(("A--",), ("confirmed", "frozen long"))])
    play.run()
    assert play.wrong()


def test_a_needless_call_is_noticed(engine):
    """One call more than the changes and doubts of a history is too many."""
    play = WithoutRest(engine, list(scenarios(("A", "AB"), ("confirmed", "lost"))))
    play.run()
    assert play.too_many()
