"""Secrets: a type that never prints them, and what a usable one looks like."""

from dataclasses import dataclass

SHORTEST_SECRET = 16


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that prints as `***`."""

    _value: str

    def __str__(self) -> str:
        return "***"

    __repr__ = __str__

    def reveal(self) -> str:
        """Return the secret itself, for the one place that needs it."""
        return self._value


def read_secret(text: str) -> Secret:
    """Return a token or signing secret; raise ValueError for one that is no good."""
    if len(text) < SHORTEST_SECRET:
        raise ValueError(f"is shorter than {SHORTEST_SECRET} characters: make a long random one")
    if not text.isascii() or not text.isprintable():
        raise ValueError("has characters that no HTTP header can carry: use printable ASCII")
    return Secret(text)


def read_secrets(text: str) -> tuple[Secret, ...]:
    """Return what is between commas, as `read_secret` does; an empty item would be a key that anybody can sign with."""
    items = [item.strip() for item in text.split(",")]
    if "" in items:
        raise ValueError("has an empty item: remove the comma too many")
    return tuple(read_secret(item) for item in items)
