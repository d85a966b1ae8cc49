"""Break merge and view on purpose, one line at a time: the histories or the laws have to notice."""

import inspect
from random import Random
from types import ModuleType

import pytest
from hypothesis import find, settings
from hypothesis.errors import NoSuchExample

from app import incident, view
from tests.histories import history
from tests.merge import strategies
from tests.merge.folding import disordered, fold

BREAKS = (
    ("the earlier register wins", incident, "return max(a, b, key=lambda r: (r.at", "return min(a, b, key=lambda r: (r.at"),
    ("event type about the field ignored", incident, "(r.at, r.about, r.value is not None", "(r.at, r.value is not None"),
    ("cleared wins over a value", incident, "r.value is not None, repr", "r.value is None, repr"),
    ("equal registers by arrival", incident, "r.value is not None, repr(r.value))", "r.value is not None)"),
    ("strands overwrite each other", incident, "both(a[key], value) if key in a else value", "value"),
    ("the latest creation", incident, "created=_earliest(", "created=_latest("),
    ("the latest first event", incident, "first=_earliest(", "first=_latest("),
    ("the earliest open evidence", incident, "opened=_latest(a.opened", "opened=_earliest(a.opened"),
    ("snapshots forgotten", incident, "shown_open=_all(a.shown_open, b.shown_open)", "shown_open=a.shown_open"),
    ("resolutions forgotten", incident, "resolved=_all(a.resolved, b.resolved)", "resolved=b.resolved"),
    ("the first merge wins", incident, "return max(filter(None, (a, b)), key=lambda m", "return min(filter(None, (a, b)), key=lambda m"),
    ("the latest acknowledgement", incident, "acknowledged=_earliest(", "acknowledged=_latest("),
    ("a known role forgotten", incident, "role=_first_role(a.role, b.role)", "role=b.role"),
    ("a receipt is open evidence", incident, "seen.at if seen.opens else None", "at if seen.opens else None"),
    ("reopened_at ignored", incident, "_latest(seen.opened_at, seen.at", "_latest(None, seen.at"),
    ("snapshots right after the end count", view, "if not any(0 <= time - end", "if not any(time < end and 0 <= time - end"),
    ("the latest resolution", view, "return min((end for end", "return max((end for end"),
    ("a resolution needs to be after", view, "if end >= opened", "if end > opened"),
    ("a reopened incident stays merged", view, "max(lead.merged.at, started_at) >= opened", "lead.merged.at > 0"),
    ("Associated alerts tell, too", view, 'strand.role in ("responder", None)', 'strand.role != "owner"'),
    ("Responders overrule Owners", view, "{**fill.fields, **lead.fields}", "{**lead.fields, **fill.fields}"),
    ("Responders decide the end", view, "owners or others or Strand()", "others or owners or Strand()"),
    ("every result is exact", view, "approximate=untyped", "approximate=False"),
)


def _mutated(module: ModuleType, old: str, new: str) -> ModuleType:
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__name__}"
    mutant = ModuleType(module.__name__)
    exec(compile(source.replace(old, new), module.__name__, "exec"), mutant.__dict__)
    return mutant


def _histories_notice(incidents: ModuleType, views: ModuleType) -> bool:
    for seed in range(600):
        told = history(seed)
        if any(fold(disordered(told, Random(turn)), incidents, views) != told.truth for turn in range(2)):
            return True
    return False


def _laws_notice(incidents: ModuleType) -> bool:
    try:
        find(
            strategies.pairs,
            lambda pair: incidents.merge(*pair) != incidents.merge(*reversed(pair)),
            settings=settings(max_examples=2000, database=None),
        )
    except NoSuchExample:
        return False
    return True


@pytest.mark.parametrize(("module", "old", "new"), [each[1:] for each in BREAKS], ids=[each[0] for each in BREAKS])
def test_a_break_is_noticed(module, old, new):
    """Each listed one-line break of merge or view contradicts a history's truth or a law."""
    mutant = _mutated(module, old, new)
    if module is view:
        assert _histories_notice(incident, mutant)
    else:
        assert _histories_notice(mutant, view) or _laws_notice(mutant)
