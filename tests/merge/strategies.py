"""Random observations, small enough that times, values and strands collide often."""

from dataclasses import replace

from hypothesis import strategies as st

from app.incident import State, merge, observe
from mappers.observation import Observation, Service

times = st.integers(1, 12).map(lambda tick: tick * 500_000_000)
values = st.none() | st.sampled_from(["a", "b"]) | st.just(("t",)) | st.just((Service("S1", "one"),))
fields = st.dictionaries(st.sampled_from(["name", "priority", "services"]), values, max_size=3)

observations = st.builds(
    Observation,
    vendor_id=st.just("X"),
    kind=st.sampled_from(["incident", "alert"]),
    at=st.none() | times,
    fields=fields,
    about=st.frozensets(st.sampled_from(["name", "priority"]), max_size=2),
    created_at=st.none() | times,
    opened_at=st.none() | times,
    opens=st.booleans(),
    shows_open=st.booleans(),
    resolves=st.booleans(),
    merged_into=st.none() | st.sampled_from(["", "T1", "T2"]),
    deleted=st.booleans(),
    acknowledged=st.booleans(),
    strand=st.sampled_from(["", "A1", "A2"]),
    role=st.none() | st.sampled_from(["owner", "responder", "associated"]),
)


def _record(over: bool, resolved_at: int, seen: Observation) -> Observation:
    """Return a record as mappers make them: open, or over at a time of its own."""
    if over:
        return replace(seen, resolves=True, resolved_at=resolved_at)
    return replace(seen, opens=True, infers=False, merged_into=None)


records = st.builds(
    _record,
    st.booleans(),
    times,
    st.builds(
        Observation,
        vendor_id=st.just("X"),
        kind=st.just("alert"),  # the kind that says nothing: beside it any other stands
        at=times,
        fields=fields,
        created_at=times,
        infers=st.booleans(),
        merged_into=st.none() | st.sampled_from(["", "T1", "T2"]),
        acknowledged=st.booleans(),
        acknowledged_at=st.none() | times,
        record=st.just(True),
    ),
)


def _merged(seen: list[tuple[Observation, int]]) -> State:
    first, *rest = (observe(each, received) for each, received in seen)
    for state in rest:
        first = merge(first, state)
    return first


states = st.lists(st.tuples(observations, times), min_size=1, max_size=4).map(_merged)
mixed_states = st.lists(st.tuples(observations | records, times), min_size=1, max_size=5).map(_merged)
"""Of webhooks and records of the vendor's API."""
