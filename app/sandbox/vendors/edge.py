"""What all vendors' views share: the vendor, its lock, answers and problems."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import orjson
from flask import Response, current_app, request

from app.sandbox.vendors.vendor import Vendor


class Problem(Exception):  # noqa: N818  an answer, not a defect
    """An answer that is not 2xx; `code` is PagerDuty's."""

    def __init__(self, status: int, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


def here() -> Vendor:
    """Return the vendor that this request asks."""
    sandbox = current_app.extensions["sandbox"]
    return cast("Vendor", sandbox.vendors.get(request.blueprint))


def reply(body: Any, status: int = 200) -> Response:
    """Return JSON."""
    return Response(orjson.dumps(body), status, mimetype="application/json")


def looking(view: Callable[..., Response]) -> Callable[..., Response]:
    """Give a view the vendor as its first argument, and the vendor's lock while it runs."""

    @wraps(view)
    def locked(**arguments: str) -> Response:
        vendor = here()
        with vendor.lock:
            return view(vendor, **arguments)

    return locked


def number(name: str, default: int, least: int = 0) -> int:
    """Return a whole number of the query; ValueError if it is none, or too small."""
    text = request.args.get(name)
    value = default if text is None else int(text)
    if value < least:
        raise ValueError(f"{name} must be at least {least}")
    return value
