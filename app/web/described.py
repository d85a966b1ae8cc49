"""What the routes' own code does not tell of them: their answers by status, and what they are sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema

from app.web import answers as told
from app.web import api_answers as of_api
from app.web import api_schemas as given

Answer = type[Schema] | dict[str, Any] | str | None
"""A schema, a media type where it is no JSON, or nothing."""


@dataclass(frozen=True, slots=True)
class Described:
    """A route: its answers by status, the statuses of its refusals, its query and its body."""

    tag: str
    answers: Mapping[int, Answer]
    refused: tuple[int, ...] = ()
    query: type[Schema] | None = None
    body: tuple[type[Schema] | dict[str, Any], ...] = field(default=())


_ANY_OBJECT: dict[str, Any] = {"type": "object"}
_GUARDED = (401, 404, 503)
_READ = (*_GUARDED, 422)
_BODY = (400, 413, 415, 422)


def _act(answer: type[Schema] = told.Accepted, refused: tuple[int, ...] = (), **more: Any) -> Described:
    return Described("acts", {202: answer}, (*_GUARDED, *refused), **more)


ROUTES: Mapping[str, Described] = {
    "webhooks.webhook": Described(
        "webhooks",
        {202: told.Stored, 200: told.Stored},
        (400, 401, 404, 413, 415, 503),
        body=(_ANY_OBJECT,),
    ),
    "health.alive": Described("health", {200: told.Alive}),
    "health.ready": Described("health", {200: told.Well, 503: told.Unwell}),
    "health.pipeline": Described("health", {200: told.Well, 503: told.Unwell}),
    "stats.prometheus": Described("metrics", {200: "text/plain"}, (401, 503)),
    "stats.api_stats": Described("metrics", {200: told.Stats}, _GUARDED),
    "dashboard.overview": Described("dashboard", {200: "text/html", 303: "text/html"}, (404, 503)),
    "api.incidents": Described("incidents", {200: of_api.IncidentPage}, _READ, given.IncidentsQuery),
    "api.incident": Described("incidents", {200: of_api.IncidentDetail}, _READ, given.SourceQuery),
    "api.redeliver_one": _act(told.Redelivered),
    "api.put_override": _act(refused=(*_BODY, 409), query=given.SourceQuery, body=(given.OverrideBody,)),
    "api.delete_override": _act(refused=(409, 422), query=given.SourceQuery),
    "api.redeliver": _act(
        told.Redelivered,
        _BODY,
        body=(given.RedeliverReferences, given.RedeliverAll, given.RedeliverSelection),
    ),
    "api.refold": _act(),
    "control.steer": _act(),
    "openapi.openapi": Described("metrics", {200: _ANY_OBJECT}, (401, 404)),
}
