"""What DX's answers mean: the table of the contract, row by row, and `Retry-After` however it is written."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from json import dumps

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.answers import AUTH_ERRORS, Answer, classify, seconds

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 900.0
OK = b'{"ok": true}'
REFUSED = b'{"ok": false, "error": "invalid_timestamp", "message": "started_at is no time"}'
UNAUTHORISED = b'{"ok": false, "error": "invalid_auth"}'
PAGE = b"<html><title>502 Bad Gateway</title></html>"

NOT_DX = {
    "empty": b"",
    "a page": PAGE,
    "not UTF-8": b"\xff\xfe\x00",
    "a list": b'[{"ok": true}]',
    "a string": b'"ok"',
    "a number": b"1",
    "null": b"null",
    "an empty object": b"{}",
    "a proxy's object": b'{"message": "Service Unavailable"}',
    "ok as a text": b'{"ok": "true"}',
    "ok as a number": b'{"ok": 1}',
    "ok as null": b'{"ok": null}',
    "an error that is no text": b'{"error": {"code": 7}}',
    "cut in the middle": b'{"ok": true, "acti',
    "NaN": b'{"ok": true, "x": NaN}',
    "two objects": b'{"ok": true}{"ok": true}',
    "nested too deeply": b'{"ok":' + b"[" * 100_000,
}


def answer(status: int, body: bytes = b"", retry_after: str | None = None) -> Answer:
    """Classify an answer that arrives at NOW."""
    return classify(status, retry_after, body, NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_ok_true_confirms(status: int) -> None:
    """Any 2xx whose JSON object says that `ok` is true settles the document."""
    assert answer(status, OK) == Answer("confirmed", "ok", status=status)


def test_what_else_a_confirmation_says_does_not_matter() -> None:
    """A confirmation may carry other keys, an error among them."""
    body = b'{"ok": true, "action": "deleted", "error": "invalid_auth"}'
    assert answer(200, body).meaning == "confirmed"


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 422])
@pytest.mark.parametrize("body", NOT_DX.values(), ids=NOT_DX.keys())
def test_a_body_that_is_not_dx_speaking_means_not_now(status: int, body: bytes) -> None:
    """Without DX's JSON object nothing is known, whatever the status."""
    assert (answer(status, body).meaning, answer(status, body).code) == ("not_now", f"http_{status}")


@pytest.mark.parametrize("body", [b"", PAGE, OK, REFUSED, UNAUTHORISED])
@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 399, 408, 429, 500, 502, 503, 504, 599])
def test_a_status_that_asks_for_patience_means_not_now(status: int, body: bytes) -> None:
    """3xx, 408, 429 and 5xx are tried again, whatever DX's JSON says beside them."""
    assert (answer(status, body).meaning, answer(status, body).code) == ("not_now", f"http_{status}")


@pytest.mark.parametrize("status", [200, 400, 401, 403, 409, 422])
@pytest.mark.parametrize("code", sorted(AUTH_ERRORS))
def test_an_auth_error_is_no_incidents_fault(status: int, code: str) -> None:
    """DX's auth errors count by their code, whatever the status."""
    given = answer(status, dumps({"ok": False, "error": code}).encode())
    assert given == Answer("unauthorised", code, code, status)


def test_the_auth_errors_are_those_of_the_contract() -> None:
    """Three codes mean that the token, and no document, is refused."""
    assert {"not_authed", "invalid_auth", "account_inactive"} == AUTH_ERRORS


@pytest.mark.parametrize(
    ("body", "code"),
    [(b'{"ok": false}', "http_401"), (REFUSED, "invalid_timestamp"), (OK, "http_401")],
)
def test_a_401_in_dxs_json_is_no_incidents_fault(body: bytes, code: str) -> None:
    """HTTP 401 means the token, also under a code that is not known."""
    assert (answer(401, body).meaning, answer(401, body).code) == ("unauthorised", code)


@pytest.mark.parametrize("status", [200, 400, 403, 404, 409, 413, 422])
@pytest.mark.parametrize("code", ["invalid_arguments", "invalid_json", "metadata_invalid", "new_in_2027"])
def test_any_other_error_refuses_the_document(status: int, code: str) -> None:
    """A refusal in DX's JSON keeps its code, known or not, whatever the status."""
    body = dumps({"ok": False, "error": code, "message": "no"}).encode()
    assert answer(status, body) == Answer("refused", code, "no", status)


@pytest.mark.parametrize("body", [b'{"ok": false}', b'{"ok": false, "error": ["x"]}'])
def test_a_refusal_without_a_code_is_named_by_its_status(body: bytes) -> None:
    """`ok: false` alone refuses, too."""
    assert (answer(422, body).meaning, answer(422, body).code) == ("refused", "http_422")


def test_ok_true_outside_2xx_is_no_confirmation() -> None:
    """A 4xx that claims `ok` does not settle anything."""
    assert answer(422, OK).meaning == "refused"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (REFUSED, "started_at is no time"),
        (b'{"ok": false, "error": "invalid_json"}', "invalid_json"),
        (b'{"ok": false, "error": "invalid_json", "message": ""}', "invalid_json"),
        (b'{"ok": false}', ""),
        (b'{"ok": false, "message": {"services": "wrong"}}', "{'services': 'wrong'}"),
    ],
)
def test_dxs_own_words_are_kept(body: bytes, words: str) -> None:
    """The message stands for itself, else the code does."""
    assert answer(422, body).words == words


def test_a_long_message_is_cut() -> None:
    """Words stop at 500 characters and codes at 100."""
    given = answer(422, dumps({"error": "e" * 9000, "message": "m" * 9000}).encode())
    assert (len(given.code), len(given.words)) == (100, 500)


@pytest.mark.parametrize(
    ("status", "unfinished"), [(504, True), (524, True), (500, False), (503, False), (408, False)]
)
def test_only_a_gateways_time_out_leaves_dx_at_work(status: int, unfinished: bool) -> None:
    """After a 504, or Cloudflare's 524, the call may still be applied later."""
    assert answer(status, PAGE).unfinished is unfinished


@pytest.mark.parametrize("body", [OK, REFUSED, UNAUTHORISED, PAGE])
def test_an_answer_shows_that_the_call_was_begun(body: bytes) -> None:
    """What has been answered has been sent, and is over."""
    assert (answer(200, body).begun, answer(200, body).unfinished) == (True, False)


@pytest.mark.parametrize(
    ("status", "body", "wait"),
    [(429, b"", 7.0), (503, PAGE, 7.0), (301, OK, 7.0), (200, OK, None), (422, REFUSED, None)],
)
def test_a_wait_is_asked_for_by_not_now_alone(status: int, body: bytes, wait: float | None) -> None:
    """`Retry-After` counts where the call is to be repeated."""
    assert answer(status, body, "7").retry_after == wait


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("007", 7.0),
        ("900", LIMIT),
        ("901", LIMIT),
        ("9" * 5000, LIMIT),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Thursday, 01-Jan-26 00:02:00 GMT", 120.0),
        ("Thu Jan  1 00:02:00 2026", 120.0),
        ("Thu, 01 Jan 2026 00:02:00 -0000", 120.0),
        ("Thu, 01 Jan 2026 01:02:00 +0100", 120.0),
        ("Wed, 31 Dec 2025 23:59:59 GMT", 0.0),
        ("Fri, 01 Jan 2027 00:00:00 GMT", LIMIT),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LIMIT),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, wait: float) -> None:
    """Seconds and all three forms of an HTTP date give a wait from 0 s to 15 min."""
    assert seconds(header, NOW) == wait


NO_SECONDS = [
    None,
    "",
    " ",
    "soon",
    "-5",
    "+5",
    "1.5",
    "1e3",
    "inf",
    "nan",
    "0x10",
    "٣",
    "²",
    "5, 5",
    "5;q=1",
]
NO_DATE = [
    "\x00",
    "\ud800",
    "Thu, 01 Jan 2026",
    "Thu, 01 Jan 2026 25:00:00 GMT",
    "Thu, 32 Jan 2026 00:00:00 GMT",
]
IMPOSSIBLE = ["Thu, 01 Jan 99999 00:00:00 GMT", "Thu, 01 Jan 2026 00:02:00 +9999"]


@pytest.mark.parametrize("header", [*NO_SECONDS, *NO_DATE, *IMPOSSIBLE])
def test_any_other_retry_after_is_none(header: str | None) -> None:
    """What is neither seconds nor a date asks for nothing."""
    assert seconds(header, NOW) is None


@settings(deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_no_retry_after_raises(header: str) -> None:
    """Whatever the header holds, the wait is none or from 0 s to 15 min."""
    wait = seconds(header, NOW)
    assert wait is None or 0 <= wait <= LIMIT


@settings(deadline=None)
@given(st.integers(-3600, 900), st.integers(-1439, 1439))
def test_a_dates_zone_counts(ahead: int, minutes: int) -> None:
    """A date in any zone gives the time until then, none for what is past."""
    at = (NOW + timedelta(seconds=ahead)).astimezone(timezone(timedelta(minutes=minutes)))
    assert seconds(format_datetime(at), NOW) == max(ahead, 0)


@settings(deadline=None)
@given(st.integers(100, 599), st.binary(max_size=200), st.none() | st.text(max_size=40))
def test_only_dxs_own_words_settle_or_refuse(status: int, body: bytes, retry_after: str | None) -> None:
    """Noise is never a confirmation, a refusal or a bad token."""
    assert classify(status, retry_after, body, NOW).meaning == "not_now"
