"""The sandbox as a Flask app."""

from typing import Any

from flask import Flask, Response, json
from werkzeug.exceptions import HTTPException

from app.sandbox.api import api, web_api
from app.sandbox.control import control
from app.sandbox.state import Sandbox
from app.sandbox.vendors.routes import BLUEPRINTS


def create_sandbox(token: str, seed: int | None = None, **world: Any) -> Flask:
    """Create a stand-in for DX, and for the vendors' REST APIs, that knows one token and holds nothing yet.

    `seed` makes the chances of faults repeatable. `world` replaces `clock` (() -> s, monotonic), `wall`
    (() -> s since the epoch), `sleep` (s) and `later` (s, function), as tests do.
    """
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["sandbox"] = Sandbox(token, seed, **world)
    app.register_blueprint(api)
    app.register_blueprint(web_api)
    app.register_blueprint(control)
    for vendor in BLUEPRINTS:
        app.register_blueprint(vendor)
    app.register_error_handler(HTTPException, _as_json)
    return app


def _as_json(error: HTTPException) -> Response:
    code = error.name.lower().replace(" ", "_")
    body = json.dumps({"ok": False, "error": code, "message": error.description})
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return Response(body, error.code, headers, mimetype="application/json")
