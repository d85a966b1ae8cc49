import pytest
from sqlalchemy import update

from app.store import sender, tables


@pytest.mark.parametrize(
    ("was", "setting", "now"),
    [
        ("", True, "start"),
        ("", False, ""),
        ("start", True, "start"),
        ("start", False, ""),
        ("resumed", True, "resumed"),
        ("resumed", False, ""),
        ("operator", True, "operator"),
        ("operator", False, "operator"),
        ("operator, resumed", True, "operator, resumed"),
        ("operator, resumed", False, "operator"),
    ],
)
def test_a_start_under_the_setting(engine, was, setting, now):
    """START_PAUSED pauses until it is unset or an operator resumes; an operator's pause outlives restarts."""
    with engine.begin() as connection:
        connection.execute(update(tables.sender).values(paused=was))
        sender.start(connection, paused=setting)
        assert sender.load(connection, 0).paused_by == now


def test_a_start_lets_a_held_sender_probe_at_once(engine):
    """A restart may bring a corrected token: the next probe is due."""
    with engine.begin() as connection:
        connection.execute(update(tables.sender).values(state="held", next_probe_at=10**18))
        sender.start(connection, paused=False)
        assert sender.load(connection, 0).sender.next_probe_at == 0


def test_an_earlier_pause_does_not_undo_the_setting(engine):
    """START_PAUSED pauses although an operator once paused and resumed without it."""
    with engine.begin() as connection:
        sender.start(connection, paused=False)
        sender.pause(connection)
        sender.resume(connection)
        sender.start(connection, paused=True)
        assert sender.load(connection, 0).paused


def test_resuming_under_the_setting_lasts(engine):
    """What an operator resumed under START_PAUSED is not paused by the next restart, also after another pause."""
    with engine.begin() as connection:
        sender.start(connection, paused=True)
        for act in (sender.resume, sender.pause, sender.resume):
            act(connection)
        sender.start(connection, paused=True)
        assert not sender.load(connection, 0).paused
