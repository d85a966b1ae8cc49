"""The scripts that judge what the bridge is made of, on invented packages."""

import json
from email.message import Message

import pytest

from tests.supply import audit, licences, sbom

LOCKED = {"acme": "1.0", "beta": "2.0"}


def told(*packages):
    """Return what pip-audit says about packages."""
    return json.dumps({"dependencies": packages, "fixes": []})


def clear(name):
    """Return a package of which nothing bad is known."""
    return {"name": name, "version": LOCKED[name], "vulns": []}


def vulnerable(name, *aliases):
    """Return a package with one finding."""
    found = {"id": "PYSEC-1", "aliases": list(aliases), "fix_versions": ["1.1"]}
    return {"name": name, "version": LOCKED[name], "vulns": [found]}


def skipped(name):
    """Return a package that the service does not know."""
    return {"name": name, "skip_reason": "not found"}


def result(*packages, runtime=LOCKED):
    """Return what is read of pip-audit's words about packages."""
    return audit.read(told(*packages), "", LOCKED, runtime)


def test_a_cleared_set_is_checked():
    """Where the service tells of every package, nothing is left over."""
    assert result(clear("acme"), clear("beta")) == audit.Result((), 2)


def test_a_finding_names_package_and_repair():
    """A known vulnerability is told with its id and the version that repairs it."""
    assert result(vulnerable("acme"), clear("beta")).findings == ("acme 1.0: PYSEC-1; repaired in 1.1",)


def test_a_finding_tells_where_it_matters():
    """One of a package that production does not have says so."""
    assert "development only" in result(vulnerable("acme"), clear("beta"), runtime={}).findings[0]


def test_an_accepted_finding_is_none(monkeypatch):
    """What was judged and written down, by any of its ids, fails nothing."""
    monkeypatch.setattr(audit, "ACCEPTED", {"CVE-1": "not reachable"})
    assert result(vulnerable("acme", "CVE-1"), clear("beta")).findings == ()


def test_a_skipped_package_is_not_checked():
    """A package that the service passed over is not taken for a good one."""
    read = result(clear("acme"), skipped("beta"))
    assert (read.checked, read.not_checked.startswith("1 of 2 packages (beta)")) == (1, True)


def test_a_package_that_nobody_spoke_of_is_not_checked():
    """A pinned package that is missing in the answer counts as not checked."""
    assert "(beta)" in result(clear("acme")).not_checked


def test_no_answer_is_not_checked():
    """Without a network the last word of the complaint is told."""
    read = audit.read("", "Traceback …\nConnectionError: no route", LOCKED, LOCKED)
    assert read.not_checked == "the vulnerability service cannot be asked (ConnectionError: no route)"


@pytest.mark.parametrize(
    ("packages", "arguments", "code"),
    [
        ([clear("acme"), clear("beta")], [], 0),
        ([clear("acme"), clear("beta")], ["--strict"], 0),
        ([clear("acme"), skipped("beta")], [], 0),
        ([clear("acme"), skipped("beta")], ["--strict"], 2),
        ([vulnerable("acme"), skipped("beta")], [], 1),
        ([vulnerable("acme"), clear("beta")], ["--strict"], 1),
    ],
)
def test_the_exit_code(monkeypatch, capsys, packages, arguments, code):
    """A finding fails, what was not checked fails only where that is asked for, and is always told."""
    monkeypatch.setattr(audit, "ask", lambda _: (told(*packages), ""))
    monkeypatch.setattr(audit, "pinned", lambda _: LOCKED)
    assert audit.main(arguments) == code
    assert ("not checked: " in capsys.readouterr().out) == any("skip_reason" in each for each in packages)


@pytest.mark.parametrize(
    ("expression", "fine"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR GPL-2.0-only)", True),
        ("GPL-3.0-only", False),
        ("MIT WITH something", False),
        ("MIT (MIT)", False),
        ("", False),
    ],
)
def test_a_licence_expression(expression, fine):
    """What can be satisfied with allowed licences is allowed, and nothing else."""
    assert licences.is_allowed(expression, licences.ALLOWED) == fine


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("License-Expression", "MIT"), ("License", "text")], "MIT"),
        ([("Classifier", "License :: OSI Approved :: MIT License")], "MIT"),
        ([("Classifier", "Topic :: Games"), ("License", "Apache 2.0")], "Apache-2.0"),
        ([("License", "Copyright of somebody, " * 20)], ""),
    ],
)
def test_the_licence_of_a_package(headers, expected):
    """The expression goes before classifiers, those before the free text; a licence's whole text names none."""
    package = Message()
    for name, value in headers:
        package[name] = value
    assert licences.licence("acme", package) == expected


def test_every_pinned_package_has_an_allowed_licence(capsys):
    """The licences of what is installed here are fine, and each package that is pinned is installed."""
    assert licences.main() == 0, capsys.readouterr().out


def component(name, version, **more):
    """Return a component of a bill of materials."""
    return {"name": name, "version": version, "licenses": [{"license": {"id": "MIT"}}], **more}


GOOD = [component("Acme", "1.0"), component("beta", "2.0")]


@pytest.mark.parametrize(
    ("components", "problem"),
    [
        (GOOD, ""),
        (GOOD[:1], "beta: listed not, pinned 2.0"),
        ([*GOOD, component("pytest", "9")], "pytest: listed 9, pinned not"),
        ([GOOD[0], component("beta", "2.1")], "beta: listed 2.1, pinned 2.0"),
        ([GOOD[0], component("beta", "2.0", licenses=[])], "beta: without a licence"),
        ([GOOD[0], component("beta", "2.0", url="file:///srv/x")], "'file:': a path"),
        ([GOOD[0], component("beta", "2.0", url="see /home/acme")], "'/home/': a path"),
        ([GOOD[0], component("beta", "2.0", url="https://index.example.com/simple/b")], "'/simple/': a path"),
        ([GOOD[0], component("beta", "2.0", url="https://example.com/home/")], ""),
    ],
)
def test_a_bill_of_materials(components, problem):
    """The bill lists exactly what is pinned, each with a licence, and names no path and no index."""
    found = list(sbom.problems({"components": components}, LOCKED))
    assert [each[: len(problem)] for each in found] == ([problem] if problem else [])
