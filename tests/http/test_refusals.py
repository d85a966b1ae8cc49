"""POST /webhooks/<source>: what is refused, one reason at a time; nothing refused is kept."""

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import orjson
import pytest

from tests.harness import SECRETS, signed
from tests.http.web import Site, opsgenie, pagerduty, refusal

MIB = 1024 * 1024
TOKEN = SECRETS["opsgenie"][1]
SIGNATURE = signed("pagerduty", orjson.dumps(pagerduty("01ABC")))["X-PagerDuty-Signature"]

NOT_JSON = {
    "empty": b"",
    "blank": b" \n",
    "null": b"null",
    "list": b"[{}]",
    "text": b'"text"',
    "number": b"1",
    "cut off": b'{"a": ',
    "two": b"{}{}",
    "single quotes": b"{'a': 1}",
    "comma too many": b'{"a": 1,}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": [-Infinity]}',
    "overflow": b'{"a": 1e999}',
    "negative overflow": b'{"a": -1e999}',
    "lone high surrogate": b'{"a": "\\ud800"}',
    "lone low surrogate": b'{"a": "\\udc00 b"}',
    "lone surrogate as key": b'{"\\ud800": 1}',
    "surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "not UTF-8": b'{"a": "\xff"}',
    "over-long UTF-8": b'{"a": "\xc0\xaf"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "raw control character": b'{"a": "\x00"}',
    "deep lists": b'{"a": ' + b"[" * 100_000,
    "deep objects": b'{"a": ' * 100_000 + b"1" + b"}" * 100_000,
    "deep, closed lists": b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("source", ["pagerduty", "opsgenie"])
def test_what_is_no_json_object(site: Site, source: str, body: bytes) -> None:
    """An authentic body that is not a JSON object is refused with 400."""
    assert refusal(site.post(source, body))[0] == 400
    assert site.stored() == []


@pytest.mark.parametrize("depth", [255, 300, 1000])
@pytest.mark.parametrize("source", ["pagerduty", "opsgenie"])
def test_body_deeper_than_can_be_written(site: Site, source: str, depth: int) -> None:
    """A body that is nested deeply is accepted or refused with 400, at every depth."""
    response = site.post(source, b'{"a":' * depth + b"1" + b"}" * depth)
    assert response.status_code in (202, 400)


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-URLEncoded; charset=utf-8",
        "multipart/form-data; boundary=x",
        "multipart/mixed",
        "MULTIPART/FORM-DATA",
    ],
)
def test_forms(site: Site, kind: str) -> None:
    """Form and multipart types are refused with 415, even around a JSON object."""
    assert refusal(site.post("pagerduty", pagerduty("01ABC"), Content_Type=kind))[0] == 415
    assert site.stored() == []


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "v1=",
        SIGNATURE.removeprefix("v1="),
        SIGNATURE.replace("v1=", "v2="),
        SIGNATURE[:-1],
        f"v1={'0' * 64}",
        "v1=caf\u00e9",
        "v1=" + "a" * 200_000,
        "v1=,," * 20_000,
        "\u00ff" * 1000,
    ],
)
def test_wrong_pagerduty_signature(site: Site, signature: str | None) -> None:
    """A signature that is missing, malformed or wrong is refused with 401."""
    headers = {} if signature is None else {"X-PagerDuty-Signature": signature}
    response = site.client.post("/webhooks/pagerduty", json=pagerduty("01ABC"), headers=headers)
    assert refusal(response) == (401, "not_authentic")
    assert site.stored() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Webhook-Token": ""},
        {"X-Webhook-Token": TOKEN[:-1]},
        {"X-Webhook-Token": f"{TOKEN},{TOKEN}"},
        {"X-Webhook-Token": "caf\u00e9" * 5000},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Digest {TOKEN}"},
        {"Authorization": "Basic"},
        {"Authorization": "Basic not base64"},
        {"Authorization": "Basic \u00e9\u00e9\u00e9\u00e9"},
        {"Authorization": f"Basic {base64.b64encode(TOKEN.encode()).decode()}"},
        {"Authorization": f"Basic {base64.b64encode(f'{TOKEN}:'.encode()).decode()}"},
        {"Authorization": f"Basic {base64.b64encode(b'x:' + bytes(range(128, 256))).decode()}"},
    ],
)
def test_wrong_opsgenie_token(site: Site, headers: dict[str, str]) -> None:
    """A token that is missing, malformed, wrong or in the wrong place is refused with 401."""
    response = site.client.post("/webhooks/opsgenie", json=opsgenie(), headers=headers)
    assert refusal(response) == (401, "not_authentic")
    assert site.stored() == []


def test_signature_of_another_body(site: Site) -> None:
    """A signature holds for the bytes that it was made of, not for the JSON that they mean."""
    raw = orjson.dumps(pagerduty("01ABC"))
    response = site.post("pagerduty", raw + b" ", X_PagerDuty_Signature=SIGNATURE)
    assert refusal(response)[0] == 401


def test_reject_with_503(environment: pytest.MonkeyPatch, build: Callable[..., Site], database: Path) -> None:
    """While a secret is being repaired, a wrong one is answered 503 with the time to come back."""
    environment.setenv("REJECT_WITH", "503")
    response = build().client.post("/webhooks/pagerduty", json=pagerduty("01ABC"))
    assert refusal(response) == (503, "not_authentic")
    assert int(response.headers["Retry-After"]) > 0


def test_unknown_source(site: Site) -> None:
    """A source that is not configured is refused with 404."""
    assert refusal(site.client.post("/webhooks/nosuch", json={})) == (404, "unknown_source")


def test_source_without_a_secret(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], database: Path
) -> None:
    """A source without a secret is answered 503 with the time to come back: nothing is authentic yet."""
    environment.delenv("JSM_WEBHOOK_TOKENS")
    response = build().client.post("/webhooks/jsm", json=opsgenie())
    assert refusal(response) == (503, "no_secret")
    assert int(response.headers["Retry-After"]) > 0


def padded(size: int) -> bytes:
    """Return an event of exactly `size` bytes."""
    frame = orjson.dumps(pagerduty("01ABC"))
    return frame + b" " * (size - len(frame))


def test_largest_body(site: Site) -> None:
    """A body of exactly 1 MiB is accepted."""
    assert site.post("pagerduty", padded(MIB)).status_code == 202


def test_body_over_the_limit(site: Site) -> None:
    """A body of one byte more is refused with 413."""
    assert refusal(site.post("pagerduty", padded(MIB + 1)))[0] == 413
    assert site.stored() == []


def test_body_over_the_limit_without_a_length(site: Site) -> None:
    """A body that tells no length is refused with 413 once it is over the limit."""
    raw = padded(MIB + 1)
    overrides = {"wsgi.input": BytesIO(raw), "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    response = site.client.post(
        "/webhooks/pagerduty", headers=signed("pagerduty", raw), environ_overrides=overrides
    )
    assert refusal(response)[0] == 413


def test_body_shorter_than_its_length(site: Site) -> None:
    """A body that ends before its length is refused with 413: it has not arrived."""
    raw = orjson.dumps(pagerduty("01ABC"))
    response = site.client.post(
        "/webhooks/pagerduty",
        headers=signed("pagerduty", raw),
        environ_overrides={"wsgi.input": BytesIO(raw), "CONTENT_LENGTH": str(len(raw) + 1)},
    )
    assert refusal(response)[0] == 413
    assert site.stored() == []


@pytest.mark.parametrize("length", ["", "abc", "-5", "1e3", " 7", "9" * 5000])
def test_senseless_length(site: Site, length: str) -> None:
    """A length that is no number gets an answer in JSON, and never a 500."""
    raw = orjson.dumps(pagerduty("01ABC"))
    overrides = {"wsgi.input": BytesIO(raw), "CONTENT_LENGTH": length}
    response = site.client.post(
        "/webhooks/pagerduty", headers=signed("pagerduty", raw), environ_overrides=overrides
    )
    assert response.is_json
    assert response.status_code in (202, 400, 401, 413)
