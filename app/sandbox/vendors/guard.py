"""Who may ask a vendor, its faults and limits, its clock, and the log of requests."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.http import http_date

from app.sandbox.connection import BrokenOff
from app.sandbox.vendors.edge import Problem, here, reply
from app.sandbox.vendors.failures import Failure
from app.sandbox.vendors.limits import Allowance
from app.sandbox.vendors.settings import Settings

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Manners:
    """How a vendor knows its customer, words a problem, and tells what its limit leaves."""

    knows: Callable[[Settings], bool]
    word: Callable[[Problem], Any]
    meter: Callable[[Allowance], dict[str, str]]
    stranger: Problem
    too_many: Problem


def guarded(name: str, manners: Manners) -> Blueprint:
    """Return a blueprint at `/<name>` whose requests are all admitted, metered and logged."""
    blueprint = Blueprint(name, __name__, url_prefix=f"/{name}")
    blueprint.before_request(partial(_admit, manners))
    blueprint.after_request(partial(_finish, manners))
    blueprint.register_error_handler(Problem, partial(_worded, manners))
    blueprint.add_url_rule("/<path:rest>", "unknown", _unknown, methods=METHODS)
    return blueprint


def _admit(manners: Manners) -> Response | None:
    vendor = here()
    if vendor.settings.latency:
        vendor.sleep(vendor.settings.latency)
    with vendor.lock:
        failure = vendor.failures.pick(request.method, _path())
        if failure:
            return _failed(manners, failure)
        if not manners.knows(vendor.settings):
            return _worded(manners, manners.stranger)
        g.allowance = vendor.limiter.take(vendor.settings.rate)
    return _worded(manners, manners.too_many) if g.allowance.refused else None


def _finish(manners: Manners, response: Response) -> Response:
    vendor = here()
    if "allowance" in g:
        response.headers.update(manners.meter(g.allowance))
    # A server sends a Date of its own, which is right unless the vendor's clock is to differ.
    if vendor.settings.clock_offset or "werkzeug.socket" not in request.environ:
        response.headers["Date"] = http_date(vendor.now() / 1000)
    status = None if isinstance(response.response, BrokenOff) else response.status_code
    with vendor.lock:
        query = request.query_string.decode("latin-1")
        vendor.journal.add(_rule(), request.method, _path(), query, status)
    return response


def _failed(manners: Manners, failure: Failure) -> Response:
    if failure.cut:
        return Response(BrokenOff(request.environ.get("werkzeug.socket")))
    if failure.page:
        return Response(failure.page, failure.status, failure.headers, mimetype="text/html")
    response = _worded(manners, Problem(failure.status, "A fault that was switched on in the sandbox."))
    response.headers.update(failure.headers)
    return response


def _worded(manners: Manners, problem: Problem) -> Response:
    return reply(manners.word(problem), problem.status)


def _unknown(rest: str) -> Response:
    raise Problem(404, f"There is no {request.method} /{rest}.", 2100)


def _path() -> str:
    return request.path.removeprefix(f"/{request.blueprint}")


def _rule() -> str:
    if request.url_rule is None or request.endpoint == f"{request.blueprint}.unknown":
        return _path()
    return request.url_rule.rule.removeprefix(f"/{request.blueprint}")
