"""Break merge and view on purpose, one line at a time: the rules or the histories have to notice."""

import inspect
from random import Random
from types import ModuleType

import pytest

from app import incident, view
from tests.histories import history
from tests.merge.folding import disordered, fold
from tests.merge.rules import RULES, results

BREAKS = (
    (
        "the earlier register wins",
        incident,
        "return max(a, b, key=lambda r: (r.at",
        "return min(a, b, key=lambda r: (r.at",
    ),
    (
        "event type about the field ignored",
        incident,
        "(r.at, r.about, r.value is not None",
        "(r.at, r.value is not None",
    ),
    ("cleared wins over a value", incident, "r.value is not None, repr", "r.value is None, repr"),
    ("equal registers by arrival", incident, "r.value is not None, repr(r.value))", "r.value is not None)"),
    ("strands overwrite each other", incident, "both(a[key], value) if key in a else value", "value"),
    ("the latest creation", incident, "created=_earliest(", "created=_latest("),
    ("the latest first event", incident, "first=_earliest(", "first=_latest("),
    ("the earliest open evidence", incident, "opened=_latest(a.opened", "opened=_earliest(a.opened"),
    (
        "snapshots forgotten",
        incident,
        "shown_open=_all(a.shown_open, b.shown_open)",
        "shown_open=a.shown_open",
    ),
    ("resolutions forgotten", incident, "resolved=_all(a.resolved, b.resolved)", "resolved=b.resolved"),
    (
        "the first merge wins",
        incident,
        "return max(filter(None, (a, b)), key=lambda m",
        "return min(filter(None, (a, b)), key=lambda m",
    ),
    ("the latest acknowledgement", incident, "acknowledged=_earliest(", "acknowledged=_latest("),
    ("a known role forgotten", incident, "role=_first_role(a.role, b.role)", "role=b.role"),
    ("a receipt is open evidence", incident, "own if seen.opens else None", "at if seen.opens else None"),
    ("reopened_at ignored", incident, "_latest(seen.opened_at, own", "_latest(None, own"),
    (
        "snapshots right after the end count",
        view,
        "if not any(0 <= time - end",
        "if not any(time < end and 0 <= time - end",
    ),
    ("the latest resolution", view, "return min((end for end", "return max((end for end"),
    ("a resolution needs to be after", view, "if end >= opened", "if end > opened"),
    (
        "a reopened incident stays merged",
        view,
        "max(lead.merged.at, started_at) >= opened",
        "lead.merged.at > 0",
    ),
    ("Associated alerts tell, too", view, 'strand.role in ("responder", None)', 'strand.role != "owner"'),
    ("Responders overrule Owners", view, "{**fill.fields, **lead.fields}", "{**lead.fields, **fill.fields}"),
    ("Responders decide the end", view, "owners or others or Strand()", "others or owners or Strand()"),
    ("every result is exact", view, "approximate=untyped", "approximate=False"),
)


def _mutants(module: ModuleType, old: str, new: str) -> tuple[ModuleType, ModuleType]:
    """Return the two modules with one line of one of them broken."""
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__name__}"
    incidents = _module(incident, source.replace(old, new) if module is incident else None)
    views = _module(view, source.replace(old, new) if module is view else None)
    views.__dict__["join"] = incidents.__dict__["join"]
    return incidents, views


def _module(original: ModuleType, source: str | None) -> ModuleType:
    copy = ModuleType(original.__name__)
    exec(compile(source or inspect.getsource(original), original.__name__, "exec"), copy.__dict__)
    return copy


def _rules_notice(incidents: ModuleType, views: ModuleType) -> bool:
    found = ((rule, shown) for rule in RULES for shown in results(rule, incidents, views))
    return any(shown != rule.expected for rule, shown in found)


def _histories_notice(incidents: ModuleType, views: ModuleType) -> bool:
    told = ((seed, history(seed)) for seed in range(150))
    return any(fold(disordered(each, Random(seed)), incidents, views) != each.truth for seed, each in told)


@pytest.mark.parametrize(
    ("module", "old", "new"), [each[1:] for each in BREAKS], ids=[each[0] for each in BREAKS]
)
def test_a_break_is_noticed(module, old, new):
    """Each listed one-line break of merge or view contradicts a rule or a history's truth."""
    mutants = _mutants(module, old, new)
    assert _rules_notice(*mutants) or _histories_notice(*mutants)


def test_nothing_is_noticed_without_a_break():
    """The check itself accepts the modules as they are."""
    same = _mutants(incident, "def join(", "def join(")
    assert not _rules_notice(*same)
    assert not _histories_notice(*same)
