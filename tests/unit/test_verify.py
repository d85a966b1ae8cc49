"""Signatures and tokens: what is authentic, and the many things that are not."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from app.verify import (
    SIGNERS,
    VERIFIERS,
    hub_signature,
    sign_hub,
    sign_token,
    sign_v1,
    signature_v1,
    token,
)

BODY = b'{"event":{}}'
SECRET = b"c2VjcmV0LW9mLW9uZS1zdWJzY3JpcHRpb24="  # looks like base64, and is not to be decoded
OTHER = b"another-subscriptions-secret"
SIGNATURE = "38a55b5ecb68db053cfebb168a70042e155c66b14a9d01a8aa254e4a40587c21"  # by openssl dgst -hmac
TOKEN = b"token-of-an-integration"

any_text = st.text(st.characters(), max_size=80)


def signed(header: str, secrets: Iterable[bytes] = (SECRET,), body: bytes = BODY) -> bool:
    """Verify a body that comes with this signature header."""
    return signature_v1({"X-PagerDuty-Signature": header}, body, secrets)


def hub_signed(header: str, secrets: Iterable[bytes] = (SECRET,), body: bytes = BODY) -> bool:
    """Verify a body that comes with this signature header of Jira's."""
    return hub_signature({"X-Hub-Signature": header}, body, secrets)


def basic(user_and_password: bytes, scheme: str = "Basic") -> dict[str, str]:
    """Return the header of basic auth."""
    return {"Authorization": f"{scheme} {b64encode(user_and_password).decode()}"}


@pytest.mark.parametrize(
    "header",
    [
        f"v1={SIGNATURE}",
        f" v1={SIGNATURE} ",
        f"\tv1={SIGNATURE}\t",
        f"v1={'0' * 64},v1={SIGNATURE}",
        f"v1={SIGNATURE},v1={'0' * 64}",
        f"v1={'0' * 64}, v1={SIGNATURE}",
        f"v0=abc,v1={SIGNATURE},v2=def",
        f",,v1={SIGNATURE},",
        f"v1=,v1=ü€,v1={SIGNATURE}",
        f"v1={SIGNATURE},v1={SIGNATURE}",
    ],
)
def test_any_v1_part_may_match(header: str) -> None:
    """During a rotation there are several signatures; one that matches is enough."""
    assert signed(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "v1=",
        "v1",
        SIGNATURE,
        f"v1:{SIGNATURE}",
        f"v0={SIGNATURE}",
        f"v11={SIGNATURE}",
        f"V1={SIGNATURE}",
        f"sha256={SIGNATURE}",
        f"v1 = {SIGNATURE}",
        f"v1={SIGNATURE.upper()}",
        f"v1={SIGNATURE[:-1]}",
        f"v1={SIGNATURE}0",
        f"v1={SIGNATURE[:-1]}0",
        f"v1={SIGNATURE};v1={SIGNATURE}",
        f'v1="{SIGNATURE}"',
        f"v1={SIGNATURE[:32]},v1={SIGNATURE[32:]}",
        f"v1={'z' * 64}",
        f"v1={'٣' * 64}",
        f"v1={SIGNATURE}\x00",
        f"v1={hashlib.sha256(BODY).hexdigest()}",
        f"v1={hmac.new(b'', BODY, hashlib.sha256).hexdigest()}",
        f"v1={hmac.new(SECRET, BODY, hashlib.sha1).hexdigest()}",
    ],
)
def test_any_other_signature_is_refused(header: str) -> None:
    """A signature that is missing, malformed, of another scheme or of another key does not count."""
    assert not signed(header)


def test_a_request_without_the_header_is_refused() -> None:
    """Nothing signed is nothing authentic."""
    assert not signature_v1({}, BODY, [SECRET])


@pytest.mark.parametrize("name", ["X-PagerDuty-Signature", "x-pagerduty-signature", "X-PAGERDUTY-SIGNATURE"])
def test_the_headers_name_has_no_case(name: str) -> None:
    """A web server's headers are found whatever the case of their names."""
    assert signature_v1(Headers([(name, f"v1={SIGNATURE}")]), BODY, [SECRET])


@pytest.mark.parametrize("secrets", [[OTHER, SECRET], [SECRET, OTHER], iter([OTHER, SECRET])])
def test_any_secret_may_match(secrets: Iterable[bytes]) -> None:
    """Each subscription has its own secret; any one of them may have signed."""
    assert signed(f"v1={'0' * 64},v1={SIGNATURE}", secrets)


@pytest.mark.parametrize("secrets", [[], [OTHER], [SECRET + b"\n"], [SECRET.lower()], [SECRET[:-1]]])
def test_another_secret_does_not_match(secrets: list[bytes]) -> None:
    """Without the very secret, nothing is authentic."""
    assert not signed(f"v1={SIGNATURE}", secrets)


@pytest.mark.parametrize("body", [b"", b"{}", BODY + b"\n", BODY[:-1], BODY.replace(b"{}", b"{ }")])
def test_another_body_does_not_match(body: bytes) -> None:
    """The signature is of the raw bytes: the same JSON written otherwise is another body."""
    assert not signed(f"v1={SIGNATURE}", body=body)


@pytest.mark.parametrize("header", [f"sha256={SIGNATURE}", f" sha256={SIGNATURE}\t"])
def test_jiras_signature_counts(header: str) -> None:
    """One signature, with the name of its method."""
    assert hub_signed(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "=",
        "sha256",
        "sha256=",
        SIGNATURE,
        f"={SIGNATURE}",
        f"v1={SIGNATURE}",
        f"sha256:{SIGNATURE}",
        f"sha256=={SIGNATURE}",
        f"sha256= {SIGNATURE}",
        f"sha256 ={SIGNATURE}",
        f"SHA256={SIGNATURE}",
        f"sha512={SIGNATURE}",
        f"sha256={SIGNATURE.upper()}",
        f"sha256={SIGNATURE[:-1]}",
        f"sha256={SIGNATURE}0",
        f"sha256={SIGNATURE},sha256={SIGNATURE}",
        f'sha256="{SIGNATURE}"',
        f"sha256={SIGNATURE}\x00",
        "sha256=ü€",
        f"sha256={'٣' * 64}",
        f"sha1={hmac.new(SECRET, BODY, hashlib.sha1).hexdigest()}",
        f"sha256={hmac.new(SECRET, BODY, hashlib.sha1).hexdigest()}",
        f"sha256={hashlib.sha256(BODY).hexdigest()}",
        f"sha256={hmac.new(b'', BODY, hashlib.sha256).hexdigest()}",
    ],
)
def test_any_other_signature_of_jiras_is_refused(header: str) -> None:
    """A signature that is missing, malformed, of another method or of another key does not count."""
    assert not hub_signed(header)


@pytest.mark.parametrize(
    "headers", [{}, {"X-PagerDuty-Signature": f"v1={SIGNATURE}"}, {"Authorization": "JWT x"}]
)
def test_jira_signs_in_its_own_header(headers: dict[str, str]) -> None:
    """A signature elsewhere, or an app's token, is none."""
    assert not hub_signature(headers, BODY, [SECRET])


@pytest.mark.parametrize("name", ["X-Hub-Signature", "x-hub-signature", "X-HUB-SIGNATURE"])
def test_the_name_of_jiras_header_has_no_case(name: str) -> None:
    """A web server's headers are found whatever the case of their names."""
    assert hub_signature(Headers([(name, f"sha256={SIGNATURE}")]), BODY, [SECRET])


@pytest.mark.parametrize("secrets", [[OTHER, SECRET], [SECRET, OTHER], iter([OTHER, SECRET])])
def test_any_secret_of_jiras_may_match(secrets: Iterable[bytes]) -> None:
    """Each webhook may have its own secret; any one of them may have signed."""
    assert hub_signed(f"sha256={SIGNATURE}", secrets)


@pytest.mark.parametrize("secrets", [[], [OTHER], [SECRET + b"\n"], [SECRET.lower()], [SECRET[:-1]]])
def test_another_secret_does_not_match_for_jira(secrets: list[bytes]) -> None:
    """Without the very secret, nothing is authentic."""
    assert not hub_signed(f"sha256={SIGNATURE}", secrets)


@pytest.mark.parametrize("body", [b"", b"{}", BODY + b"\n", BODY[:-1], BODY.replace(b"{}", b"{ }")])
def test_another_body_does_not_match_for_jira(body: bytes) -> None:
    """The signature is of the raw bytes: the same JSON written otherwise is another body."""
    assert not hub_signed(f"sha256={SIGNATURE}", body=body)


@pytest.mark.parametrize("name", VERIFIERS)
@settings(deadline=None)
@given(st.binary(), st.text("abcXYZ019-_=/+", min_size=16).map(str.encode))
def test_what_is_signed_is_authentic(name: str, body: bytes, secret: bytes) -> None:
    """Each vendor's signer makes what its verifier accepts, for any body."""
    assert VERIFIERS[name](SIGNERS[name](body, secret), body, [OTHER, secret])


def test_every_verifier_has_its_signer() -> None:
    """`replay` can sign for every vendor that is verified."""
    assert VERIFIERS.keys() == SIGNERS.keys()


def test_the_signature_is_the_vendors() -> None:
    """The signer writes `v1=` and lower-case hex, as PagerDuty does."""
    assert sign_v1(BODY, SECRET) == {"X-PagerDuty-Signature": f"v1={SIGNATURE}"}


def test_the_signature_is_jiras() -> None:
    """The signer writes `sha256=` and lower-case hex, as Jira does."""
    assert sign_hub(BODY, SECRET) == {"X-Hub-Signature": f"sha256={SIGNATURE}"}


def test_the_token_goes_into_a_custom_header() -> None:
    """A shared token is sent as it is."""
    assert sign_token(BODY, TOKEN) == {"X-Webhook-Token": TOKEN.decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Webhook-Token": TOKEN.decode()},
        {"Authorization": f"Bearer {TOKEN.decode()}"},
        {"Authorization": f"bearer {TOKEN.decode()}"},
        {"Authorization": f"BEARER   {TOKEN.decode()} "},
        basic(b"anyone:" + TOKEN),
        basic(b":" + TOKEN),
        basic(b"anyone:" + TOKEN, "basic"),
        basic(b"anyone:" + TOKEN, "BASIC  "),
        basic("jürgen:".encode() + TOKEN),
        {"X-Webhook-Token": "wrong", **basic(b"anyone:" + TOKEN)},
        {"X-Webhook-Token": TOKEN.decode(), "Authorization": "Bearer wrong"},
    ],
)
def test_a_token_comes_in_three_ways(headers: dict[str, str]) -> None:
    """A bearer, `X-Webhook-Token` and the password of basic auth carry it alike."""
    assert token(headers, BODY, [OTHER, TOKEN])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Webhook-Token": ""},
        {"X-Webhook-Token": TOKEN.decode().upper()},
        {"X-Webhook-Token": f"Bearer {TOKEN.decode()}"},
        {"X-Webhook-Token": f"{TOKEN.decode()},{OTHER.decode()}"},
        {"X-Webhook-Token": TOKEN.decode()[:-1]},
        {"X-Webhook-Token": f"{TOKEN.decode()}\x00"},
        {"Authorization": TOKEN.decode()},
        {"Authorization": f"Token {TOKEN.decode()}"},
        {"Authorization": f"GenieKey {TOKEN.decode()}"},
        {"Authorization": f"Bearer{TOKEN.decode()}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ="},
        {"Authorization": "Basic ÿþ€"},
        {"Authorization": f"Basic {TOKEN.decode()}"},
        {"Authorization": f"Basic {b64encode(b'anyone:' + TOKEN).decode()}!"},
        basic(b""),
        basic(TOKEN),
        basic(TOKEN + b":"),
        basic(TOKEN + b":anything"),
        basic(b"anyone:" + TOKEN + b":"),
        {"Token": TOKEN.decode()},
    ],
)
def test_any_other_token_is_refused(headers: dict[str, str]) -> None:
    """A token that is missing, wrong, cut or in another place does not count."""
    assert not token(headers, BODY, [OTHER, TOKEN])


def test_a_password_may_hold_a_colon() -> None:
    """Only the first colon ends the user's name."""
    assert token(basic(b"anyone:with:a-colon-in-the-token"), BODY, [b"with:a-colon-in-the-token"])


def test_no_token_is_authentic_where_none_is_configured() -> None:
    """An empty list of tokens lets nobody in."""
    assert not token({"X-Webhook-Token": ""}, BODY, [])


@pytest.mark.parametrize("name", VERIFIERS)
@settings(deadline=None)
@given(any_text, any_text, any_text, st.sampled_from(["", "v1=", "sha256=", "Bearer ", "Basic ", "basic "]))
def test_no_header_makes_a_verifier_raise(
    name: str, signature: str, authorization: str, custom: str, prefix: str
) -> None:
    """Whatever the headers hold, the answer is no."""
    headers = {
        "X-PagerDuty-Signature": prefix + signature,
        "X-Hub-Signature": prefix + signature,
        "Authorization": prefix + authorization,
        "X-Webhook-Token": custom,
    }
    assert VERIFIERS[name](headers, BODY, [SECRET]) is False


@pytest.mark.parametrize("name", ["pagerduty", "jira"])
@settings(deadline=None)
@given(st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
def test_a_signature_is_good_for_one_body(name: str, signed_body: bytes, sent: bytes) -> None:
    """A signature does not carry over to another body."""
    assume(signed_body != sent)
    assert not VERIFIERS[name](SIGNERS[name](signed_body, SECRET), sent, [SECRET])
