"""The nearest valid word, for a message about one that is not."""

from collections.abc import Mapping
from difflib import get_close_matches


def nearest(word: str, words: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return `; did you mean …?` with the most similar of the words, or nothing."""
    close = get_close_matches(word, words, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
