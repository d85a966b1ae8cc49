"""Whether a webhook is authentic: signatures and tokens, pure, compared in constant time on bytes."""

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol


class Headers(Protocol):
    """A request's headers; their names in any case."""

    def get(self, name: str, default: str, /) -> str:
        """Return a header's value."""


_PIECE = 2000
"""Bytes: from 2,048 on hashlib lets other threads run, and coming back costs more than the digest."""

Verifier = Callable[[Headers, bytes, Iterable[bytes]], bool]
"""(headers, raw body, secrets) -> authentic."""


def signature_v1(headers: Headers, body: bytes, secrets: Iterable[bytes]) -> bool:
    """PagerDuty: `X-PagerDuty-Signature: v1=<hex>[,v1=<hex>…]`, HMAC-SHA256 of the raw body.

    The key is the secret's own bytes (it looks like base64 and is not). During a rotation there is
    one signature per active secret; any match counts. Source: PagerDuty developer docs, "Signatures".
    """
    sent = headers.get("X-PagerDuty-Signature", "").split(",")
    given = [_bytes(part.strip()[3:]) for part in sent if part.strip().startswith("v1=")]
    return _any_equal(given, [_digest(body, secret).encode() for secret in secrets])


def hub_signature(headers: Headers, body: bytes, secrets: Iterable[bytes]) -> bool:
    """Jira: `X-Hub-Signature: sha256=<hex>`, HMAC-SHA256 of the raw body.

    Only webhooks that an administrator gave a secret are signed so; those of apps carry a JWT instead.
    """
    method, _, signature = headers.get("X-Hub-Signature", "").strip().partition("=")
    given = [_bytes(signature)] if method == "sha256" else []
    return _any_equal(given, [_digest(body, secret).encode() for secret in secrets])


def token(headers: Headers, body: bytes, secrets: Iterable[bytes]) -> bool:  # noqa: ARG001
    """Opsgenie and JSM: a shared token as a bearer, as `X-Webhook-Token`, or as basic auth's password.

    The vendor signs nothing; a custom header on the integration is all it offers.
    """
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    given = [_bytes(headers.get("X-Webhook-Token", ""))]
    if scheme.lower() == "bearer":
        given.append(_bytes(credentials.strip()))
    if scheme.lower() == "basic":
        given.append(_password(credentials))
    return _any_equal(given, secrets)


def sign_v1(body: bytes, secret: bytes) -> dict[str, str]:
    """Return the headers that PagerDuty would sign `body` with."""
    return {"X-PagerDuty-Signature": f"v1={_digest(body, secret)}"}


def sign_hub(body: bytes, secret: bytes) -> dict[str, str]:
    """Return the headers that Jira would sign `body` with."""
    return {"X-Hub-Signature": f"sha256={_digest(body, secret)}"}


def sign_token(body: bytes, secret: bytes) -> dict[str, str]:  # noqa: ARG001
    """Return the headers that carry a shared token."""
    return {"X-Webhook-Token": secret.decode()}


VERIFIERS: dict[str, Verifier] = {
    "pagerduty": signature_v1,
    "opsgenie": token,
    "jsm": token,
    "jira": hub_signature,
}
SIGNERS = {"pagerduty": sign_v1, "opsgenie": sign_token, "jsm": sign_token, "jira": sign_hub}


def _digest(body: bytes, secret: bytes) -> str:
    made = _keyed(secret).copy()
    for start in range(0, len(body), _PIECE):
        made.update(body[start : start + _PIECE])
    return made.hexdigest()


@lru_cache
def _keyed(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")


def _any_equal(given: Iterable[bytes], expected: Iterable[bytes]) -> bool:
    """Compare each with each, without stopping at the first match."""
    wanted = list(expected)
    return sum(hmac.compare_digest(one, other) for one in given for other in wanted) > 0


def _bytes(header: str) -> bytes:
    """Return a header's bytes: WSGI hands them over decoded as Latin-1."""
    return header.encode("latin-1", "replace")


def _password(credentials: str) -> bytes:
    try:
        return b64decode(_bytes(credentials.strip()), validate=True).partition(b":")[2]
    except Base64Error:
        return b""
