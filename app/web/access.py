"""Bearer tokens of the operator's routes."""

import hmac

from flask import Request

from app.errors import Refusal
from app.settings import Secret


def require(request: Request, token: Secret | None) -> None:
    """Raise Refusal unless the request carries `token` as its bearer; without a token there is no route."""
    if token is None:
        raise Refusal(404, "not_found", "There is nothing here.")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), token.reveal().encode())
    if scheme.lower() != "bearer" or not same:
        raise Refusal(401, "unauthorized", "Send the token as `Authorization: Bearer …`.")
