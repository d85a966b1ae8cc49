"""The blueprints of all vendors, their routes included."""

from app.sandbox.vendors import (  # noqa: F401  for their routes
    incidents,
    jira,
    jsm,
    log_entries,
    opsgenie_views,
    subscriptions,
)
from app.sandbox.vendors.atlassian import atlassian
from app.sandbox.vendors.control import control
from app.sandbox.vendors.opsgenie import opsgenie
from app.sandbox.vendors.pagerduty import pagerduty

BLUEPRINTS = (pagerduty, opsgenie, atlassian, control)
