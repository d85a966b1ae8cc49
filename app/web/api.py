"""The admin API: incidents, and what operators do about them."""

from flask import Blueprint, Flask, current_app
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from app.settings import Settings
from app.store.browse import Selection
from app.store.engine import reading
from app.web import api_incidents
from app.web.access import API
from app.web.api_answers import IncidentDetail, IncidentPage
from app.web.api_input import UNKNOWN, acting, body, invalid, load, query, told, unknown
from app.web.api_schemas import SELECTIONS, IncidentsQuery, OverrideBody, SourceQuery
from mappers.observation import Nanoseconds

blueprint = Blueprint("api", __name__, url_prefix=API)
_INCIDENTS, _SOURCE, _OVERRIDE = IncidentsQuery(), SourceQuery(), OverrideBody()
_SELECTING = [name for schema in SELECTIONS for name in schema.fields]
_SAY_WHICH = "Say which: references, all, or one or more of parked, since and source."
_PAGE, _DETAIL = IncidentPage(), IncidentDetail()


class Reference(BaseConverter):
    """A reference in a path: whatever a vendor's id may hold, slashes too, but no control character."""

    part_isolating = False
    regex = r"[^\x00-\x1f\x7f]+?"
    PATTERN = r"^[^\x00-\x1f\x7f]+$"


class RowId(BaseConverter):
    """An id as the database gives them."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        """Return the number."""
        return int(value)


def init(app: Flask) -> None:
    """Add the admin API to the application."""
    app.url_map.converters |= {"reference": Reference, "row": RowId}
    app.register_blueprint(blueprint)


@blueprint.get("/incidents")
def incidents() -> ResponseReturnValue:
    """List incidents, the newest first.

    `q` finds references from their beginning, and names among the newest incidents. The cursor of a page
    stays right while incidents arrive; it belongs to the selection that it was given with.
    """
    asked = query(_INCIDENTS)
    before = _before(asked["cursor"]) if "cursor" in asked else None
    chosen = Selection(asked.get("state"), asked.get("source"), asked.get("q"), before, asked["limit"] + 1)
    with reading(current_app.extensions["engine"]).begin() as connection:
        answer: dict[str, object] = _PAGE.dump(api_incidents.page(connection, chosen))
    return answer


@blueprint.get("/incidents/<reference:reference_id>")
def incident(reference_id: str) -> ResponseReturnValue:
    """Show one incident with its documents and its history.

    Where two sources have the reference, `source` says which one is meant; without it, the newest.
    """
    source = query(_SOURCE).get("source")
    with reading(current_app.extensions["engine"]).begin() as connection:
        row = api_incidents.find(connection, reference_id, source)
        if row is None:
            raise unknown(f"No incident {reference_id[:100]} is known here.")
        answer: dict[str, object] = _DETAIL.dump(api_incidents.detail(connection, row))
    return answer


@blueprint.post("/incidents/<reference:reference_id>/redeliver")
def redeliver_one(reference_id: str) -> ResponseReturnValue:
    """Send one incident to DX again, with its newest document."""
    return _redeliver([reference_id])


@blueprint.put("/incidents/<reference:reference_id>/override")
def put_override(reference_id: str) -> ResponseReturnValue:
    """Correct one incident; this takes the place of all that was corrected before."""
    source, override = query(_SOURCE).get("source"), load(_OVERRIDE, body())
    with acting() as acts:
        acts.put_override(reference_id, override, source)
    return {"status": "accepted"}, 202


@blueprint.delete("/incidents/<reference:reference_id>/override")
def delete_override(reference_id: str) -> ResponseReturnValue:
    """Take all corrections of one incident back."""
    source = query(_SOURCE).get("source")
    with acting() as acts:
        acts.clear_override(reference_id, source)
    return {"status": "accepted"}, 202


@blueprint.post("/redeliver")
def redeliver() -> ResponseReturnValue:
    """Send a selection of incidents to DX again, each with its newest document."""
    given = body()
    chosen = [schema for schema in SELECTIONS if schema.fields.keys() & given.keys()]
    if len(chosen) > 1:
        raise invalid("references, all, and the three of parked, since and source exclude each other.")
    if not chosen:
        raise invalid(told({key: [UNKNOWN] for key in given}, _SELECTING) if given else _SAY_WHICH)
    selection = load(chosen[0], given)
    if "references" in selection:
        return _redeliver(selection["references"])
    selection.pop("all", None)
    return {"status": "accepted", "incidents": _redeliver_all(**selection), "unknown_references": []}, 202


@blueprint.post("/events/<row:event_id>/refold")
def refold(event_id: int) -> ResponseReturnValue:
    """Map an event again that led to no incident."""
    with acting() as acts:
        acts.refold(event_id)
    return {"status": "accepted"}, 202


def _redeliver(references: list[str]) -> ResponseReturnValue:
    with acting() as acts:
        missing = acts.redeliver(references)
    known = len(set(references) - missing)
    if not known:
        raise unknown(f"No incident {min(missing)[:100]} is known here.")
    return {"status": "accepted", "incidents": known, "unknown_references": sorted(missing)}, 202


def _redeliver_all(parked: bool = False, since: Nanoseconds | None = None, source: str | None = None) -> int:
    settings: Settings = current_app.extensions["settings"]
    if source is not None and source not in settings.sources:
        raise invalid(f"source: {source!r} is none of {', '.join(settings.sources)}.")
    with acting() as acts:
        return acts.redeliver_all(parked=parked, since=since, source=source)


def _before(cursor: str) -> int:
    try:
        return api_incidents.read_cursor(cursor)
    except ValueError:
        raise invalid("cursor: Not a `next_cursor` of an earlier answer.") from None
