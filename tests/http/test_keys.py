"""What tells one event from another: the vendor's id, else a digest of the redacted body."""

import orjson
import pytest

from tests.http.web import Site, opsgenie, pagerduty

SECRET = "echoed-secret-0123456789"
NO_IDS = [None, "", [], {}, 1.5, "x" * 2000, "caf\u00e9", "nul\u0000", "two\nlines", "\u202e"]


def statuses(site: Site, source: str, *bodies: dict | bytes) -> list[str]:
    return [site.post(source, body).get_json()["status"] for body in bodies]


def test_pagerduty_id_is_the_key(site: Site) -> None:
    """Two deliveries with one event.id are one event, whatever else differs in them."""
    told = statuses(site, "pagerduty", pagerduty("01ABC"), pagerduty("01ABC", title="Other"))
    assert told == ["accepted", "duplicate"]


def test_first_delivery_is_the_one_kept(site: Site) -> None:
    """A duplicate does not replace the body that is held."""
    statuses(site, "pagerduty", pagerduty("01ABC", title="First"), pagerduty("01ABC", title="Second"))
    assert [orjson.loads(event.body) for event in site.stored()] == [pagerduty("01ABC", title="First")]


def test_other_pagerduty_id_is_another_event(site: Site) -> None:
    """Two ids are two events, even of one incident at one moment."""
    assert statuses(site, "pagerduty", pagerduty("01ABC"), pagerduty("01ABD")) == ["accepted"] * 2


def test_numeric_pagerduty_id_is_the_key(site: Site) -> None:
    """An id that comes as a number is an id."""
    told = [site.post("pagerduty", pagerduty(4711, title=title)).get_json() for title in "ab"]
    assert told == [{"status": "accepted", "event_id": "4711"}, {"status": "duplicate", "event_id": "4711"}]


@pytest.mark.parametrize("identifier", NO_IDS, ids=lambda value: repr(value)[:12])
def test_digest_where_the_id_is_none(site: Site, identifier: object) -> None:
    """What cannot be an id tells no events apart; their bodies do."""
    one, other = pagerduty(identifier, title="One"), pagerduty(identifier, title="Other")
    assert statuses(site, "pagerduty", one, other, one) == ["accepted", "accepted", "duplicate"]


@pytest.mark.parametrize("identifier", [True, " ", "   "], ids=repr)
def test_digest_where_the_id_is_blank_or_a_truth_value(site: Site, identifier: object) -> None:
    """A truth value or blanks for an id do not make different events one."""
    one, other = pagerduty(identifier, title="One"), pagerduty(identifier, title="Other")
    assert statuses(site, "pagerduty", one, other) == ["accepted"] * 2


def test_digest_does_not_depend_on_the_order_of_keys(site: Site) -> None:
    """A body with its keys in another order, and other white space, is the same event."""
    one = b'{"action":"Close","alert":{"alertId":"a","message":"m"}}'
    other = b'{ "alert": {"message":"m", "alertId":"a"},\n "action": "Close" }'
    assert statuses(site, "opsgenie", one, other) == ["accepted", "duplicate"]


def test_digest_does_not_depend_on_echoed_headers(site: Site) -> None:
    """A repetition that echoes other headers, or none, is the same event."""
    bodies = opsgenie(headers={"X-Token": SECRET}), opsgenie(headers={"X-Token": "rotated"}), opsgenie()
    assert statuses(site, "opsgenie", *bodies) == ["accepted", "duplicate", "duplicate"]


def test_another_body_is_another_event(site: Site) -> None:
    """Two actions on one alert are two events."""
    assert statuses(site, "opsgenie", opsgenie("Create"), opsgenie("Close")) == ["accepted"] * 2


def test_order_in_lists_tells_events_apart(site: Site) -> None:
    """A list in another order is another body."""
    assert (
        statuses(site, "opsgenie", opsgenie(tags=["a", "b"]), opsgenie(tags=["b", "a"])) == ["accepted"] * 2
    )


def test_long_numbers_tell_events_apart(site: Site) -> None:
    """Bodies that differ in the last digit of a long number are two events."""
    bodies = [b'{"alert":{"alertId":"a","updatedAt":1234567890123456789%d}}' % digit for digit in (10, 11)]
    assert statuses(site, "opsgenie", *bodies) == ["accepted"] * 2


def test_sources_do_not_share_keys(site: Site) -> None:
    """One body at two sources is two events."""
    assert site.post("opsgenie", opsgenie()).status_code == 202
    assert site.post("jsm", opsgenie()).status_code == 202


@pytest.mark.parametrize("source", ["opsgenie", "jsm"])
@pytest.mark.parametrize(
    "headers",
    [
        b'"headers": {"Authorization": "%s"}',
        b'"headers": "%s"',
        b'"headers": [{"name": "t", "value": "%s"}]',
        b'"h\\u0065aders": {"t": "%s"}',
        b'"headers": {"t": "%s"}, "headers": null',
    ],
)
def test_echoed_headers_are_not_kept(site: Site, source: str, headers: bytes) -> None:
    """Headers that the vendor echoes in the body do not reach the disk; the rest does."""
    raw = b'{"action": "Close", %s, "alert": {"alertId": "a"}}' % headers.replace(b"%s", SECRET.encode())
    assert site.post(source, raw).status_code == 202
    [event] = site.stored()
    assert SECRET.encode() not in event.body
    assert orjson.loads(event.body) == {"action": "Close", "alert": {"alertId": "a"}}


def test_database_file_never_sees_echoed_headers(site: Site) -> None:
    """No file beside the database, its log included, holds an echoed secret."""
    site.post("opsgenie", opsgenie(headers={"X-Token": SECRET}))
    files = [path.read_bytes() for path in site.path.parent.glob("bridge.db*")]
    assert not any(SECRET.encode() in content for content in files)


def test_pagerduty_bodies_are_not_redacted(site: Site) -> None:
    """A PagerDuty body keeps a key named headers: nothing is echoed there."""
    body = {**pagerduty("01ABC"), "headers": {"kept": "yes"}}
    site.post("pagerduty", body)
    assert [orjson.loads(event.body) for event in site.stored()] == [body]
