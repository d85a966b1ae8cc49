"""GET /api/v1/openapi.json: every route with its answers, put together from the routes and the schemas."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, current_app
from flask.typing import ResponseReturnValue
from werkzeug.routing import Rule

from app.settings import Settings
from app.version import VERSION
from app.web.access import API
from app.web.answers import At, Error
from app.web.api import Reference
from app.web.api_schemas import Moment, RedeliverSelection
from app.web.described import ROUTES, Described

blueprint = Blueprint("openapi", __name__, url_prefix=API)
_JSON = "application/json"
_SCHEMES = {
    "adminToken": {"type": "http", "scheme": "bearer", "description": "BRIDGE_ADMIN_TOKEN"},
    "metricsToken": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN, where it is set"},
    "pagerdutySignature": {"type": "apiKey", "in": "header", "name": "X-PagerDuty-Signature"},
    "jiraSignature": {"type": "apiKey", "in": "header", "name": "X-Hub-Signature"},
    "webhookToken": {"type": "apiKey", "in": "header", "name": "X-Webhook-Token"},
    "webhookBearer": {"type": "http", "scheme": "bearer"},
    "webhookPassword": {"type": "http", "scheme": "basic"},
}
_ARGUMENT = re.compile(r"<(?:(?P<kind>\w+)(?:\((?P<words>[^)]*)\))?:)?(?P<name>\w+)>")
_OF_KIND: Mapping[str | None, dict[str, Any]] = {
    "reference": {"type": "string", "minLength": 1, "pattern": Reference.PATTERN},
    "row": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
}
_OF_WEBHOOKS = ("pagerdutySignature", "jiraSignature", "webhookToken", "webhookBearer", "webhookPassword")


@blueprint.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    """Show this description of the routes, as OpenAPI 3.1."""
    extensions = current_app.extensions
    if "openapi" not in extensions:
        extensions["openapi"] = describe(current_app, extensions["settings"])
    described: dict[str, Any] = extensions["openapi"]
    return described


def describe(app: Flask, settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    marshmallow = MarshmallowPlugin()
    spec = APISpec("dx-incident-bridge", VERSION, "3.1.0", plugins=[marshmallow])
    for field in (Moment, At):
        marshmallow.map_to_openapi_type(field, "string", "date-time")  # type: ignore[no-untyped-call]
    for name, scheme in _SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for rule in sorted(app.url_map.iter_rules(), key=str):
        if rule.endpoint in ROUTES:
            path, operations = _path(app, rule, settings)
            spec.path(path, operations=operations)
    document: dict[str, Any] = spec.to_dict()
    selection = document["components"]["schemas"][RedeliverSelection.__name__]
    selection["minProperties"] = 1
    selection["properties"]["source"]["enum"] = sorted(settings.sources)
    return document


def _path(app: Flask, rule: Rule, settings: Settings) -> tuple[str, dict[str, Any]]:
    """Return a rule's path as OpenAPI writes it, and its operations."""
    path = _ARGUMENT.sub(r"{\g<name>}", rule.rule)
    described = ROUTES[rule.endpoint]
    function = cleandoc(app.view_functions[rule.endpoint].__doc__ or "")
    summary, _, description = function.partition("\n")
    operation = {
        "tags": [described.tag],
        "operationId": rule.endpoint.replace(".", "_"),
        "summary": summary,
        "description": " ".join(description.split()),
        "security": _security(rule, settings),
        "parameters": [*_of_path(rule), *_of_query(described)],
        "responses": dict(_responses(described)),
        **_body(described),
    }
    methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return path, {method.lower(): operation for method in methods}


def _security(rule: Rule, settings: Settings) -> list[dict[str, list[str]]]:
    if rule.rule.startswith(API):
        return [{"adminToken": []}]
    if rule.rule.startswith("/webhooks/"):
        return [{name: []} for name in _OF_WEBHOOKS]
    return [{"metricsToken": []}] if rule.rule == "/metrics" and settings.metrics_token else []


def _of_path(rule: Rule) -> Iterator[dict[str, Any]]:
    for argument in _ARGUMENT.finditer(rule.rule):
        schema = _OF_KIND.get(argument["kind"], {"type": "string", "minLength": 1})
        if argument["words"]:
            schema = {"type": "string", "enum": argument["words"].split(", ")}
        yield {"name": argument["name"], "in": "path", "required": True, "schema": schema}


def _of_query(described: Described) -> list[dict[str, Any]]:
    return [{"in": "query", "schema": described.query}] if described.query else []


def _responses(described: Described) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, answer in {**dict.fromkeys(described.refused, Error), **described.answers}.items():
        told: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if isinstance(answer, str):
            told["content"] = {answer: {"schema": {"type": "string"}}}
        elif answer is not None:
            told["content"] = {_JSON: {"schema": answer}}
        yield str(status), told


def _body(described: Described) -> dict[str, Any]:
    if not described.body:
        return {}
    one, *others = described.body
    schema = {"oneOf": [one, *others]} if others else one
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": schema}}}}
