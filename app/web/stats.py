"""Counts, for the admin API, the command line and Prometheus."""

from collections.abc import Iterator, Mapping
from itertools import chain

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine

from app import metrics
from app.clock import Clock
from app.settings import Settings
from app.store import browse, events, incidents, sender
from app.store.engine import reading
from app.web.access import require
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

_LONG_SECONDS = 0.1
SENDER_STATES = ("running", "probing", "held", "paused")

blueprint = Blueprint("stats", __name__)


def stats(connection: Connection, *, can_deliver: bool) -> dict[str, dict[str, object]]:
    """Count events and incidents, and tell the sender's state."""
    state, reason = sender.load(connection, 0).shown(can_deliver=can_deliver)
    return {
        "events": {**events.counts(connection)},
        "incidents": {**incidents.counts(connection)},
        "sender": {"state": state, "reason": reason},
    }


class StoreCollector(Collector):
    """Gauges read from the store at each scrape, so every web process tells the same; then what is counted."""

    def __init__(self, engine: Engine, clock: Clock, settings: Settings) -> None:
        self._engine, self._clock, self._settings = engine, clock, settings
        self._held: dict[str, int] = {}
        self._recount_at = 0.0
        metrics.expect(settings.sources)

    def collect(self) -> Iterator[Metric]:
        """Read the store once."""
        with reading(self._engine).begin() as connection:
            gauges = [*self._counts(connection), *self._states(connection), *self._times(connection)]
        return chain(gauges, metrics.collect())

    def _counts(self, connection: Connection) -> Iterator[Metric]:
        for name, value in self._table_counts(connection).items():
            group, _, kind = name.partition("_")
            yield _gauge(name, f"Number of {group}: {kind}.", value)
        text = "Incidents that DX is not to hold."
        yield _gauge("incidents_left_out", text, incidents.left_out(connection))
        long_ago = self._clock.wall() - int(self._settings.open_too_long_hours * 3600 * SECOND)
        text = "Incidents in DX that have been open for more than OPEN_TOO_LONG_HOURS."
        yield _gauge("incidents_open_too_long", text, incidents.count_open_since(connection, long_ago))

    def _table_counts(self, connection: Connection) -> dict[str, int]:
        """Count rows; where that takes long, not more often than for a hundredth of the time."""
        begun = self._clock.steady()
        if begun >= self._recount_at:
            every = {"events": events.counts(connection), "incidents": incidents.counts(connection)}
            self._held = {f"{group}_{name}": n for group, held in every.items() for name, n in held.items()}
            took = self._clock.steady() - begun
            self._recount_at = begun + (100 * took if took > _LONG_SECONDS else 0)
            return self._held
        waiting = browse.waiting(connection)
        fresh = {
            "events_unfolded": events.count_unfolded(connection),
            "events_unmappable": waiting["problems"],
            "incidents_due": waiting["due"],
            "incidents_parked": waiting["parked"],
        }
        return self._held | fresh

    def _states(self, connection: Connection) -> Iterator[Metric]:
        now, _ = sender.load(connection, 0).shown(can_deliver=self._settings.can_deliver)
        text = "1 for the state it is in."
        yield _gauges("sender_state", text, "state", {state: state == now for state in SENDER_STATES})
        text = "When a pipeline last gave a sign of life."
        yield _gauge("pipeline_last_beat_timestamp_seconds", text, sender.last_beat(connection) / SECOND)

    def _times(self, connection: Connection) -> Iterator[Metric]:
        text = "Time since the first of the events not yet folded was received; 0 where all are."
        yield _gauge(
            "events_oldest_unfolded_age_seconds", text, self._age(events.oldest_unfolded(connection))
        )
        text = "Time since the longest due document changed; 0 where none is due; without the background's."
        yield _gauge("incidents_oldest_due_age_seconds", text, self._age(incidents.oldest_due(connection)))
        last = events.last_received(connection, self._settings.sources)
        text = "When the last event of a source was received; nothing for one that has sent none."
        seconds = {name: at / SECOND for name, at in last.items()}
        yield _gauges("source_last_event_timestamp_seconds", text, "source", seconds)

    def _age(self, at: Nanoseconds | None) -> float:
        return 0.0 if at is None else max(0, self._clock.wall() - at) / SECOND


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"dx_bridge_{name}", text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"dx_bridge_{name}", text, labels=[label])
    for told, value in values.items():
        family.add_metric([told], float(value))
    return family


@blueprint.get("/api/v1/stats")
def api_stats() -> ResponseReturnValue:
    """Count events and incidents, and tell the sender's state."""
    settings: Settings = current_app.extensions["settings"]
    with reading(current_app.extensions["engine"]).begin() as connection:
        return stats(connection, can_deliver=settings.can_deliver)


@blueprint.get("/metrics")
def prometheus() -> ResponseReturnValue:
    """Return the metrics in Prometheus' text format."""
    settings: Settings = current_app.extensions["settings"]
    if settings.metrics_token:
        require(request, settings.metrics_token)
    registry: CollectorRegistry = current_app.extensions["metrics"]
    return generate_latest(registry), {"Content-Type": CONTENT_TYPE_LATEST}
