"""The rules of the vendor's API record beside webhooks as examples. Times are seconds, a record's whole ones."""

from dataclasses import dataclass, replace
from typing import Any

from mappers.fields import SECOND
from mappers.observation import Observation, Service
from tests.merge.rules import ASSOCIATED, ENDED, OPENED, OWNER, RESPONDER, Rule, at, end, name, start


def read(second: int, **said: Any) -> Observation:
    """Return a record read at `second`, created at 10 unless said otherwise; open unless it tells an end."""
    if "acknowledged_at" in said:
        said |= {"acknowledged": True, "acknowledged_at": int(said["acknowledged_at"] * SECOND)}
    resolves = "resolved_at" in said
    return at(
        second, **{"created_at": 10, "record": True, "resolves": resolves, "opens": not resolves, **said}
    )


def acknowledged(shown: Any) -> float | None:
    return None if shown.acknowledged_at is None else shown.acknowledged_at / SECOND


def merged(shown: Any) -> Any:
    return shown.merged, shown.merged_into


def services(shown: Any) -> Any:
    return shown.fields.get("services")


def field(key: str) -> Any:
    return lambda shown: shown.fields.get(key)


NEW, OLD = {"name": "new"}, {"name": "old"}
NAMED = {"services": (Service("S1", "one"), Service("S2", "two"))}
OVER = read(30, resolved_at=20)
OPEN = read(30)
GUESSED = read(30, resolved_at=20, infers=True)
SHOWN_OVER = at(20, resolves=True, infers=True)
EARLY = read(19, resolved_at=20)
"""A record is certain only for the second before the question, so it may tell of what came after."""

RECORD_RULES = (
    Rule("a webhook of the record's second yields to it", (OPEN, at(30.999, resolves=True)), end, None),
    Rule("a webhook of the next second counts", (OPEN, at(31, resolves=True)), end, 31),
    Rule("an older field yields", (read(30, fields=NEW), at(30.999, fields=OLD)), name, "new"),
    Rule(
        "even if its event is about it",
        (read(30, fields=NEW), at(30.999, fields=OLD, about=frozenset({"name"}))),
        name,
        "new",
    ),
    Rule(
        "even in the last nanosecond of its second",
        (
            read(30, fields=NEW),
            replace(at(30, fields=OLD, about=frozenset({"name"})), at=31 * SECOND - 1),
        ),
        name,
        "new",
    ),
    Rule("a later field counts", (read(30, fields=OLD), at(31, fields=NEW)), name, "new"),
    Rule("an older opening yields", (OVER, at(25, opens=True)), end, 20),
    Rule("an older snapshot yields", (OVER, at(25, shows_open=True)), end, 20),
    Rule("an older `reopened_at` yields", (OVER, at(26, opened_at=25)), end, 20),
    Rule("an older `reopened_at` told later yields", (OVER, at(35, opened_at=25)), end, 20),
    Rule("a resolution 2 s away keeps its precision", (OVER, at(22, resolves=True)), end, 22),
    Rule("one before it, too", (OVER, at(18, resolves=True)), end, 18),
    Rule("its milliseconds are kept", (OVER, at(20.345, resolves=True)), end, 20.345),
    Rule("even if it came after the reading", (EARLY, at(20.345, resolves=True)), end, 20.345),
    Rule("one later than 2 s does not", (OVER, at(22.001, resolves=True)), end, 20),
    Rule("nor one earlier than that", (OVER, at(17.999, resolves=True)), end, 20),
    Rule(
        "the nearest of two keeps it", (OVER, at(18.5, resolves=True), at(20.75, resolves=True)), end, 20.75
    ),
    Rule("of two as near, the earlier", (OVER, at(19, resolves=True), at(21, resolves=True)), end, 19),
    Rule("a resolution only shown has none to keep", (OVER, at(20.5, resolves=True, infers=True)), end, 20),
    Rule("a resolution that no webhook told", (OPENED, OVER), end, 20),
    Rule("a resolution other than the webhook's", (OPENED, at(15, resolves=True), OVER), end, 20),
    Rule("an open record after a resolution is open", (OPENED, ENDED, OPEN), end, None),
    Rule("a later reopening undoes its resolution", (OVER, at(40, opens=True)), end, None),
    Rule("so does a later snapshot", (OVER, at(40, shows_open=True)), end, None),
    Rule("a resolution after that counts", (OVER, at(40, opens=True), at(50, resolves=True)), end, 50),
    Rule("a later second resolution does not move it", (OVER, at(40, resolves=True)), end, 20),
    Rule("a snapshot 2 s after its resolution does not reopen", (EARLY, at(22.9, shows_open=True)), end, 20),
    Rule("a snapshot later than that does", (EARLY, at(23, shows_open=True)), end, None),
    Rule(
        "an acknowledgement in the second of its resolution does not reopen",
        (EARLY, at(20.5, opens=True, acknowledged=True)),
        end,
        20,
    ),
    Rule("one in the second after does", (EARLY, at(21, opens=True)), end, None),
    Rule(
        "its resolution before its start is at the start", (read(30, created_at=25, resolved_at=20),), end, 25
    ),
    Rule("its start goes before an earlier one", (at(5, created_at=4), read(30, created_at=8)), start, 8),
    Rule("its start goes before a later one", (OWNER, read(30, kind="incident", created_at=7)), start, 7),
    Rule("and before an Owner's earlier one", (OWNER, read(30, kind="incident", created_at=12)), start, 12),
    Rule("without a start of its own, the webhook's", (OPENED, replace(OPEN, created_at=None)), start, 10),
    Rule(
        "a field that it clears is cleared", (at(10, fields=OLD), read(30, fields={"name": None})), name, None
    ),
    Rule(
        "Responders do not fill it",
        (OWNER, RESPONDER, read(30, fields={"entity": None})),
        field("entity"),
        None,
    ),
    Rule("a field that it does not carry is the webhook's", (at(10, fields=OLD), OPEN), name, "old"),
    Rule("and a Responder's, where no Owner has given it", (OWNER, RESPONDER, OPEN), field("entity"), "e"),
    Rule(
        "a later service by its id alone gets its name",
        (read(30, fields=NAMED), at(40, fields={"services": (Service("S2"), Service("S3"))})),
        services,
        (Service("S2", "two"), Service("S3")),
    ),
    Rule(
        "a name of its own is kept",
        (read(30, fields=NAMED), at(40, fields={"services": (Service("S1", "renamed"),)})),
        services,
        (Service("S1", "renamed"),),
    ),
    Rule(
        "services cleared later are cleared",
        (read(30, fields=NAMED), at(40, fields={"services": None})),
        services,
        None,
    ),
    Rule(
        "its earlier acknowledgement counts",
        (at(16.5, acknowledged=True), read(30, acknowledged_at=15)),
        acknowledged,
        15,
    ),
    Rule(
        "a webhook's earlier one counts",
        (at(14.5, acknowledged=True), read(30, acknowledged_at=15)),
        acknowledged,
        14.5,
    ),
    Rule(
        "an acknowledgement outlives a record without it",
        (read(30, acknowledged_at=15), read(50, resolved_at=40)),
        acknowledged,
        15,
    ),
    Rule(
        "the earlier of two is kept",
        (read(30, acknowledged_at=15), read(50, acknowledged_at=40)),
        acknowledged,
        15,
    ),
    Rule("the later record tells the end", (OVER, read(40)), end, None),
    Rule("the later record tells the fields", (read(30, fields=OLD), read(40, fields=NEW)), name, "new"),
    Rule("the later record tells the start", (read(30, created_at=7), read(40, created_at=8)), start, 8),
    Rule("it leaves nothing of the earlier one's fields", (read(30, fields=OLD), read(40)), name, None),
    Rule(
        "of two with one time, always the same",
        (read(30, fields={"name": "a"}), read(30, fields={"name": "b"})),
        name,
        "b",
    ),
    Rule("of two that differ in their end alone, too", (OPEN, OVER), end, 20),
    Rule(
        "it tells the target of a merge",
        (at(20, resolves=True, merged_into="T1"), read(30, resolved_at=20, merged_into="T2")),
        merged,
        (True, "T2"),
    ),
    Rule(
        "where it does not, the webhook does",
        (OPENED, at(20.5, resolves=True, merged_into="T1"), OVER),
        merged,
        (True, "T1"),
    ),
    Rule(
        "a later reopening undoes its merge",
        (read(30, resolved_at=20, merged_into="T2"), at(40, opens=True)),
        merged,
        (False, None),
    ),
    Rule(
        "an open record undoes a webhook's",
        (OPENED, at(20, resolves=True, merged_into="T1"), OPEN),
        merged,
        (False, None),
    ),
    Rule(
        "an older deletion yields",
        (at(25, resolves=True, deleted=True), OVER),
        lambda shown: shown.deleted,
        False,
    ),
    Rule(
        "a later deletion counts",
        (at(40, resolves=True, deleted=True), OVER),
        lambda shown: shown.deleted,
        True,
    ),
    Rule(
        "nothing is approximate beside it",
        (at(10, strand="A1", role=None, created_at=10), OPEN),
        lambda shown: shown.approximate,
        False,
    ),
    Rule("Associated alerts alone are not, either", (ASSOCIATED, OPEN), lambda shown: shown.known, True),
    Rule("a resolution only shown is inferred", (OPENED, SHOWN_OVER), lambda shown: shown.inferred, True),
    Rule(
        "an alert's close is, for its incident",
        (OWNER, replace(SHOWN_OVER, strand="A1")),
        lambda shown: shown.inferred,
        True,
    ),
    Rule("beside a record it is not", (OPENED, SHOWN_OVER, OVER), lambda shown: shown.inferred, False),
    Rule(
        "nor where a webhook tells an earlier one",
        (OPENED, SHOWN_OVER, at(15, opens=True), at(19, resolves=True)),
        lambda shown: shown.inferred,
        False,
    ),
    Rule(
        "after an open record it is again",
        (OPEN, at(40, resolves=True, infers=True)),
        lambda shown: shown.inferred,
        True,
    ),
    Rule(
        "a record may infer, too",
        (OPENED, replace(OVER, infers=True)),
        lambda shown: shown.inferred,
        True,
    ),
    Rule(
        "a merge that was undone before the record's resolution stays undone",
        (OPENED, at(12, resolves=True, merged_into="T1"), at(14, opens=True), ENDED, OVER),
        merged,
        (False, None),
    ),
    Rule(
        "a merge after that of the record counts",
        (
            read(30, resolved_at=20, merged_into="T2"),
            at(40, opens=True),
            at(50, resolves=True, merged_into="T3"),
        ),
        merged,
        (True, "T3"),
    ),
    Rule(
        "a reopening in the second of the resolution counts where a webhook tells it exactly",
        (EARLY, at(20.25, resolves=True), at(20.75, opens=True)),
        end,
        None,
    ),
    Rule(
        "a snapshot more than 2 s after it reopens where a webhook tells it exactly",
        (EARLY, at(20.25, resolves=True), at(22.75, shows_open=True)),
        end,
        None,
    ),
    Rule(
        "a resolution in the record's second is nearer than any other: its time is cut",
        (OVER, at(19.75, resolves=True), at(20.5, resolves=True)),
        end,
        20.5,
    ),
    Rule(
        "a resolution that was only shown is inferred before the start, too",
        (OPENED, at(5, resolves=True, infers=True)),
        lambda shown: shown.inferred,
        True,
    ),
    Rule(
        "an end that the record only infers yields to the one that a webhook told",
        (OPENED, at(12, resolves=True), GUESSED),
        end,
        12,
    ),
    Rule(
        "unless it was opened again since",
        (OPENED, at(12, resolves=True), at(15, opens=True), GUESSED),
        end,
        20,
    ),
    Rule(
        "likewise to one that a webhook has shown before",
        (OPENED, at(12, resolves=True, infers=True), GUESSED),
        end,
        12,
    ),
    Rule(
        "but not to one that a webhook shows later",
        (OPENED, at(25, resolves=True, infers=True), GUESSED),
        end,
        20,
    ),
    Rule(
        "a Responder's close after the record ends nothing: no Owner has told it",
        (OPEN, at(40, strand="r", role="responder", resolves=True)),
        end,
        None,
    ),
    Rule(
        "an alert of unknown type may be the Owner's",
        (OPEN, at(35, strand="r", role="responder"), at(40, strand="u", role=None, resolves=True)),
        end,
        40,
    ),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Evidence that is held, a record that is read then, and whether it tells more."""

    name: str
    held: tuple[Observation, ...]
    record: Observation
    more: bool


FULL = read(30, resolved_at=20, fields=OLD | NAMED, acknowledged_at=15, merged_into="T1")
LATER = replace(FULL, at=50 * SECOND)

READINGS = (
    Reading("the first one", (OPENED, ENDED), OVER, more=True),
    Reading("the same once more", (OPENED, ENDED, FULL), FULL, more=False),
    Reading("the same later", (OPENED, ENDED, FULL), LATER, more=False),
    Reading("the same later, open", (OPENED, OPEN), read(50), more=False),
    Reading(
        "the same later, deleted",
        (replace(OVER, deleted=True),),
        replace(OVER, deleted=True, at=50 * SECOND),
        more=False,
    ),
    Reading(
        "the same later, over at an unknown time",
        (at(30, record=True, resolves=True),),
        at(50, record=True, resolves=True),
        more=False,
    ),
    Reading("an older one", (OPENED, OVER), read(25), more=False),
    Reading("an older one that differs", (FULL,), read(25, fields=NEW), more=False),
    Reading("an older one since which webhooks spoke", (FULL, at(40, opens=True)), read(25), more=False),
    Reading("another name", (FULL,), replace(LATER, fields=NEW | NAMED), more=True),
    Reading("a name fewer", (FULL,), replace(LATER, fields=NAMED), more=True),
    Reading("a name cleared", (FULL,), replace(LATER, fields=NAMED | {"name": None}), more=True),
    Reading("another service", (FULL,), replace(LATER, fields=OLD), more=True),
    Reading("another start", (FULL,), replace(LATER, created_at=11 * SECOND), more=True),
    Reading("another end", (FULL,), replace(LATER, resolved_at=21 * SECOND), more=True),
    Reading("open again", (OVER,), read(50), more=True),
    Reading("over now", (OPEN,), read(50, resolved_at=40), more=True),
    Reading("another target of its merge", (FULL,), replace(LATER, merged_into="T2"), more=True),
    Reading("no merge any more", (FULL,), replace(LATER, merged_into=None), more=True),
    Reading("deleted now", (OVER,), replace(OVER, deleted=True, at=50 * SECOND), more=True),
    Reading("an earlier acknowledgement", (FULL,), replace(LATER, acknowledged_at=14 * SECOND), more=True),
    Reading("a later acknowledgement", (FULL,), replace(LATER, acknowledged_at=16 * SECOND), more=False),
    Reading("no acknowledgement any more", (FULL,), replace(LATER, acknowledged=False), more=False),
    Reading("an opening in between", (FULL, at(40, opens=True)), LATER, more=True),
    Reading("a snapshot in between", (FULL, at(40, shows_open=True)), LATER, more=True),
    Reading("a resolution in between", (OPEN, at(40, resolves=True)), read(50), more=True),
    Reading("a merge in between", (FULL, at(40, resolves=True, merged_into="T3")), LATER, more=True),
    Reading("a field in between", (FULL, at(40, fields=NEW)), LATER, more=True),
    Reading("a word of another alert in between", (FULL, at(40, strand="A1", fields=NEW)), LATER, more=True),
    Reading(
        "nothing since the record's second", (FULL, at(30.999, opens=True, fields=NEW)), LATER, more=False
    ),
    Reading(
        "another of the same second", (FULL,), replace(FULL, fields={"name": "other"} | NAMED), more=True
    ),
    Reading("an older one with an acknowledgement", (OVER,), read(25, acknowledged_at=15), more=True),
)
