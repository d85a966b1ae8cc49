"""The dashboard's pages; signed in only, rendered on the server, whole without JavaScript."""

from urllib.parse import quote

import orjson
from flask import Blueprint, abort, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app.config import policy_text
from app.document import timestamp
from app.errors import UnknownError
from app.store import acts, browse, incidents
from app.store.browse import STATES, Selection
from app.store.services import recent
from app.web.dashboard import signin
from app.web.dashboard.configuration import settings_shown
from app.web.dashboard.console import Console
from app.web.dashboard.timeline import differences
from app.web.dashboard.vendors import GUIDES
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

PAGE = 50
_ORDER = ("reference_id", "name", "started_at", "resolved_at", "priority", "services", "source_url")
_OPEN_PAGES = ("dashboard.static", "dashboard.sign_in", "dashboard.sign_in_by_link")

blueprint = Blueprint(
    "dashboard", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)
blueprint.after_request(signin.secure)


@blueprint.before_request
def only_signed_in() -> ResponseReturnValue | None:
    """Send everybody to sign in first; without BRIDGE_ADMIN_TOKEN there is no dashboard."""
    if console().settings.admin_token is None:
        abort(404)
    if request.endpoint in _OPEN_PAGES or signin.is_signed_in():
        return None
    return redirect(url_for("dashboard.sign_in", next=request.full_path.rstrip("?")), 303)


@blueprint.app_template_filter()
def when(at: Nanoseconds | None) -> str:
    """Write a time for people: `2026-03-01 10:30:00`."""
    return "never" if at is None else timestamp(at)[:-1].replace("T", " ")


@blueprint.app_template_filter()
def iso(at: Nanoseconds) -> str:
    """Write a time for machines."""
    return timestamp(at)


@blueprint.app_template_filter()
def ago(at: Nanoseconds | None) -> str:
    """Write how long ago a time was, in the one unit that fits."""
    if at is None:
        return "never"
    seconds = max(0, (console().now - at) // SECOND)
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size * 2:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


@blueprint.app_template_filter()
def path(reference_id: str) -> str:
    """Write a reference as a part of an address."""
    return quote(reference_id, safe="")


@blueprint.app_template_filter()
def pretty(text: str | bytes) -> str:
    """Write JSON with a line for each key."""
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()


@blueprint.context_processor
def shared() -> dict[str, object]:
    """What every page knows."""
    return {"zip": zip, "csrf": session.get("csrf", ""), "states": STATES, "signed_in": signin.is_signed_in()}


def console() -> Console:
    """Return what the pages read."""
    found: Console = current_app.extensions["console"]
    return found


@blueprint.get("/")
def overview() -> ResponseReturnValue:
    """Tell whether everything is all right."""
    return render_template("overview.html", seen=console().overview())


@blueprint.get("/incidents")
def incident_list() -> ResponseReturnValue:
    """List incidents, the newest first, a page at a time."""
    wanted = _selection()
    with console().begin() as connection:
        rows = browse.listed(connection, wanted)
    older = rows[PAGE - 1].id if len(rows) > PAGE else None
    return render_template(
        "incidents.html",
        rows=[_row(row) for row in rows[:PAGE]],
        wanted=wanted,
        names=list(console().settings.sources),
        older=older,
    )


@blueprint.get("/incidents/<reference:reference_id>")
def incident(reference_id: str) -> ResponseReturnValue:
    """Show one incident: why it is in DX or not, and how it came to look so."""
    told = console().story(reference_id)
    row = told.row
    desired, held = _document(row.desired), _document(row.settled_document)
    override = orjson.loads(row.override) if row.override else None
    return render_template(
        "incident.html",
        row=row,
        told=told,
        desired=desired,
        held=held,
        apart=differences(held, desired) if held and row.action == "upsert" else (),
        override=override,
    )


@blueprint.get("/events/<row:event_id>")
def event(event_id: int) -> ResponseReturnValue:
    """Show one event as it is kept: as received, without secrets that the vendor echoed."""
    with console().begin() as connection:
        row = browse.event(connection, event_id)
    if row is None:
        raise UnknownError(f"No event {event_id} is kept here.")
    return render_template("event.html", row=row)


@blueprint.get("/parked")
def parked() -> ResponseReturnValue:
    """List what DX refuses, in DX's words."""
    with console().begin() as connection:
        rows = browse.listed(connection, Selection(state="parked", limit=200))
    return render_template("parked.html", rows=[_row(row) for row in rows])


@blueprint.get("/unmappable")
def unmappable() -> ResponseReturnValue:
    """List the events that could not be read."""
    with console().begin() as connection:
        rows = browse.problems(connection, 200)
    return render_template("unmappable.html", rows=rows)


@blueprint.get("/open")
def open_too_long() -> ResponseReturnValue:
    """List the incidents that have been open for too long."""
    hours = console().settings.open_too_long_hours
    with console().begin() as connection:
        rows = incidents.open_since(connection, console().now - int(hours * 3600 * SECOND))[:200]
    shown = [(row, orjson.loads(row.desired).get("name")) for row in rows]
    return render_template("open.html", rows=shown, hours=hours)


@blueprint.get("/overrides")
def overrides() -> ResponseReturnValue:
    """List what operators have corrected and done."""
    with console().begin() as connection:
        rows = [(row, orjson.loads(row.override)) for row in incidents.overridden(connection)]
        done = acts.latest(connection, 100)
    return render_template("overrides.html", rows=rows, done=done)


@blueprint.get("/services")
def services() -> ResponseReturnValue:
    """List the services that recent incidents name, those without a mapping first."""
    with console().begin() as connection:
        policy = console().applied(connection).policy
        counted, looked_at = recent(connection)
    rows = [
        (service, count, policy.identifiers(service), policy.is_mapped(service))
        for service, count in counted.most_common()
    ]
    rows.sort(key=lambda row: row[3])
    return render_template("services.html", rows=rows, looked_at=looked_at)


@blueprint.get("/configuration")
def configuration() -> ResponseReturnValue:
    """Show the settings and the policy in force; secrets are masked."""
    with console().begin() as connection:
        applied = console().applied(connection)
    return render_template(
        "configuration.html",
        settings=settings_shown(console().settings),
        policy=policy_text(applied.policy),
        in_force=console().is_in_force(),
    )


@blueprint.get("/setup")
def setup() -> ResponseReturnValue:
    """Show for each source what to paste where, and whether anything has arrived."""
    seen = console().overview()
    facts = {each.source.name: each for each in seen.sources}
    rows = [
        (source, GUIDES[source.vendor], facts.get(source.name))
        for source in console().settings.sources.values()
    ]
    return render_template("setup.html", rows=rows, base=_base_url())


@blueprint.errorhandler(UnknownError)
def unknown(error: UnknownError) -> ResponseReturnValue:
    """Say what there is none of."""
    return render_template("message.html", title="Not found", message=str(error)), 404


def _selection() -> Selection:
    given = request.args
    before = given.get("before", "")
    return Selection(
        state=given.get("state") if given.get("state") in STATES else None,
        source=given.get("source") or None,
        query=given.get("q", "").strip()[:200] or None,
        before=int(before) if before.isdecimal() and len(before) < 19 else None,
        limit=PAGE + 1,
    )


def _row(row: object) -> tuple[object, dict[str, object]]:
    desired = getattr(row, "desired", None)
    return row, orjson.loads(desired) if desired else {}


def _document(text: str | None) -> dict[str, object]:
    """Read a document, its keys in the order of DX's documentation."""
    body: dict[str, object] = orjson.loads(text) if text else {}
    return {key: body[key] for key in (*_ORDER, *body) if key in body}


def _base_url() -> str:
    """Return where this bridge is reached from outside, as far as the proxy in front tells."""
    secure = request.is_secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
    return f"{'https' if secure else 'http'}://{request.host}"
