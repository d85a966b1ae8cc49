"""The errors that people meet; the HTTP ones carry their status, code and sentence."""

from collections.abc import Sequence
from dataclasses import dataclass


class SettingsError(Exception):
    """The environment or the configuration is wrong; `problems` has one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PolicyRefusedError(Exception):
    """A policy cannot be applied to what DX holds; `problems` has one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PolicyUnreadableError(Exception):
    """The policy in force cannot be read by this version; the text says what to do."""


class UnknownError(Exception):
    """Something that is not known here; the text says what."""


class OverrideError(Exception):
    """An operator's correction that cannot be made; the text says why."""


class DatabaseNotReadyError(Exception):
    """The database cannot be used as it is; the text says what to do."""


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818
    """A request refused on purpose: HTTP status, code, one sentence, seconds to wait where it may return."""

    status: int
    code: str
    message: str
    retry_after: int | None = None


def unknown_source(name: str) -> Refusal:
    """Refuse a webhook for a source that is not configured."""
    return Refusal(404, "unknown_source", f"There is no source named {name[:60]!r} here.")


def no_secret(variable: str) -> Refusal:
    """Refuse for now: without a secret nothing is authentic; the vendor sends it again."""
    return Refusal(503, "no_secret", f"This source has no secret yet: set {variable}.", retry_after=60)


def too_large(limit: int) -> Refusal:
    """Refuse a body over the limit."""
    return Refusal(413, "too_large", f"The body is larger than {limit} bytes.")


def too_slow(limit: float) -> Refusal:
    """Refuse a body that did not arrive whole and in time."""
    return Refusal(413, "too_slow", f"The body did not arrive whole within {limit:g} seconds.")


def not_authentic(status: int) -> Refusal:
    """Refuse a wrong, malformed or missing signature or token; 503 while a secret is being repaired."""
    retry_after = 60 if status == 503 else None
    return Refusal(status, "not_authentic", "The signature or token is missing or wrong.", retry_after)


def not_json_type() -> Refusal:
    """Refuse a form: its body is not what was signed."""
    return Refusal(415, "unsupported_type", "Send the webhook as application/json, not as a form.")


def not_json(reason: str) -> Refusal:
    """Refuse a body that is no JSON object."""
    return Refusal(400, "not_json", f"The body is not a JSON object: {reason}.")


def no_commit() -> Refusal:
    """Refuse for now: what cannot be committed must not be acknowledged."""
    return Refusal(503, "no_commit", "The event could not be stored; send it again.", retry_after=5)
