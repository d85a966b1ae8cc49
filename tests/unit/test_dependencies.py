"""The dependencies: as documented, really used, and pinned."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import distribution, metadata, packages_distributions

import pytest
from packaging.requirements import Requirement

from tests.supply.licences import licence
from tests.supply.lock import DEV, ROOT, RUNTIME, normal, pinned

PAGE = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
USED_INDIRECTLY = {
    "psycopg": "SQLAlchemy loads it where DATABASE_URL is PostgreSQL's",
    "opentelemetry-exporter-otlp-proto-http": "loaded by name where OTEL_ variables ask for it",
}


COMING = {"werkzeug": "flask", "itsdangerous": "flask", "urllib3": "requests"}
"""Imported, and required by another: its version is bound by that one."""


def names(requirements):
    """Return the packages that requirements name."""
    return {normal(re.split(r"[\[<>=~! ;]", each, maxsplit=1)[0]) for each in requirements}


def section(title):
    """Return a section of the page."""
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(title):
    """Return the rows of a section's table: packages of the first column, and the last column."""
    found = re.findall(r"^\| (`.+?) \| (?:.* \| )?(.+?) \|$", section(title), re.MULTILINE)
    return [(re.findall(r"`([^`]+)`", first), last) for first, last in found]


DIRECT = names(PROJECT["dependencies"])
BY_CHOICE = names(each for extra, listed in EXTRAS.items() if extra != "dev" for each in listed)
LICENCES = [(name, told) for title in ("To run", "By choice") for (name,), told in rows(title)]


@cache
def imported():
    """Return the names of the modules that the bridge imports, by text or by `import_module`."""
    found = set()
    for file in [*(ROOT / "app").rglob("*.py"), *(ROOT / "mappers").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            if isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
                found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    return found


_known = cache(packages_distributions)


def packages(modules):
    """Return the packages that modules are of."""
    known = _known()
    return {normal(package) for module in modules for package in known.get(module.partition(".")[0], ())}


def test_the_table_names_what_runs():
    """The first table is the project's dependencies, in their order."""
    assert [name for (name,), _ in rows("To run")] == sorted(DIRECT)


def test_the_table_of_choice_names_the_extras():
    """The second table is what the extras bring."""
    assert {name for (name,), _ in rows("By choice")} == BY_CHOICE


def test_everything_that_is_installed_has_its_place():
    """No pinned package of production is left out of the page."""
    assert [name for name in pinned(RUNTIME) if f"`{name}`" not in PAGE] == []


def test_the_development_packages_are_named():
    """Each package of the extra `dev` has a reason on the page."""
    assert names(EXTRAS["dev"]) <= {name for found, _ in rows("To develop and test") for name in found}


def test_the_counts_are_right():
    """The page counts what is named and what is installed."""
    with_postgres = len(DIRECT | names(EXTRAS["postgres"]))
    assert (with_postgres, len(pinned(RUNTIME))) == (15, 30)
    assert "Fifteen packages" in PAGE
    assert "thirty are installed" in PAGE


@pytest.mark.parametrize(("name", "told"), LICENCES)
def test_a_licence_is_the_one_that_the_package_has(name, told):
    """The page's licence is that of the package as it is installed."""
    assert licence(name, metadata(name)) == told


@pytest.mark.parametrize("name", sorted(DIRECT | BY_CHOICE))
def test_a_dependency_is_used(name):
    """What is required is imported somewhere, or it is told why not."""
    assert name in packages(imported()) or name in USED_INDIRECTLY


def test_nothing_else_is_used():
    """What is imported is required, or comes with what is required, and the page says so."""
    foreign = imported() - {"app", "mappers", *sys.stdlib_module_names}
    others = packages(each for each in foreign if not each.startswith("opentelemetry")) - DIRECT - BY_CHOICE
    assert others - COMING.keys() == set()


@pytest.mark.parametrize(("name", "parent"), COMING.items())
def test_what_comes_with_another_is_said_so(name, parent):
    """A package that is imported without being required is one of another's own requirements."""
    assert name in names(metadata(parent).get_all("Requires-Dist"))
    [line] = [each for each in section("What comes with them").split("\n- ") if f"`{name}`" in each]
    assert "imported by name" in line


@pytest.mark.parametrize("file", [RUNTIME, DEV], ids=lambda file: file.name)
def test_every_requirement_is_pinned_with_hashes(file):
    """Each requirement has one version and its hashes; there is no address, option, path or editable one."""
    joined = file.read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    wanted = re.compile(
        r"[a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,-]+\])?==[0-9][\w.!+-]*(?: ; [^@]+?)?(?:\s+--hash=sha256:[0-9a-f]{64})+\s*"
    )
    assert [line[:60] for line in lines if not wanted.fullmatch(line)] == []
    assert len(lines) == len(pinned(file)) > 20
    assert "://" not in joined


def test_production_is_a_part_of_development():
    """What is tested is what is deployed: the same versions in both files."""
    assert pinned(RUNTIME).items() <= pinned(DEV).items()


@pytest.mark.parametrize("file", [RUNTIME, DEV], ids=lambda file: file.name)
def test_extras_are_pinned_as_such(file):
    """An extra that one package asks of another is in the pin: else older pips look beyond it, at what came out last."""
    text = file.read_text("utf-8")
    ours = [*PROJECT["dependencies"], *EXTRAS["postgres"]]
    theirs = [each for name in pinned(file) for each in distribution(name).requires or []]
    asked = [
        (each.name, extra)
        for each in map(Requirement, ours + theirs)
        if normal(each.name) in pinned(file) and (each.marker is None or each.marker.evaluate({"extra": ""}))
        for extra in each.extras
    ]
    assert asked
    for name, extra in asked:
        assert re.search(rf"^{normal(name)}\[[^]]*\b{extra}\b[^]]*\]==", text, re.IGNORECASE | re.MULTILINE)
