"""How api.atlassian.com is entered: by e-mail and token, and by the id of a site."""

from flask import request

from app.sandbox.vendors.edge import Problem
from app.sandbox.vendors.guard import Manners, guarded
from app.sandbox.vendors.limits import Allowance
from app.sandbox.vendors.settings import Settings
from app.sandbox.vendors.store import Json
from app.sandbox.vendors.vendor import Vendor


def _knows(settings: Settings) -> bool:
    given = request.authorization
    return given is not None and (given.username, given.password) == (settings.email, settings.token)


def _word(problem: Problem) -> Json:
    if request.path.startswith("/atlassian/ex/jira/") and problem.status != 401:
        return {"errorMessages": [problem.message], "errors": {}}
    return {"code": problem.status, "message": problem.message}


def _meter(allowance: Allowance) -> dict[str, str]:
    return {"Retry-After": str(allowance.reset)} if allowance.refused else {}


atlassian = guarded(
    "atlassian",
    Manners(_knows, _word, _meter, Problem(401, "Unauthorized"), Problem(429, "Rate limit exceeded")),
)


def of_site(vendor: Vendor, cloud: str) -> None:
    """Refuse another site's id."""
    if cloud != vendor.settings.cloud_id:
        raise Problem(404, "No site has this id")
