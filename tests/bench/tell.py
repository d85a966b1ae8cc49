"""Words for whoever waits, on standard error: the table alone goes to standard output."""

import sys


def tell(words: str) -> None:
    """Say how far it is."""
    print(words, file=sys.stderr, flush=True)
