"""Redelivering many: a page at a time, so that webhooks and calls are not kept waiting."""

from types import SimpleNamespace

import pytest
from sqlalchemy import event, select

from app import acts
from app.policy import DEFAULT
from app.store import tables


@pytest.fixture
def acting(world, monkeypatch):
    """Return the acts of an operator, with pages of two incidents."""
    monkeypatch.setattr(acts, "_PAGE", 2)
    settings = SimpleNamespace(policy=DEFAULT, sources={}, dx_base_url=None)
    return acts.Acts(world.engine, settings, world.time.clock(), "command line")


@pytest.mark.parametrize("many", [0, 1, 2, 3, 4, 5])
def test_every_incident_is_sent_again_once(world, acting, many):
    """Pages leave nothing out, and the act is recorded once."""
    names = [f"Q{number}" for number in range(many)]
    for name in names:
        world.want(name)
    while world.deliverer().deliver():
        pass
    assert acting.redeliver_all() == many
    assert [world.row(name).due_at for name in names] == [0] * many
    with world.engine.begin() as connection:
        assert connection.execute(select(tables.acts.c.about)).scalars().all() == ["all"]


def test_no_transaction_has_more_than_a_page(world, acting):
    """Five incidents take three transactions."""
    for number in range(5):
        world.want(f"Q{number}")
    commits = []
    add = commits.append
    event.listen(world.engine, "commit", add)
    acting.redeliver([f"Q{number}" for number in range(5)])
    event.remove(world.engine, "commit", add)
    assert len(commits) == 3
