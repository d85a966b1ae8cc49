"""The blueprints of all vendors, their routes included."""

from app.sandbox.vendors import jira, jsm, log_entries, subscriptions  # noqa: F401  for their routes
from app.sandbox.vendors.atlassian import atlassian
from app.sandbox.vendors.control import control
from app.sandbox.vendors.opsgenie import opsgenie
from app.sandbox.vendors.pagerduty import pagerduty

BLUEPRINTS = (pagerduty, opsgenie, atlassian, control)
