"""GET /api/v1/openapi.json: every route with its answers, put together from the routes and the schemas."""

from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from inspect import cleandoc
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, current_app
from flask.typing import ResponseReturnValue
from marshmallow import Schema
from werkzeug.routing import AnyConverter, Rule

from app.settings import Settings
from app.web import api_answers as answers
from app.web import api_schemas as given
from app.web.access import API
from app.web.api import Reference, RowId

blueprint = Blueprint("openapi", __name__, url_prefix=API)
JSON = "application/json"


@blueprint.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    """Show this description of the routes, as OpenAPI 3.1."""
    described: dict[str, Any] = current_app.extensions["openapi"]
    return described
