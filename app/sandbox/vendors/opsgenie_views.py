"""Opsgenie's incidents, alerts, services and teams."""

import orjson
from flask import Response, request

from app.sandbox.vendors.alerts import ALERTS
from app.sandbox.vendors.edge import Problem, looking, reply
from app.sandbox.vendors.opsgenie import listed, opsgenie, single, took, with_incidents
from app.sandbox.vendors.store import PLACE
from app.sandbox.vendors.vendor import Vendor

_INCIDENTS = frozenset({"status", "impactedServices", "createdAt"})


@opsgenie.get("/v1/incidents")
@looking
def incidents(vendor: Vendor) -> Response:
    """List the incidents that a query finds."""
    with_incidents(vendor)
    return listed(vendor, "incidents", _INCIDENTS)


@opsgenie.get("/v1/incidents/<key>")
@looking
def incident(vendor: Vendor, key: str) -> Response:
    """Show one incident."""
    with_incidents(vendor)
    return single(vendor, "incidents", key)


@opsgenie.get("/v2/alerts")
@looking
def alerts(vendor: Vendor) -> Response:
    """List the alerts that a query finds, without their details."""
    return listed(vendor, "alerts", ALERTS)


@opsgenie.get("/v2/alerts/<key>")
@looking
def alert(vendor: Vendor, key: str) -> Response:
    """Show one alert, whole."""
    if request.args.get("identifierType", "id") != "id":
        raise Problem(422, "The sandbox knows alerts by id only")
    return single(vendor, "alerts", key)


@opsgenie.get("/v1/services")
@looking
def services(vendor: Vendor) -> Response:
    """List the services."""
    with_incidents(vendor)
    return listed(vendor, "services", frozenset())


@opsgenie.get("/v1/services/<key>")
@looking
def service(vendor: Vendor, key: str) -> Response:
    """Show one service."""
    with_incidents(vendor)
    return single(vendor, "services", key)


@opsgenie.get("/v2/teams")
@looking
def teams(vendor: Vendor) -> Response:
    """List all teams at once."""
    rows = vendor.records["teams"].between(PLACE)
    return reply({"data": [orjson.Fragment(row.raw) for row in rows]} | took())


@opsgenie.get("/v2/teams/<key>")
@looking
def team(vendor: Vendor, key: str) -> Response:
    """Show one team."""
    return single(vendor, "teams", key)
