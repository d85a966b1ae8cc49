"""States and documents as text: what is written is what is read, and equal values give equal texts."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.document import ALWAYS, Document
from app.incident import Merged, Record, Register, State, Strand
from app.store.codec import digest, dump, dump_document, load_document, load_state
from mappers.observation import Service

times = st.integers(0, 2**63 - 1)
sets_of_times = st.frozensets(times, max_size=4).map(lambda found: tuple(sorted(found)))
services = st.builds(Service, id=st.none() | st.text(), name=st.text(min_size=1))
values = st.one_of(
    st.none(),
    st.text(),
    st.integers(-(2**63), 2**63 - 1),
    st.lists(st.text(), max_size=3).map(tuple),
    st.lists(services, max_size=3).map(tuple),
)
strands = st.builds(
    Strand,
    role=st.sampled_from([None, "owner", "responder", "associated"]),
    fields=st.dictionaries(st.text(), st.builds(Register, times, st.booleans(), values), max_size=4),
    created=st.none() | times,
    first=st.none() | times,
    opened=st.none() | times,
    shown_open=sets_of_times,
    resolved=sets_of_times,
    inferred=sets_of_times,
    merged=st.none() | st.builds(Merged, times, st.text()),
    deleted=st.none() | times,
    acknowledged=st.none() | times,
)
states = st.builds(
    State,
    st.sampled_from(["incident", "alert"]),
    st.dictionaries(st.text(), strands, max_size=3),
    st.none() | st.builds(Record, times, strands),
)
shown = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
documents = st.builds(
    Document,
    st.text(),
    st.text(),
    st.none() | st.text(),
    st.dictionaries(st.text().filter(lambda key: key not in ALWAYS), shown, max_size=4),
)

FULL = State(
    "incident",
    {
        "A1": Strand(
            role="owner",
            fields={
                "name": Register(1_704_067_200_123_456_789, about=False, value="Disk „full“ \u2028 🔥"),
                "priority": Register(2, about=True, value=None),
                "number": Register(3, about=False, value=42),
                "teams": Register(4, about=False, value=("Ops", "Edge")),
                "services": Register(
                    5, about=False, value=(Service("PF9KMXH", "API"), Service(name="Web"), Service(id="S"))
                ),
            },
            created=1,
            first=2,
            opened=3,
            shown_open=(4, 5),
            resolved=(6, 7),
            inferred=(7,),
            merged=Merged(8, "PT4KHLK"),
            deleted=9,
            acknowledged=10,
        ),
        "": Strand(),
    },
    Record(11, Strand(fields={"name": Register(11, about=False, value="Disk full")}, merged=Merged(11, ""))),
)
DOCUMENT = Document(
    "PGR0VU2",
    "2024-01-01T11:22:33Z",
    None,
    {"name": "Disk full", "services": [{"identifier": "api", "name": "API"}], "metadata": {"number": 42}},
)


def places(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a state's JSON that a later version may add keys to."""
    strand, record = value["strands"]["A1"], value["record"]
    of_record = [record, record["strand"], record["strand"]["fields"]["name"]]
    return [value, strand, strand["fields"]["name"], strand["merged"], *of_record]


@settings(deadline=None)
@given(states)
def test_a_state_is_read_as_it_was_written(state: State) -> None:
    """Nothing of the evidence is lost or changed by writing it down, to the nanosecond."""
    assert load_state(dump(state)) == state


def test_every_part_of_a_state_is_read_as_it_was_written() -> None:
    """A state with all of its parts, nulls and empty ones included, comes back the same."""
    assert load_state(dump(FULL)) == FULL


def test_a_state_that_was_read_is_made_of_tuples() -> None:
    """What comes back can be hashed and joined as before: lists have become tuples again."""
    strand = load_state(dump(FULL)).strands["A1"]
    assert [type(strand.resolved), type(strand.fields["teams"].value)] == [tuple, tuple]


@settings(deadline=None)
@given(documents)
def test_a_document_is_read_as_it_was_written(document: Document) -> None:
    """A document that holds what JSON can hold comes back the same."""
    assert load_document(dump_document(document)) == document


def test_a_document_read_and_written_again_keeps_its_digest() -> None:
    """Tuples become lists once, and the text stays the same."""
    text = dump_document(Document("R", "s", None, {"metadata": {"teams": ("Ops", "Edge")}}))
    assert dump_document(load_document(text)) == text


@settings(deadline=None)
@given(states)
def test_the_order_of_keys_does_not_show(state: State) -> None:
    """Equal states give equal texts, in whatever order their parts came."""
    turned = State(state.kind, dict(reversed(list(state.strands.items()))), state.record)
    assert dump(turned) == dump(state)


@settings(deadline=None)
@given(states, states)
def test_different_states_give_different_texts(one: State, other: State) -> None:
    """A text stands for one state alone."""
    assert (dump(one) == dump(other)) == (one == other)


def test_the_text_is_json() -> None:
    """Any program can read it."""
    assert json.loads(dump_document(DOCUMENT)) == {
        "reference_id": "PGR0VU2",
        "started_at": "2024-01-01T11:22:33Z",
        "resolved_at": None,
        **DOCUMENT.values,
    }


@settings(deadline=None)
@given(states)
def test_a_state_of_before_records_is_read(state: State) -> None:
    """What a version wrote that knew no records is read as webhooks alone, none of them inferred."""
    written = json.loads(dump(state))
    del written["record"]
    for strand in written["strands"].values():
        del strand["inferred"]
    before = {name: replace(strand, inferred=()) for name, strand in state.strands.items()}
    assert load_state(json.dumps(written)) == State(state.kind, before)


@pytest.mark.parametrize(
    "place",
    range(7),
    ids=["state", "strand", "register", "merged", "record", "record's strand", "record's register"],
)
def test_parts_of_a_later_version_are_passed_over(place: int) -> None:
    """After a step back to this version, what a later one has added does not stop the reading."""
    value = json.loads(dump(FULL))
    places(value)[place]["of_a_later_version"] = {"x": 1}
    assert load_state(json.dumps(value)) == FULL


def test_a_digest_is_half_of_a_sha256() -> None:
    """32 hex digits, the same in every process and on every machine."""
    assert digest("") == "e3b0c44298fc1c149afbf4c8996fb924"


@pytest.mark.parametrize(
    "other",
    [
        Document("PGR0VU3", DOCUMENT.started_at, None, DOCUMENT.values),
        Document("PGR0VU2", "2024-01-01T11:22:34Z", None, DOCUMENT.values),
        Document("PGR0VU2", DOCUMENT.started_at, DOCUMENT.started_at, DOCUMENT.values),
        Document("PGR0VU2", DOCUMENT.started_at, None, {}),
        Document("PGR0VU2", DOCUMENT.started_at, None, {**DOCUMENT.values, "name": "Disk full "}),
    ],
    ids=["reference", "start", "end", "no values", "a space"],
)
def test_any_change_of_a_document_changes_its_digest(other: Document) -> None:
    """Whatever differs is due for delivery."""
    assert digest(dump_document(other)) != digest(dump_document(DOCUMENT))
