"""Sign-in with BRIDGE_ADMIN_TOKEN: a signed, expiring cookie, one-time links, a check on every act."""

import hmac
import secrets
from collections import OrderedDict
from hashlib import sha256
from threading import Lock

from flask import Flask, Request, Response, session
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadData, URLSafeTimedSerializer

from app.clock import Clock
from app.secret import Secret

HOURS = 12
LINK_SECONDS = 900
_FREE_TRIES, _LONGEST_WAIT, _CLIENTS = 5, 300.0, 10_000
_MOST_DOUBLINGS = 10


def key_of(token: Secret, purpose: str) -> str:
    """Return a key that follows from the admin token: another token ends every session."""
    return hmac.new(token.reveal().encode(), f"dx-bridge {purpose}".encode(), sha256).hexdigest()


class SessionInterface(SecureCookieSessionInterface):
    """A cookie that browsers keep to themselves, and to TLS wherever the request came by it."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        """Tell whether the request came by TLS, here or at the proxy in front."""
        from flask import request  # noqa: PLC0415 - of this request

        return request.is_secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def prepare(app: Flask, token: Secret) -> None:
    """Set the application up for sessions."""
    app.secret_key = key_of(token, "session")
    app.session_interface = SessionInterface()
    app.config.update(
        SESSION_COOKIE_NAME="dx-bridge",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=HOURS * 3600,
        SESSION_REFRESH_EACH_REQUEST=False,
    )


def is_token(given: str, token: Secret) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.strip().encode(), token.reveal().encode())


def begin() -> None:
    """Begin a session."""
    session.clear()
    session.permanent = True
    session["in"], session["csrf"] = True, secrets.token_urlsafe(24)


def is_signed_in() -> bool:
    """Whether the request carries a valid session."""
    return session.get("in") is True


def is_meant(request: Request) -> bool:
    """Whether a form was sent from a page of this session: it carries the session's own word."""
    given, own = request.form.get("csrf", ""), session.get("csrf", "")
    return bool(own) and hmac.compare_digest(given.encode(), own.encode())


def one_time_link(base_url: str, token: Secret) -> str:
    """Return a link that signs in once, within a quarter of an hour."""
    return f"{base_url}/sign-in/{_links(token).dumps(secrets.token_urlsafe(16))}"


def nonce_of(link: str, token: Secret) -> str | None:
    """Return what tells a valid link from others; None for a forged or old one."""
    try:
        nonce: str = _links(token).loads(link, max_age=LINK_SECONDS)
    except BadData:
        return None
    return nonce


def _links(token: Secret) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(key_of(token, "link"))


class Brake:
    """Slows failed sign-ins down: after a few, a client waits twice as long each time, up to five minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, Lock()
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Return for how many seconds this client has to wait; 0 if it may try."""
        with self._lock:
            _, until = self._failed.get(client, (0, 0.0))
        return max(0.0, until - self._clock.steady())

    def failed(self, client: str) -> None:
        """Note a failure."""
        with self._lock:
            failures = self._failed.pop(client, (0, 0.0))[0] + 1
            doublings = min(failures - _FREE_TRIES, _MOST_DOUBLINGS)
            wait = min(2.0**doublings, _LONGEST_WAIT) if doublings >= 0 else 0.0
            self._failed[client] = (failures, self._clock.steady() + wait)
            while len(self._failed) > _CLIENTS:
                self._failed.popitem(last=False)

    def succeeded(self, client: str) -> None:
        """Forget a client's failures."""
        with self._lock:
            self._failed.pop(client, None)


def secure(response: Response) -> Response:
    """Set the headers that keep a page to itself: nothing from elsewhere, in no frame, in no cache."""
    response.headers.update(
        {
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
            "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
    )
    response.headers.setdefault("Cache-Control", "no-store")
    return response
