"""Counts, for the admin API, the command line and Prometheus."""

from collections.abc import Iterator

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine

from app.clock import Clock
from app.settings import Settings
from app.store import events, incidents, sender
from app.store.engine import reading
from app.web.access import require
from mappers.fields import SECOND

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
    """Gauges read from the store at each scrape, so every web process tells the same."""

    def __init__(self, engine: Engine, clock: Clock, settings: Settings) -> None:
        self._engine, self._clock = engine, clock
        self._can_deliver, self._hours = settings.can_deliver, settings.open_too_long_hours

    def collect(self) -> Iterator[Metric]:
        """Read the store once."""
        with reading(self._engine).begin() as connection:
            counted, beat = stats(connection, can_deliver=self._can_deliver), sender.last_beat(connection)
            left_out = incidents.left_out(connection)
            long_ago = self._clock.wall() - int(self._hours * 3600 * SECOND)
            too_long = incidents.count_open_since(connection, long_ago)
        for group in ("events", "incidents"):
            for name, value in counted[group].items():
                metric = f"dx_bridge_{group}_{name}"
                yield GaugeMetricFamily(metric, f"Number of {group}: {name}.", value=float(str(value)))
        yield GaugeMetricFamily(
            "dx_bridge_incidents_left_out", "Incidents that DX is not to hold.", value=left_out
        )
        text = "Incidents in DX that have been open for more than OPEN_TOO_LONG_HOURS."
        yield GaugeMetricFamily("dx_bridge_incidents_open_too_long", text, value=too_long)
        states = GaugeMetricFamily("dx_bridge_sender_state", "1 for the state it is in.", labels=["state"])
        for state in SENDER_STATES:
            states.add_metric([state], float(counted["sender"]["state"] == state))
        yield states
        help_text = "When a pipeline last gave a sign of life."
        yield GaugeMetricFamily(
            "dx_bridge_pipeline_last_beat_timestamp_seconds", help_text, value=beat / SECOND
        )


@blueprint.get("/api/v1/stats")
def api_stats() -> ResponseReturnValue:
    """Return the counts as JSON."""
    settings: Settings = current_app.extensions["settings"]
    require(request, settings.admin_token)
    with reading(current_app.extensions["engine"]).begin() as connection:
        return stats(connection, can_deliver=settings.can_deliver)


@blueprint.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Return the metrics in Prometheus' text format."""
    settings: Settings = current_app.extensions["settings"]
    if settings.metrics_token:
        require(request, settings.metrics_token)
    registry: CollectorRegistry = current_app.extensions["metrics"]
    return generate_latest(registry), {"Content-Type": CONTENT_TYPE_LATEST}
