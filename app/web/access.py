"""Bearer tokens of the operator's routes."""

import hmac

from flask import Flask, Request, request

from app.errors import Refusal
from app.secret import Secret
from app.settings import Settings

API = "/api/v1"


def init(app: Flask, settings: Settings) -> None:
    """Guard everything below `/api/v1`, whether there is such a route or not; to be called before others hook in.

    A cookie counts for nothing here, so no other site's page can act with a browser's sign-in.
    """

    @app.before_request
    def guard() -> None:
        if f"{request.path}/".startswith(f"{API}/"):
            require(request, settings.admin_token)


def require(request: Request, token: Secret | None) -> None:
    """Raise Refusal unless the request carries `token` as its bearer; without a token there is no route."""
    if token is None:
        raise Refusal(404, "not_found", "There is nothing here.")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), token.reveal().encode())
    if scheme.lower() != "bearer" or not same:
        raise Refusal(401, "unauthorized", "Send the token as `Authorization: Bearer …`.")
