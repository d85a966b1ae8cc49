"""What must not be read is hidden from a text, and what helps stays."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mask import error_text, mask_of, without_credentials

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=16, max_size=40)


@given(PRINTABLE)
def test_a_secret_is_hidden_in_every_writing(secret: str) -> None:
    """A secret is hidden as it is, and as JSON, Python or a URL writes it."""
    hide = mask_of([secret])
    for text in (secret, json.dumps(secret), repr(secret), quote(secret, safe="")):
        assert secret not in hide(f"<{text}>")
        assert "***" in hide(f"<{text}>")


def test_a_short_password_does_not_garble() -> None:
    """A database's short password is not looked for: it would be found in innocent words."""
    assert mask_of(["post"])("posted to postgres") == "posted to postgres"


def test_a_secret_within_another_leaves_no_rest() -> None:
    """Of two secrets of which one begins with the other, nothing of the longer stays."""
    assert mask_of(["abcdefgh", "abcdefgh-and-more"])("abcdefgh-and-more") == "***"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("X-PagerDuty-Signature: v1=0123456789abcdef", "0123456789abcdef"),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("Authorization: GenieKey 0123-4567-89ab", "0123-4567-89ab"),
        ("postgresql://bridge:hunter22@db.example.com/bridge", "hunter22"),
        ('{"token": "0123456789"}', "0123456789"),
        ("https://example.com/hook?api_key=0123456789&x=1", "0123456789"),
        ("password='correct-horse'", "correct-horse"),
    ],
)
def test_credentials_of_strangers_are_hidden(text: str, hidden: str) -> None:
    """What looks like a signature, a token or a password is hidden, whosever it is."""
    assert hidden not in without_credentials(text)


@pytest.mark.parametrize(
    "text",
    ["set DX_API_TOKEN to a valid organization token", "DX_API_TOKEN: has an empty item", "source=pagerduty"],
)
def test_advice_stays(text: str) -> None:
    """Sentences about tokens stay as they are."""
    assert without_credentials(text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("invalid literal for int() with base 10: 'Jane Doe'", "invalid literal for int() with base 10: '…'"),
        ("'NoneType' object has no attribute 'key'", "'NoneType' object has no attribute 'key'"),
        ("can't parse 'jane@example.com'", "can't parse '…'"),
        ("cannot read b'{\"event\"'", "cannot read '…'"),
        ('unterminated "Jane Doe', "unterminated '…'"),
        ("a failure\n[SQL: INSERT]\n[parameters: ('Jane Doe',)]", "a failure"),
        ("", ""),
    ],
)
def test_an_errors_text(text: str, told: str) -> None:
    """An exception keeps its first line and plain names; what else it quotes is cut out."""
    assert error_text(text) == told


@given(st.text())
def test_an_errors_text_is_short(text: str) -> None:
    """No exception makes a long text or a second line."""
    assert len(error_text(text)) <= 400
    assert len(error_text(text).splitlines()) <= 1
