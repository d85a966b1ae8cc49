"""Enough of Docker to see what the image holds: its instructions, and the files that it copies."""

import re
import shlex
import shutil
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import orjson

from tests.deploy.platforms import DOCKER, ROOT

Instruction = tuple[str, str]


@dataclass(slots=True)
class Image:
    """The last stage of a Dockerfile, and the instructions of those before it."""

    stages: dict[str, list[Instruction]] = field(default_factory=dict)
    final: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """Return the arguments of all such instructions of the last stage."""
        return [arguments for each, arguments in self.final if each == name]

    def environment(self) -> dict[str, str]:
        """Return the variables that the image sets."""
        return dict(part.split("=", 1) for line in self.all("ENV") for part in shlex.split(line))

    def command(self) -> list[str]:
        """Return what a container runs."""
        command: list[str] = orjson.loads(self.all("CMD")[-1])
        return command

    def health_check(self) -> list[str]:
        """Return the command of the health check."""
        command: list[str] = orjson.loads(self.all("HEALTHCHECK")[-1].partition("CMD ")[2])
        return command


def read() -> Image:
    """Return the image that the Dockerfile describes."""
    image = Image()
    for name, arguments in _instructions((DOCKER / "Dockerfile").read_text("utf-8")):
        if name == "FROM":
            image.final = image.stages[arguments.partition(" AS ")[2]] = []
        image.final.append((name, arguments))
    return image


def _instructions(text: str) -> list[Instruction]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", text))
    lines = [line.strip() for line in joined.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def copied(image: Image, folder: Path) -> Path:
    """Lay the files of the last stage that are the project's own below `folder`; return its working directory."""
    for name, arguments in image.final:
        source = re.match(r"--from=(\w+) (\S+) (\S+)", arguments)
        if name == "COPY" and source and source[2] == "/app":
            _copy_context(image.stages[source[1]], folder / source[3].lstrip("/"))
    return folder / image.all("WORKDIR")[-1].lstrip("/")


def _copy_context(stage: list[Instruction], target: Path) -> None:
    for name, arguments in stage:
        if name == "COPY":
            *sources, destination = arguments.split()
            for source in sources:
                for path in sorted(ROOT.glob(source)):
                    _copy(path, target / destination if path.is_dir() else target / destination / path.name)


def _copy(path: Path, target: Path) -> None:
    if not in_context(str(path.relative_to(ROOT))):
        return
    if path.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for child in path.iterdir():
            _copy(child, target / child.name)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def in_context(path: str) -> bool:
    """Tell whether `.dockerignore` lets a path into the build; the last rule that fits it or a folder of it wins."""
    kept = True
    for line in (DOCKER / "Dockerfile.dockerignore").read_text("utf-8").splitlines():
        rule = line.removeprefix("!")
        if line and not line.startswith("#") and _fits(rule, path):
            kept = line.startswith("!")
    return kept


def _fits(rule: str, path: str) -> bool:
    parts = path.split("/")
    starts = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    if rule.startswith("**/"):
        return any(fnmatchcase(part, rule[3:]) for part in parts)
    return any(fnmatchcase(start, rule) and start.count("/") == rule.count("/") for start in starts)
