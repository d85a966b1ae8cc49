"""Text made fit for a log line or an error report: no configured secret, no value that an error quotes."""

import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

Mask = Callable[[str], str]

HIDDEN = "***"
_SHORTEST = 8  # what is shorter would turn up in innocent words; of all secrets only a database's may be
_LONGEST_TEXT = 300
_QUOTED = re.compile(r"""(?<!\w)[bBrRuU]{0,2}('(?:[^'\\]|\\.)*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$))""")
_NAME = re.compile(r"['\"][A-Za-z_][A-Za-z0-9_.]{0,40}['\"]")
_CREDENTIAL = re.compile(
    r"""(?xi)
    (?P<before> v1= (?=[0-9a-f]{8})                                  # PagerDuty's signature
      | \b(?:bearer|basic|genie-?key) \s+                            # an Authorization header
      | :// [^/\s:@]* : (?=[^/\s@]+@)                                # a password in a URL
      | (?:token|secret|passw(?:or)?d|signature|authori[sz]ation|api[-_]?key) ["']? \s* [:=] \s* ["']?
        (?:(?:bearer|basic|genie-?key) \s+)? (?=\S{8})
    )
    [^\s"',;&@]+
    """
)


def no_mask(text: str) -> str:
    """Return the text as it is, where no secret is known."""
    return text


def mask_of(secrets: Iterable[str]) -> Mask:
    """Return what hides these secrets in a text, as they are and as JSON or a URL would write them."""
    forms = {
        form
        for each in secrets
        if len(each) >= _SHORTEST
        for form in (each, json.dumps(each)[1:-1], repr(each)[1:-1], quote(each, safe=""), quote_plus(each))
    }
    longest_first = sorted(forms, key=len, reverse=True)

    def mask(text: str) -> str:
        for form in longest_first:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    return mask


def without_credentials(text: str) -> str:
    """Hide what looks like a signature, token or password, whosever it is."""
    return _CREDENTIAL.sub(lambda found: found["before"] + HIDDEN, text)


def error_text(text: str) -> str:
    """Return an exception's first line without credentials, and without what it quotes but plain names.

    The further lines of a database's error hold the statement with its values, so bodies and secrets.
    """
    first = (text.strip().splitlines() or [""])[0]
    return without_credentials(_QUOTED.sub(_plain_name, first)[:_LONGEST_TEXT])


def _plain_name(found: re.Match[str]) -> str:
    return found[0] if _NAME.fullmatch(found[1]) else "'…'"
