"""The tester's side of the vendors. No token: keep it on a loopback address."""

import orjson
from flask import Blueprint, abort, current_app, request
from marshmallow import ValidationError

from app.sandbox.body import sentence
from app.sandbox.vendors.edge import number
from app.sandbox.vendors.store import Json
from app.sandbox.vendors.vendor import Vendor

control = Blueprint("vendors", __name__, url_prefix="/sandbox/vendors")


@control.errorhandler(ValueError)
@control.errorhandler(ValidationError)
def bad_input(error: Exception) -> tuple[Json, int]:
    """Answer 400 in words."""
    message = sentence(error.messages) if isinstance(error, ValidationError) else str(error)
    return {"ok": False, "error": "bad_request", "message": message}, 400


@control.get("/<name>")
def show(name: str) -> Json:
    """Return the counts of records and requests, and the requests after number `after`."""
    return _vendor(name).shown(number("after", 0))


@control.put("/<name>")
def put(name: str) -> Json:
    """Replace a vendor's world by a JSON object, and forget the requests; 400 changes nothing."""
    vendor = _vendor(name)
    vendor.put(orjson.loads(request.get_data()))
    return vendor.counts()


@control.patch("/<name>")
def patch(name: str) -> Json:
    """Change records by id, and settings; 400 changes nothing."""
    vendor = _vendor(name)
    vendor.patch(orjson.loads(request.get_data()))
    return vendor.counts()


@control.delete("/<name>")
def empty(name: str) -> Json:
    """Forget a vendor's world, its settings and the requests."""
    vendor = _vendor(name)
    vendor.put({})
    return vendor.counts()


@control.delete("/<name>/<kind>/<path:key>")
def drop(name: str, kind: str, key: str) -> Json:
    """Delete one record, or 404."""
    if not _vendor(name).drop(kind, key):
        abort(404, f"No {key} is among the {kind}.")
    return {"ok": True}


def _vendor(name: str) -> Vendor:
    vendor: Vendor | None = current_app.extensions["sandbox"].vendors.get(name)
    return vendor or abort(404, f"There is no vendor {name}.")
