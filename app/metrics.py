"""What is counted and timed, for Prometheus; docs/metrics.md tells what each is good for.

Counting never fails what is counted.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from typing import ParamSpec

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, disable_created_metrics

from app import metric_files
from app.answers import AUTH_ERRORS
from app.errors import Refusal
from app.store.events import Folded
from app.store.settlement import Awaited, Call
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

P = ParamSpec("P")

UNKNOWN = "unknown"
"""Stands for every source that is not configured: a stranger's words are no label."""
_DX_CODES = AUTH_ERRORS | {
    "ok",
    "timeout",
    "connection",
    "failed",
    "invalid_arguments",
    "invalid_json",
    "invalid_timestamp",
    "metadata_invalid",
    "required_params_missing",
}
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_CALL = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60)
_LONG = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400)

disable_created_metrics()  # type: ignore[no-untyped-call]
log = structlog.get_logger()
REGISTRY = CollectorRegistry()

_webhooks = Counter(
    "dx_bridge_webhooks",
    "Webhooks by source and outcome: accepted, duplicate, or refused with a code.",
    ["source", "outcome", "code"],
    registry=REGISTRY,
)
_accept_seconds = Histogram(
    "dx_bridge_webhook_accept_duration_seconds",
    "From a webhook's headers to its answer, of those held now or already.",
    ["source"],
    registry=REGISTRY,
    buckets=_SHORT,
)
_records = Counter(
    "dx_bridge_reconciled_records",
    "Records that the periodic reconciliation read, by source and outcome.",
    ["source", "outcome"],
    registry=REGISTRY,
)
_folded = Counter(
    "dx_bridge_events_folded",
    "Events folded by source and outcome: upsert, ignored, unmappable, failed.",
    ["source", "outcome"],
    registry=REGISTRY,
)
_fold_seconds = Histogram(
    "dx_bridge_fold_duration_seconds",
    "Time to fold one batch of up to 100 events.",
    registry=REGISTRY,
    buckets=_SHORT,
)
_calls = Counter(
    "dx_bridge_dx_calls",
    "Calls to DX by method and by meaning and code of the answer.",
    ["method", "meaning", "code"],
    registry=REGISTRY,
)
_call_seconds = Histogram(
    "dx_bridge_dx_call_duration_seconds",
    "Time of calls to DX by method and meaning of the answer.",
    ["method", "meaning"],
    registry=REGISTRY,
    buckets=_CALL,
)
_latency_seconds = Histogram(
    "dx_bridge_accept_to_dx_seconds",
    "From the receipt of a webhook that changed an incident to DX's confirmation of the change.",
    ["source"],
    registry=REGISTRY,
    buckets=_LONG,
)


def _harmless(act: Callable[P, None]) -> Callable[P, None]:
    @wraps(act)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            act(*args, **kwargs)
        except Exception:  # whatever it is, an event is worth more than its count
            log.exception("not counted")

    return guarded


def collect() -> Iterable[Metric]:
    """Return the counts of all processes that share them."""
    return metric_files.collect(REGISTRY)


@_harmless
def expect(sources: Iterable[str]) -> None:
    """Begin the counts at zero: an increase from nothing to one would go unseen."""
    for source in sources:
        for outcome, code in (("accepted", ""), ("duplicate", ""), ("refused", "not_authentic")):
            _webhooks.labels(source, outcome, code)


@_harmless
def answered(source: str, outcome: str, seconds: float) -> None:
    """Count a webhook that was accepted, or held already."""
    count, time = _of_answers(source, outcome)
    count.inc()
    time.observe(seconds)


@cache
def _of_answers(source: str, outcome: str) -> tuple[Counter, Histogram]:
    """Find the numbers of a source's answers once: looking them up costs more than counting."""
    return _webhooks.labels(source, outcome, ""), _accept_seconds.labels(source)


@_harmless
def refused(source: str, error: Exception) -> None:
    """Count a webhook that was refused."""
    _webhooks.labels(source, "refused", error.code if isinstance(error, Refusal) else "error").inc()


@_harmless
def folded(batch: Iterable[Folded], seconds: float) -> None:
    """Count a batch of folded events."""
    for each in batch:
        _folded.labels(each.event.source, each.outcome).inc()
    _fold_seconds.observe(seconds)


@_harmless
def reconciled(source: str, told: Mapping[str, int]) -> None:
    """Count the records that a reconciliation read, by what came of them; `failed_run` for one that ended early."""
    for outcome, count in told.items():
        _records.labels(source, outcome).inc(count)


@_harmless
def settled(results: Iterable[object], awaited: Iterable[Awaited], now: Nanoseconds) -> None:
    """Count calls whose answers are settled, and how long the webhooks behind them have waited."""
    for call in results:
        if isinstance(call, Call):
            method, meaning = call.claim.method, call.answer.meaning
            _calls.labels(method, meaning, bounded(call.answer.code)).inc()
            _call_seconds.labels(method, meaning).observe(call.duration_ms / 1000)
    for each in awaited:
        _latency_seconds.labels(each.source).observe(max(0, now - each.received_at) / SECOND)


def bounded(code: str) -> str:
    """Return an answer's code as a label: DX's own words may be any."""
    status = code.removeprefix("http_")
    is_status = status != code and len(status) == 3 and status.isascii() and status.isdigit()
    return code if is_status or code in _DX_CODES else "other"
