"""What the dashboard's buttons do; each only from a page of the session itself."""

from math import ceil
from typing import Any

from flask import current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from app.acts import Acts
from app.errors import OverrideError, UnknownError
from app.override import Change
from app.store.acts import use_link
from app.web.dashboard import signin
from app.web.dashboard.pages import blueprint, console
from mappers.fields import Instant
from mappers.observation import Nanoseconds


def acts() -> Acts:
    """Return what operators can do, on behalf of the dashboard."""
    found: Acts = current_app.extensions["dashboard acts"]
    return found


@blueprint.before_request
def only_meant() -> ResponseReturnValue | None:
    """Refuse a form that no page of this session made."""
    if request.method != "POST" or request.endpoint == "dashboard.sign_in" or signin.is_meant(request):
        return None
    message = "This page was open for too long, or in another session. Go back, load it again, and repeat."
    return render_template("message.html", title="Please repeat", message=message), 400


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Sign in with the admin token."""
    if request.method == "GET":
        return render_template("signin.html")
    brake: signin.Brake = current_app.extensions["brake"]
    client, token = request.remote_addr or "", console().settings.admin_token
    if wait := brake.wait(client):
        problem = f"Too many tries: wait {ceil(wait)} seconds."
        return render_template("signin.html", problem=problem), 429, {"Retry-After": str(ceil(wait))}
    if token is None or not signin.is_token(request.form.get("token", ""), token):
        brake.failed(client)
        return render_template("signin.html", problem="That is not the token."), 401
    brake.succeeded(client)
    signin.begin()
    return redirect(_own(request.form.get("next", "")), 303)


@blueprint.get("/sign-in/<link>")
def sign_in_by_link(link: str) -> ResponseReturnValue:
    """Sign in by a link that works once."""
    token = console().settings.admin_token
    nonce = signin.nonce_of(link, token) if token else None
    if nonce:
        with current_app.extensions["engine"].begin() as connection:
            if use_link(connection, nonce, console().now):
                signin.begin()
                return redirect(url_for("dashboard.overview"), 303)
    return render_template(
        "signin.html", problem="This link was used, or is too old: sign in with the token."
    ), 401


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    session.clear()
    return redirect(url_for("dashboard.sign_in"), 303)


@blueprint.post("/sender/<any(pause, resume):act>")
def steer(act: str) -> ResponseReturnValue:
    """Pause the sender, or let it go on."""
    acts().pause() if act == "pause" else acts().resume()
    return _done("Sending is paused." if act == "pause" else "Sending goes on.", "dashboard.overview")


@blueprint.post("/parked/redeliver")
def redeliver_parked() -> ResponseReturnValue:
    """Send everything parked again."""
    count = acts().redeliver_all(parked=True)
    return _done(f"{count} incidents will be sent again.", "dashboard.parked")


@blueprint.post("/unmappable/refold")
def refold_all() -> ResponseReturnValue:
    """Map again what could not be read."""
    return _done(f"{acts().refold_all()} events will be mapped again.", "dashboard.unmappable")


@blueprint.post("/events/<row:event_id>/refold")
def refold(event_id: int) -> ResponseReturnValue:
    """Map one event again."""
    acts().refold(event_id)
    return _done("The event will be mapped again.", "dashboard.unmappable")


@blueprint.post("/incidents/redeliver/<reference:reference_id>")
def redeliver(reference_id: str) -> ResponseReturnValue:
    """Send one incident again."""
    if acts().redeliver([reference_id]):
        raise UnknownError(f"No incident {reference_id} is known here.")
    return _done("It will be sent again.", "dashboard.incident", reference_id=reference_id)


@blueprint.post("/incidents/override/<reference:reference_id>")
def override(reference_id: str) -> ResponseReturnValue:
    """Correct one incident, or take its corrections back."""
    try:
        if request.form.get("act") == "clear":
            acts().clear_override(reference_id)
        else:
            acts().override(reference_id, _change())
    except OverrideError as error:
        flash(str(error), "bad")
        return redirect(url_for("dashboard.incident", reference_id=reference_id), 303)
    return _done("Corrected.", "dashboard.incident", reference_id=reference_id)


def _change() -> Change:
    form, change = request.form, Change()
    if form.get("act") in ("exclude", "include"):
        change["included"] = form["act"] == "include"
        return change
    if started := form.get("started_at", "").strip():
        change["started_at"] = _instant(started)
    if resolved := form.get("resolved_at", "").strip():
        change["resolved_at"] = _instant(resolved)
    if not change:
        raise OverrideError("Write a time.")
    return change


def _instant(text: str) -> Nanoseconds:
    try:
        instant: Nanoseconds | None = Instant().deserialize(_zoned(text))
    except ValidationError:
        instant = None
    if instant is None:
        raise OverrideError(f"{text[:40]} is no time: write it as 2026-03-01 10:30.")
    return instant


def _zoned(text: str) -> str:
    """Take a time without a zone for UTC, as the page shows times."""
    whole = text.replace(" ", "T")
    seconds = whole if whole.count(":") > 1 else f"{whole}:00"
    return seconds if whole[-1:].upper() == "Z" or "+" in whole else f"{seconds}Z"


def _done(message: str, endpoint: str, **values: Any) -> ResponseReturnValue:
    flash(message, "good")
    return redirect(url_for(endpoint, **values), 303)


def _own(target: str) -> str:
    """Return a page of this dashboard to go on to, whatever the form says; browsers skip control characters."""
    own = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if own else url_for("dashboard.overview")
