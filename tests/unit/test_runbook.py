"""The runbook has an entry for each alert, and for each sentence that `dx-bridge check` can print."""

import ast
import re
from itertools import chain
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from app.cli import main

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text("utf-8"))
ALERTS = [rule["alert"] for group in RULES["groups"] for rule in group["rules"]]

_MODULES = (
    "settings.py urls.py secret.py sources.py config.py config_schema.py rules.py rule_check.py sentry.py "
    "tracing.py store/trouble.py cli/doubles.py cli/check*.py vendors/*.py"
)
TELLING = sorted(chain.from_iterable((ROOT / "app").glob(each) for each in _MODULES.split()))
OTHERS = {
    'AND created <= "-',  # questions to a vendor
    "AND createdAt <",
    'created >= "-',
    'updated >= "-',
    'updated >= "-1m',
    "Jira Service Management",  # a name
    "at the ^ in",  # parts of a sentence that stands there by its beginning
    "run `dx-bridge subscribe",
    "then `dx-bridge backfill",
    "true or false",
    "errors are not reported",  # lines of the log
    "vendor is asked again",
}
"""Beginnings of texts in these modules that are no findings of their own."""
_PLACE = "…"
_LONGEST = 34


def _text(node):
    """Return a literal's text with `…` for what is filled in; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(each.value if isinstance(each, ast.Constant) else _PLACE for each in node.values)
    return None


def _literals(node):
    """Yield the texts below a node, docstrings left out, whole f-strings as one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if (text := _text(child)) is not None:
            yield text
        else:
            yield from _literals(child)


def _sign(text):
    """Return the beginning of a text's longest fixed part, "" where that is no sentence."""
    part = max((each.strip(" ;:,.)('\"^`") for each in text.split(_PLACE)), key=len)
    cut = part if len(part) <= _LONGEST else part[:_LONGEST].rpartition(" ")[0]
    return cut.rstrip(" ;:,(`") if len(cut.split()) > 2 else ""


TEXTS = [text for path in TELLING for text in _literals(ast.parse(path.read_text("utf-8")))]
SIGNS = sorted({_sign(text) for text in TEXTS} - {""})

TOLD = " ".join(RUNBOOK.split())
FORMS = re.findall(r"^ {4}(?:problem|note): (.+)$", RUNBOOK, re.MULTILINE)
_AFTER_VALUES = RUNBOOK[RUNBOOK.index("## Values of settings") :]
FORMS += [
    form.strip("`")
    for row in re.findall(r"^\| (?!message|---)(.+?) \| ", _AFTER_VALUES, re.MULTILINE)
    for form in re.findall(r"``.+?``|`[^`]+`", row)
]


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_its_entry(alert):
    """Each alert has a heading of its name, and below it what it means, where it comes from, what to do."""
    entry = re.search(rf"^### {alert}\n(.+?)(?=^##)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert entry
    assert re.findall(r"^- \*\*(\w+)\*\*", entry[1], re.MULTILINE) == ["Means", "Cause", "Do"]


def test_no_entry_is_of_an_alert_that_is_gone():
    """The alerts' headings are those of the rules, in their order."""
    part = RUNBOOK[RUNBOOK.index("## Alerts") : RUNBOOK.index("## What `dx-bridge check`")]
    assert re.findall(r"^### (\w+)$", part, re.MULTILINE) == ALERTS


@pytest.mark.parametrize("rule", [rule for group in RULES["groups"] for rule in group["rules"]])
def test_an_entry_has_the_severity_of_its_alert(rule):
    """Whether somebody is woken stands in the entry as in the rule."""
    entry = RUNBOOK.partition(f"### {rule['alert']}\n")[2]
    assert entry.strip().startswith(f"- **Means** ({rule['labels']['severity']})")


@pytest.mark.parametrize("sign", [sign for sign in SIGNS if sign not in OTHERS])
def test_a_finding_has_its_entry(sign):
    """Each sentence that the modules of `check` can tell begins in the runbook as it does in the code."""
    assert sign in TOLD


def test_the_findings_are_found():
    """The list above is not empty for some change of style, and nothing is left out that is not there."""
    assert {"the database does not answer", "is disabled for a day, since", "is neither 0 nor 1"} <= set(
        SIGNS
    )
    assert set(SIGNS) >= OTHERS


@pytest.mark.parametrize("form", FORMS)
def test_an_entry_quotes_what_can_be_printed(form):
    """No entry is about a sentence that the code does not have."""
    spoken = [text for text in TEXTS if sum(word.isalpha() for word in text.split()) > 1]
    assert any(sign in form for sign in SIGNS) or any(_fits(form, text) for text in spoken)


def _fits(form, text):
    """Whether a form is the text, or its beginning, with things filled in."""
    pieces = [re.escape(each) for each in text.split(_PLACE)]
    return re.match(".{0,60}".join(pieces), form) is not None


def test_what_check_prints_is_in_the_runbook(tmp_path, monkeypatch):
    """With much wrong at once, every line that is really printed has its words in the runbook."""
    monkeypatch.chdir(tmp_path)
    wrong = {
        "PORT": "x",
        "DX_TIMEOUT": "0",
        "START_PAUSED": "yes",
        "REJECT_WITH": "404",
        "LOG_LEVEL": "loud",
        "DX_BASE_URL": "http://acme.example.com",
        "DX_API_TOKEN": "short",
        "DATABASE_URL": "mysql://h/d",
        "JSM_API_TOKEN": "a-token-of-jira-0123456789",
        "PAGERDUTY_WEBHOOK_SECRETS": "pagerduty-secret-0123456789,",
        "SENTRY_DSN": "sentry.example.com",
        "OPSGENIE_WEBHOOK_TOKENS_FILE": "/nowhere",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "bridge.toml").write_text("[services]\nunmaped = 'id'\n[incidents]\ninclude = 'kinds'\n")
    printed = CliRunner().invoke(main, ["check"]).output.splitlines()
    problems = [line for line in printed if line.startswith(("problem: ", "note: "))]
    assert len(problems) > len(wrong)
    assert [line for line in problems if not any(sign in line and sign in TOLD for sign in SIGNS)] == []
