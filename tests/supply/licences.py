"""`make licences`: the licence of everything that is pinned, against a list of those that are fine; offline."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from tests.supply.lock import DEV, RUNTIME, pinned

ALLOWED = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "PSF-2.0",
        "LGPL-3.0-only",
    }
)  # fmt: skip
"""Fine for a program that uses the packages unchanged: permissive ones, and weak copyleft by file or library."""
DEV_ALLOWED = ALLOWED | {"Unlicense", "Python-2.0", "MIT-0", "GPL-3.0"}  # a linter that is run, never linked
_SAID_OTHERWISE = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
"""Older metadata has names instead of SPDX identifiers."""
KNOWN = {
    "axe-playwright-python": "MIT",
}
"""Licences that stand only in a package's files, read there by a person."""


def main() -> int:
    """Print what is not allowed; return the exit code."""
    runtime, everything = pinned(RUNTIME), pinned(DEV)
    problems = [*wrong(runtime, ALLOWED), *wrong(everything.keys() - runtime.keys(), DEV_ALLOWED)]
    for problem in problems:
        print(problem)
    print(f"{len(everything)} packages, {len(problems)} without an allowed licence.")
    return bool(problems)


def wrong(names: Any, allowed: frozenset[str]) -> Iterator[str]:
    """Yield each package whose licence is not allowed, or not known."""
    for name in sorted(names):
        try:
            told = licence(name, metadata(name))
        except PackageNotFoundError:
            yield f"{name}: is pinned, but not installed here"
            continue
        if not is_allowed(told, allowed):
            yield f"{name}: {told or 'no licence in its metadata'}"


def licence(name: str, told: Any) -> str:
    """Return a package's licence as an SPDX expression; where metadata has several names, one has to be chosen."""
    if expression := told.get("License-Expression"):
        return str(expression)
    classifiers = [
        each.split(" :: ")[-1] for each in told.get_all("Classifier") or [] if "License ::" in each
    ]
    named = classifiers or [(told.get("License") or "").strip()]
    return " OR ".join(filter(None, map(_identifier, named))) or KNOWN.get(name, "")


def _identifier(name: str) -> str:
    return _SAID_OTHERWISE.get(name.lower(), name if name and len(name) <= 40 else "")


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression can be satisfied with the allowed licences."""
    tokens = re.findall(r"[()]|[^\s()]+", expression)
    words = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    read = " ".join(words.get(each, str(each in allowed)) for each in tokens)
    try:
        return bool(tokens) and bool(eval(read))  # nothing but True, False, and, or and parentheses
    except (SyntaxError, TypeError):
        return False


if __name__ == "__main__":
    sys.exit(main())
