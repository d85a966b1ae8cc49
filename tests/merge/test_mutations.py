"""Break merge and view on purpose, one line at a time: the rules or the histories have to notice."""

import inspect
from functools import reduce
from random import Random
from types import ModuleType

import pytest

from app import authority, incident, view
from tests.histories import history
from tests.merge.folding import disordered, fold
from tests.merge.record_rules import READINGS, RECORD_RULES
from tests.merge.rules import RECEIVED, RULES, results

BREAKS = (
    (
        "the earlier register wins",
        incident,
        "return a if a.at > b.at else b",
        "return b if a.at > b.at else a",
    ),
    (
        "event type about the field ignored",
        incident,
        "(r.about, r.value is not None",
        "(r.value is not None",
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
    ("the earlier record wins", incident, "last = max(a, b, key=_order)", "last = min(a, b, key=_order)"),
    (
        "records of one time by arrival",
        incident,
        "return record.at, repr(sorted(record.strand.fields.items())), repr(rest)",
        'return record.at, "", ""',
    ),
    (
        "records of one time by their fields alone",
        incident,
        "record.strand.fields.items())), repr(rest)",
        'record.strand.fields.items())), ""',
    ),
    (
        "a later record forgets the acknowledgement",
        incident,
        "acknowledged = _earliest(a.strand.acknowledged, b.strand.acknowledged)",
        "acknowledged = last.strand.acknowledged",
    ),
    (
        "a record ends with the beginning of its second",
        incident,
        "at = at - at % SECOND + SECOND - 1",
        "at = at - at % SECOND",
    ),
    ("a record is lost when webhooks come", incident, "else a.record or b.record", "else b.record"),
    (
        "a record acknowledges when it is read",
        incident,
        "acknowledged_at = at if seen.acknowledged_at is None else seen.acknowledged_at",
        "acknowledged_at = at",
    ),
    ("no webhook only shows", incident, "if seen.resolves and seen.infers else ()", "if False else ()"),
    (
        "what was only shown is forgotten",
        incident,
        "inferred=_all(a.inferred, b.inferred)",
        "inferred=a.inferred",
    ),
    (
        "webhooks go before a record",
        view,
        "under(state.record, owners or unknown or Strand()), False",
        "lead, False",
    ),
    (
        "a record is approximate",
        view,
        "under(state.record, owners or unknown or Strand()), False",
        "under(state.record, lead), untyped",
    ),
    (
        "a record alone gives existence",
        view,
        "bool(owners or others or state.record)",
        "bool(owners or others)",
    ),
    ("every resolution is told", view, "inferred=resolved_at in", "inferred=None in"),
    ("an inferred end is exact", authority, "if inferred else ()", "if False else ()"),
    ("an end before a reopening counts", authority, "opened <= time <= resolution", "time <= resolution"),
    ("no webhook is more precise", authority, "truth = told if precise is None", "truth = told if True"),
    ("the same resolution a minute apart", authority, "= 2 * SECOND", "= 60 * SECOND"),
    ("another one a second apart", authority, "= 2 * SECOND", "= 1 * SECOND"),
    ("the least precise resolution", authority, "return min(near,", "return max(near,"),
    ("a resolution only shown is precise", authority, ".difference(webhooks.inferred)", ""),
    ("older fields count", authority, "name not in told.fields or register.at > at", "True"),
    (
        "fields beside the record's are lost",
        authority,
        "if name not in told.fields or register.at > at",
        "if register.at > at",
    ),
    (
        "the webhooks' creation counts",
        authority,
        "created=webhooks.created if told.created is None else None",
        "created=webhooks.created",
    ),
    (
        "older openings count",
        authority,
        "if opened is not None and opened > max(at, resolution_ends) else None",
        "if opened is not None else None",
    ),
    (
        "openings count within the resolution's second",
        authority,
        "and opened > max(at, resolution_ends)",
        "and opened > at",
    ),
    (
        "openings count after the resolution's second alone",
        authority,
        "and opened > max(at, resolution_ends)",
        "and opened > resolution_ends",
    ),
    (
        "older snapshots count",
        authority,
        "if time > max(at, resolution_ends + SAME_RESOLUTION)",
        "if time > 0",
    ),
    (
        "snapshots right after the resolution's second count",
        authority,
        "resolution_ends + SAME_RESOLUTION)",
        "resolution_ends)",
    ),
    (
        "older resolutions count",
        authority,
        "resolved=tuple(time for time in webhooks.resolved if time > at)",
        "resolved=webhooks.resolved",
    ),
    (
        "older resolutions are still inferred",
        authority,
        "inferred=tuple(time for time in webhooks.inferred if time > at)",
        "inferred=webhooks.inferred",
    ),
    (
        "later ones never are",
        authority,
        "inferred=tuple(time for time in webhooks.inferred if time > at)",
        "inferred=()",
    ),
    (
        "older deletions count",
        authority,
        "deleted=webhooks.deleted if webhooks.deleted is not None and webhooks.deleted > at else None",
        "deleted=webhooks.deleted",
    ),
    ("a resolution is at the beginning of its second", authority, "if resolution % SECOND == 0", "if False"),
    (
        "services stay without their names",
        authority,
        "name=each.name or names.get(each.id)",
        "name=each.name",
    ),
    (
        "services keep their old names",
        authority,
        "name=each.name or names.get(each.id)",
        "name=names.get(each.id) or each.name",
    ),
    ("every record tells more", authority, "spoken > known.at or _content", "True or _content"),
    ("webhooks in between do not matter", authority, "spoken > known.at or _content", "_content"),
    (
        "only webhooks in between matter",
        authority,
        "return spoken > known.at or",
        "return spoken > known.at and",
    ),
    ("an older record tells more", authority, "if record.at <= known.at:", "if False:"),
    ("a field tells when it was read", authority, "replace(register, at=0)", "register"),
    ("an open record tells when it was read", authority, "else told.opened - at", "else told.opened"),
    (
        "a merge tells when it was read",
        authority,
        "told.merged and replace(told.merged, at=0)",
        "told.merged",
    ),
    ("a deletion tells when it was read", authority, "told.deleted and 0", "told.deleted"),
    (
        "an unknown end tells when it was read",
        authority,
        "in told.resolved if time != at",
        "in told.resolved",
    ),
    ("fields in between do not matter", authority, "*filter(None, times), *told", "*filter(None, times)"),
)


def _mutants(module: ModuleType, old: str, new: str) -> tuple[ModuleType, ModuleType, ModuleType]:
    """Return state, view and authority with one line of one of them broken."""
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__name__}"
    broken = {module: source.replace(old, new)}
    incidents, views, authorities = (_module(each, broken.get(each)) for each in (incident, view, authority))
    views.__dict__.update(join=incidents.__dict__["join"], under=authorities.__dict__["under"])
    authorities.__dict__.update({name: incidents.__dict__[name] for name in ("join", "later_record")})
    return incidents, views, authorities


def _module(original: ModuleType, source: str | None) -> ModuleType:
    copy = ModuleType(original.__name__)
    exec(compile(source or inspect.getsource(original), original.__name__, "exec"), copy.__dict__)
    return copy


def _rules_notice(incidents: ModuleType, views: ModuleType) -> bool:
    rules = (*RULES, *RECORD_RULES)
    found = ((rule, shown) for rule in rules for shown in results(rule, incidents, views))
    return any(shown != rule.expected for rule, shown in found)


def _readings_notice(incidents: ModuleType, authorities: ModuleType) -> bool:
    for reading in READINGS:
        held = reduce(incidents.merge, [incidents.observe(each, RECEIVED) for each in reading.held])
        record = incidents.observe(reading.record, RECEIVED).record
        if authorities.tells_more(held, record) is not reading.more:
            return True
    return False


def _histories_notice(incidents: ModuleType, views: ModuleType) -> bool:
    told = ((seed, history(seed)) for seed in range(150))
    return any(fold(disordered(each, Random(seed)), incidents, views) != each.truth for seed, each in told)


@pytest.mark.parametrize(
    ("module", "old", "new"), [each[1:] for each in BREAKS], ids=[each[0] for each in BREAKS]
)
def test_a_break_is_noticed(module, old, new):
    """Each listed one-line break of merge or view contradicts a rule or a history's truth."""
    incidents, views, authorities = _mutants(module, old, new)
    noticed = _rules_notice(incidents, views) or _readings_notice(incidents, authorities)
    assert noticed or _histories_notice(incidents, views)


def test_nothing_is_noticed_without_a_break():
    """The check itself accepts the modules as they are."""
    incidents, views, authorities = _mutants(incident, "def join(", "def join(")
    assert not _rules_notice(incidents, views)
    assert not _readings_notice(incidents, authorities)
    assert not _histories_notice(incidents, views)
