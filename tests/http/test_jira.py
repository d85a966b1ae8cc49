"""POST /webhooks/jira: signatures as Jira makes them, and what tells one delivery from another."""

import hashlib
import hmac
import json
from collections.abc import Callable

import orjson
import pytest
from werkzeug.test import TestResponse

from tests.harness import SECRETS
from tests.http.web import Site, refusal

SECRET = SECRETS["jira"][1]
ONE, OTHER = "b1f7a1c0-0000-4000-8000-000000000001", "b1f7a1c0-0000-4000-8000-000000000002"
NO_IDENTIFIERS = ["", " ", "x" * 201, "caf\u00e9", "tab\there"]


def issue(event: str = "jira:issue_created", **fields: object) -> dict:
    """Return a webhook about an issue."""
    told = {"issuetype": {"name": "Incident"}, "created": "2026-01-02T03:04:05.000+0000", **fields}
    about = {"id": "10412", "key": "OPS-412", "fields": told}
    return {"timestamp": 1_767_323_045_000, "webhookEvent": event, "issue": about}


def post(site: Site, body: dict, identifier: str | None = None, **headers: str) -> TestResponse:
    """Post an authentic webhook as Jira's delivery of this identifier."""
    named = {} if identifier is None else {"X_Atlassian_Webhook_Identifier": identifier}
    return site.post("jira", body, **named, **headers)


def signature(body: bytes, secret: str = SECRET, method: str = "sha256") -> str:
    """Return the header that Jira would send, worked out anew."""
    return f"{method}={hmac.new(secret.encode(), body, method).hexdigest()}"


def send(site: Site, body: bytes, **headers: str) -> TestResponse:
    """Post a body with exactly these headers."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.client.post("/webhooks/jira", data=body, headers=given)


def digest(body: dict) -> str:
    """Return a body's digest: SHA-256 of it with its keys in order."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


# What is accepted


def test_a_signed_issue_is_accepted_and_kept_as_it_came(site: Site) -> None:
    """A body signed with the secret is answered 202 and stored byte by byte."""
    raw = b'{"issue": {"id" : "10412"},\n "webhookEvent":"jira:issue_deleted"}'
    response = send(site, raw, X_Hub_Signature=signature(raw))
    assert (response.status_code, response.get_json()["status"]) == (202, "accepted")
    assert [(event.source, event.body) for event in site.stored()] == [("jira", raw)]


@pytest.mark.parametrize("event", ["jira:issue_deleted", "comment_created", "something:new", 7])
def test_whatever_is_authentic_is_accepted(site: Site, event: object) -> None:
    """Deletions, events that are of no interest and unknown ones are kept alike."""
    assert post(site, issue() | {"webhookEvent": event}).status_code == 202
    assert len(site.stored()) == 1


def test_any_of_several_secrets_will_do(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], database: object
) -> None:
    """While a secret is changed, bodies signed with the old one and with the new one are authentic."""
    fresh = "fresh-jira-secret-0123456789"
    environment.setenv("JIRA_WEBHOOK_SECRETS", f"{SECRET},{fresh}")
    site = build()
    for secret in (SECRET, fresh):
        raw = orjson.dumps(issue(summary=secret))
        assert send(site, raw, X_Hub_Signature=signature(raw, secret)).status_code == 202


# What tells deliveries apart


def test_the_key_is_the_identifier_and_the_digest(site: Site) -> None:
    """An event is known by what Jira calls its delivery together with the digest of its body."""
    told = post(site, issue(), ONE).get_json()
    assert told == {"status": "accepted", "event_id": f"{ONE}:{digest(issue())}"}
    assert [event.key for event in site.stored()] == [told["event_id"]]


def test_a_repeated_delivery_is_a_duplicate(site: Site) -> None:
    """Jira's next try of a delivery has its identifier and body: 200, and nothing new is kept."""
    first = post(site, issue(), ONE).get_json()
    again = post(site, issue(), ONE, X_Atlassian_Webhook_Retry="1")
    assert (again.status_code, again.get_json()) == (200, first | {"status": "duplicate"})
    assert len(site.stored()) == 1


def test_two_identifiers_with_one_body_are_two_events(site: Site) -> None:
    """Jira may say the same thing twice: two deliveries are two events."""
    assert [post(site, issue(), name).status_code for name in (ONE, OTHER)] == [202, 202]
    assert len(site.stored()) == 2


def test_one_identifier_with_two_bodies_is_two_events(site: Site) -> None:
    """The identifier is not signed: nobody can have a body taken for another that was delivered before."""
    bodies = issue(summary="One"), issue(summary="Other")
    assert [post(site, body, ONE).status_code for body in bodies] == [202, 202]
    assert [orjson.loads(event.body) for event in site.stored()] == [*bodies]


def test_without_an_identifier_the_digest_is_the_key(site: Site) -> None:
    """An automation names no delivery: its body alone tells, whatever the order of its keys."""
    body = issue()
    first = post(site, body)
    again = post(site, dict(reversed(body.items())))
    assert (first.status_code, first.get_json()["event_id"]) == (202, digest(body))
    assert (again.status_code, again.get_json()["event_id"]) == (200, digest(body))


@pytest.mark.parametrize("identifier", NO_IDENTIFIERS, ids=lambda text: ascii(text)[:12])
def test_what_cannot_be_an_identifier_is_passed_over(site: Site, identifier: str) -> None:
    """A header that is blank, too long or not plain ASCII leaves the digest for a key."""
    assert post(site, issue(), identifier).get_json()["event_id"] == digest(issue())


def test_only_jira_names_its_deliveries(site: Site) -> None:
    """The header of a delivery means nothing at another vendor's route."""
    body = {"action": "Close", "alert": {"alertId": "a"}}
    told = [site.post("opsgenie", body, X_Atlassian_Webhook_Identifier=name) for name in (ONE, OTHER)]
    assert [response.status_code for response in told] == [202, 200]


# What is refused


RAW = orjson.dumps(issue())
WRONG = {
    "none": {},
    "empty": {"X_Hub_Signature": ""},
    "no method": {"X_Hub_Signature": signature(RAW).removeprefix("sha256=")},
    "no digest": {"X_Hub_Signature": "sha256="},
    "another method": {"X_Hub_Signature": signature(RAW, method="sha1")},
    "a method misnamed": {"X_Hub_Signature": signature(RAW).replace("sha256", "sha1")},
    "another secret": {"X_Hub_Signature": signature(RAW, "another-secret-0123456789")},
    "an empty secret": {"X_Hub_Signature": signature(RAW, "")},
    "another body": {"X_Hub_Signature": signature(RAW + b" ")},
    "cut": {"X_Hub_Signature": signature(RAW)[:-1]},
    "too long": {"X_Hub_Signature": signature(RAW) + "0"},
    "not ASCII": {"X_Hub_Signature": "sha256=caf\u00e9"},
    "the secret itself": {"X_Hub_Signature": f"sha256={SECRET}"},
    "a token": {"Authorization": f"Bearer {SECRET}", "X_Webhook_Token": SECRET},
    "another vendor's": {"X_PagerDuty_Signature": signature(RAW).replace("sha256", "v1")},
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_a_wrong_signature_is_refused(site: Site, headers: dict[str, str]) -> None:
    """A signature that is missing, malformed or wrong is 401, and nothing is kept."""
    assert refusal(send(site, RAW, **headers)) == (401, "not_authentic")
    assert site.stored() == []


def test_the_right_signature_for_the_same_body_is_accepted(site: Site) -> None:
    """The body that is refused with wrong signatures is accepted with the right one."""
    assert send(site, RAW, X_Hub_Signature=signature(RAW)).status_code == 202


def test_a_duplicate_has_to_be_authentic_too(site: Site) -> None:
    """Whether an event is held is told to nobody but who can sign it."""
    post(site, issue(), ONE)
    assert refusal(send(site, RAW, X_Atlassian_Webhook_Identifier=ONE))[0] == 401


def test_without_a_secret_jira_tries_again(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], database: object
) -> None:
    """Without JIRA_WEBHOOK_SECRETS nothing is authentic: 503 with Retry-After, and the variable's name."""
    environment.delenv("JIRA_WEBHOOK_SECRETS")
    response = send(build(), RAW, X_Hub_Signature=signature(RAW))
    assert (refusal(response)[0], "Retry-After" in response.headers) == (503, True)
    assert "JIRA_WEBHOOK_SECRETS" in response.get_json()["message"]


def test_repairing_a_secret_costs_no_event(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], database: object
) -> None:
    """With REJECT_WITH=503 Jira, which repeats after 5xx and not after 401, delivers again."""
    environment.setenv("REJECT_WITH", "503")
    response = send(build(), RAW, X_Hub_Signature=signature(RAW, "another-secret-0123456789"))
    assert (refusal(response), "Retry-After" in response.headers) == ((503, "not_authentic"), True)
