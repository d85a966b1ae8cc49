"""A request with several faults is answered for the first of them, in the contract's order."""

import sqlite3
from collections.abc import Callable

import orjson
import pytest

from app.verify import sign_v1
from tests.harness import SECRETS
from tests.http.web import Site, pagerduty, refusal

ORDER = [
    (404, "unknown_source"),
    (503, "no_secret"),
    (413, "too_large"),
    (401, "not_authentic"),
    (415, "unsupported_type"),
    (400, "not_json"),
    (503, "no_commit"),
]


def faulty(first: int) -> tuple[str, bytes, dict[str, str]]:
    """Return source, body and headers of a request with the faults from ORDER[first] to the end."""
    source = "nosuch" if first == 0 else "jsm" if first == 1 else "pagerduty"
    body = b"[" if first <= 5 else orjson.dumps(pagerduty("01ABC"))
    body += b" " * (1024 * 1024 if first <= 2 else 0)
    headers = {} if first <= 3 else sign_v1(body, SECRETS["pagerduty"][1].encode())
    headers["Content-Type"] = "application/x-www-form-urlencoded" if first <= 4 else "application/json"
    return source, body, headers


@pytest.mark.parametrize("first", range(len(ORDER)), ids=[code for _, code in ORDER])
def test_first_fault_wins(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], lock: sqlite3.Connection, first: int
) -> None:
    """Of all the faults from one in the list to its end, the one that stands first is answered."""
    environment.delenv("JSM_WEBHOOK_TOKENS")
    source, body, headers = faulty(first)
    response = build().client.post(f"/webhooks/{source}", data=body, headers=headers)
    assert refusal(response) == ORDER[first]


@pytest.mark.parametrize("first", range(2))
def test_body_is_not_waited_for(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], database: object, first: int
) -> None:
    """A source that is unknown or has no secret is refused without its body being read."""

    class Unread:
        def read(self, *_: object) -> bytes:
            pytest.fail("the body was read")

    environment.delenv("JSM_WEBHOOK_TOKENS")
    overrides = {"wsgi.input": Unread(), "CONTENT_LENGTH": "10"}
    source, _, headers = faulty(first)
    response = build().client.post(f"/webhooks/{source}", headers=headers, environ_overrides=overrides)
    assert refusal(response) == ORDER[first]


def test_reject_with_503_keeps_its_place(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], lock: sqlite3.Connection
) -> None:
    """REJECT_WITH changes the status of a wrong signature and not its place in the order."""
    environment.setenv("REJECT_WITH", "503")
    source, body, headers = faulty(3)
    response = build().client.post(f"/webhooks/{source}", data=body, headers=headers)
    assert refusal(response) == (503, "not_authentic")


def test_duplicate_is_found_after_verification(site: Site) -> None:
    """An event that is held already is no reason to answer a stranger."""
    site.post("pagerduty", pagerduty("01ABC"))
    response = site.client.post("/webhooks/pagerduty", json=pagerduty("01ABC"))
    assert refusal(response) == (401, "not_authentic")
