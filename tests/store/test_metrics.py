"""What the pipeline counts: events folded, calls by their answers, and how long webhooks have waited."""

import pytest
from sqlalchemy import update

from app import metrics
from app.store import deliveries, tables
from tests.store.dx import BUSY, CONFIRMED
from tests.store.world import World, pagerduty


def _own() -> dict[tuple, float]:
    """Return what this process has counted, by name and labels."""
    found = (each for family in metrics.REGISTRY.collect() for each in family.samples)
    return {(each.name, *sorted(each.labels.items())): each.value for each in found}


class Pipeline:
    """A pipeline that runs step by step, on either database, and the metrics that it gains."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deliverer = self.world.deliverer()
        self._before = _own()

    def receive(self, second: int, **data: object) -> None:
        """Receive an event of one incident and fold it half a second later."""
        self.world.receive(f"e{second}", pagerduty("Q1", second=second, **data))
        self.world.time.pass_by(0.5)
        self.world.folder().fold()

    def gained(self, name: str) -> dict[tuple, float]:
        """Return what a metric has gained since the last question, by labels."""
        now, before = _own(), self._before
        self._before = now
        return {
            key[1:]: value - before.get(key, 0)
            for key, value in now.items()
            if key[0] == name and value != before.get(key, 0)
        }


LATENCY = "dx_bridge_accept_to_dx_seconds_sum"
PAGERDUTY = (("source", "pagerduty"),)


@pytest.fixture
def pipeline(world: World) -> Pipeline:
    """A pipeline on an empty database."""
    return Pipeline(world)


def test_latency_from_receipt_to_confirmation(pipeline: Pipeline) -> None:
    """The latency begins with the receipt of the event and ends when DX has confirmed."""
    pipeline.receive(1, title="A")
    pipeline.world.time.pass_by(2)
    pipeline.deliverer.deliver()
    assert pipeline.gained(LATENCY) == {PAGERDUTY: 2.5}


def test_latency_of_an_outage(pipeline: Pipeline) -> None:
    """While DX is away nothing is observed; afterwards, the whole wait since the document's last change."""
    pipeline.receive(1, title="A")
    pipeline.deliverer.deliver(BUSY)
    pipeline.world.time.pass_by(3600)
    pipeline.receive(2, title="A")
    pipeline.world.time.pass_by(60)
    assert pipeline.gained(LATENCY) == {}
    pipeline.deliverer.deliver()
    assert pipeline.gained(LATENCY) == {PAGERDUTY: 3661}


def test_no_latency_where_no_webhook_waits(pipeline: Pipeline) -> None:
    """A document sent again, or one that an operator has corrected, has no latency."""
    pipeline.receive(1, title="A")
    pipeline.deliverer.deliver()
    pipeline.gained(LATENCY)
    pipeline.world.time.pass_by(3600)
    with pipeline.world.engine.begin() as connection:
        deliveries.redeliver(connection, lane=0)
    assert len(pipeline.deliverer.deliver()) == 1
    with pipeline.world.engine.begin() as connection:
        connection.execute(update(tables.incidents).values(override="{}"))
    pipeline.receive(2, title="B")
    assert len(pipeline.deliverer.deliver()) == 1
    assert pipeline.gained(LATENCY) == {}


def test_a_change_during_the_call_is_not_confirmed_by_it(pipeline: Pipeline) -> None:
    """An event that comes in during a call waits for the next one."""
    pipeline.receive(1, title="A")
    pipeline.deliverer.claim()
    pipeline.receive(2, title="B")
    pipeline.deliverer.call()
    pipeline.deliverer.settle()
    assert pipeline.gained(LATENCY) == {}
    pipeline.deliverer.deliver()
    assert pipeline.gained(LATENCY) == {PAGERDUTY: 0.5}


def test_calls_by_answer(pipeline: Pipeline) -> None:
    """Calls are counted by method, meaning and code, and timed."""
    pipeline.receive(1, title="A")
    for outcome in (BUSY, CONFIRMED):
        pipeline.deliverer.deliver(outcome)
    told = pipeline.gained("dx_bridge_dx_calls_total")
    method = ("method", "incidents.upsert")
    assert told == {
        (("code", "http_503"), ("meaning", "not_now"), method): 1,
        (("code", "ok"), ("meaning", "confirmed"), method): 1,
    }


def test_folding_is_counted(pipeline: Pipeline) -> None:
    """Events folded are counted by source and outcome, and each batch is timed."""
    pipeline.world.receive("e0", {"event": {}})
    pipeline.receive(1, title="A")
    now = pipeline._before
    told = pipeline.gained("dx_bridge_events_folded_total")
    assert told == {
        (("outcome", "unmappable"), ("source", "pagerduty")): 1,
        (("outcome", "upsert"), ("source", "pagerduty")): 1,
    }
    batches = ("dx_bridge_fold_duration_seconds_count",)
    assert _own()[batches] - now[batches] == 1
