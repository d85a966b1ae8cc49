"""The tester's side: what the sandbox was told, and its faults. No token: keep it on a loopback address."""

from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from marshmallow import Schema, ValidationError, fields, validate

from app.sandbox.body import parse, sentence
from app.sandbox.catalog import Catalog, load_entities
from app.sandbox.fault_schema import load_faults
from app.sandbox.page import view
from app.sandbox.state import current

control = Blueprint("control", __name__)
Json = dict[str, Any]


class CallsSchema(Schema):
    """The query of GET /sandbox/calls."""

    after = fields.Integer(load_default=0, validate=validate.Range(min=0))
    reference_id = fields.String(load_default=None)


_CALLS = CallsSchema()


@control.errorhandler(ValidationError)
def bad_input(error: ValidationError) -> tuple[Json, int]:
    """Answer 400 in words."""
    return {"ok": False, "error": "bad_request", "message": sentence(error.messages)}, 400


@control.get("/sandbox/incidents")
def incidents() -> Json:
    """Return every incident held, sorted by reference_id."""
    return {"incidents": current().store.incidents()}


@control.get("/sandbox/incidents/<path:reference_id>")
def incident(reference_id: str) -> Json:
    """Return one incident, or 404."""
    found = current().store.incident(reference_id)
    return found or abort(404, f"No incident {reference_id} is held.")


@control.get("/sandbox/calls")
def calls() -> Json:
    """Return the calls that ended after number `after`, of one `reference_id` if given, and the counts."""
    return current().store.calls(**_CALLS.load(request.args))


@control.get("/sandbox/faults")
def faults() -> Json:
    """Return the faults that are on, each with what is left of its `times`."""
    return {"faults": current().faults.shown()}


@control.put("/sandbox/faults")
def put_faults() -> Json:
    """Replace all faults by a JSON list, whatever Content-Type curl gives it; 400 changes nothing."""
    current().faults.put(load_faults(_received()))
    return faults()


@control.delete("/sandbox/faults")
def delete_faults() -> Json:
    """Switch all faults off."""
    current().faults.put([])
    return faults()


@control.get("/sandbox/catalog")
def catalog() -> Json:
    """Return the entities of the software catalog, in the order in which they are listed."""
    return {"entities": current().catalog.entities}


@control.put("/sandbox/catalog")
def put_catalog() -> Json:
    """Replace the software catalog by a JSON list of entities; 400 changes nothing."""
    current().catalog = Catalog(load_entities(_received()))
    return catalog()


@control.post("/sandbox/reset")
def reset() -> Json:
    """Forget everything, faults included."""
    current().reset()
    return {"ok": True}


@control.get("/")
def page() -> Response:
    """Show all of it to people."""
    sandbox = current()
    response = Response(render_template("sandbox.html", **view(sandbox.store, sandbox.faults)))
    # What it shows came in from outside.
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


def _received() -> Any:
    try:
        return parse(request.get_data())
    except ValueError as error:
        abort(400, f"The body is not JSON: {error}.")
