"""What the requirements files pin."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNTIME, DEV = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]+\])?==(\S+)", re.MULTILINE)


def normal(name: str) -> str:
    """Return a package's name as the index compares names: `Foo_Bar` is `foo-bar`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: Path) -> dict[str, str]:
    """Return the version of each package that a requirements file pins, by normal name."""
    return {normal(name): version for name, version in _PINNED.findall(file.read_text("utf-8"))}
