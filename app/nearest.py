"""The nearest valid word, for a message about one that is not."""

from collections.abc import Mapping
from difflib import get_close_matches


def nearest(word: str, words: Mapping[str, object] | tuple[str, ...], likeness: float = 0.6) -> str:
    """Return `; did you mean …?` with the most similar of the words, or nothing; a `likeness` of 1 is the word."""
    close = get_close_matches(word, words, n=1, cutoff=likeness)
    return f"; did you mean {close[0]}?" if close else ""
