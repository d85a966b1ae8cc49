"""DX's side: the methods that the bridge calls, of the Data Cloud API and of the Web API.

DX has the Web API on a host of its own, without `/api`; here one host answers for both.
"""

from functools import partial

from flask import Blueprint, Response

from app.sandbox import schema
from app.sandbox.answers import Answer
from app.sandbox.calling import handle_call
from app.sandbox.catalog import LIST, Catalog
from app.sandbox.state import current
from app.sandbox.store import Call, Store

api = Blueprint("api", __name__, url_prefix="/api")
web_api = Blueprint("web_api", __name__)


@api.post("/incidents.upsert")
def upsert() -> Response:
    """Create an incident, or change what is held of it."""
    return handle_call("incidents.upsert", _upsert)


@api.post("/incidents.delete")
def delete() -> Response:
    """Delete an incident for good; `action` tells whether there was one."""
    return handle_call("incidents.delete", _delete)


@api.get("/customData.getAllByReference")
def custom_data() -> Response:
    """Answer with no custom data: the way to check a token without writing anything."""
    return handle_call("customData.getAllByReference", _custom_data)


@web_api.get("/catalog.entities.list")
def list_entities() -> Response:
    """List the software catalog, a page at a time."""
    # A call that is applied late has no request any more to find the catalog by.
    return handle_call("catalog.entities.list", partial(_list, current().catalog))


def _upsert(store: Store, call: Call) -> Answer:
    schema.check(schema.UPSERT, call.body)
    store.upsert(call)
    return Answer(200, {"ok": True})


def _delete(store: Store, call: Call) -> Answer:
    schema.check(schema.DELETE, call.body)
    action = "deleted" if store.delete(call) else "not_found"
    return Answer(200, {"ok": True, "action": action, "reference_id": call.body["reference_id"]})


def _custom_data(_: Store, call: Call) -> Answer:
    schema.check(schema.QUERY, call.body)
    return Answer(200, {"ok": True, "data": []})


def _list(catalog: Catalog, _: Store, call: Call) -> Answer:
    schema.check(LIST, call.body)
    return Answer(200, catalog.page(**LIST.load(call.body)))
