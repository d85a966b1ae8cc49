"""States and documents as JSON text."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from app.decide import Override
from app.document import ALWAYS, Document, request
from app.incident import Merged, Record, Register, State, Strand
from mappers.observation import Nanoseconds, Service, Value


def dump(state: State) -> str:
    """Write a state; equal ones give equal text."""
    return orjson.dumps(state, option=orjson.OPT_SORT_KEYS).decode()


def dump_document(document: Document) -> str:
    """Write a document as the body that DX gets; equal documents give equal text in every version."""
    return orjson.dumps(request(document), option=orjson.OPT_SORT_KEYS).decode()


def dump_deletion(reference_id: str) -> str:
    """Write the body of `incidents.delete`."""
    return orjson.dumps({"reference_id": reference_id}).decode()


def load_deletion(text: str) -> dict[str, object]:
    """Read what `dump_deletion` wrote."""
    body: dict[str, object] = orjson.loads(text)
    return body


def digest(text: str) -> str:
    """Return the digest of a text: 32 hex digits of SHA-256."""
    return sha256(text.encode()).hexdigest()[:32]


def load_document(text: str) -> Document:
    """Read what `dump_document` wrote."""
    body = orjson.loads(text)
    always = {key: body.pop(key) for key in ALWAYS}
    return Document(**always, values=body)


def load_state(text: str) -> State:
    """Read what `dump` wrote of a state; parts unknown to this version are passed over."""
    state = orjson.loads(text)
    strands = {name: _strand(strand) for name, strand in state["strands"].items()}
    record = state.get("record")
    return State(state["kind"], strands, Record(record["at"], _strand(record["strand"])) if record else None)


def dump_override(override: Override, at: Nanoseconds, by: str) -> str | None:
    """Write an operator's correction, when it was made and by which means; None where nothing is left of it."""
    if override == Override():
        return None
    return orjson.dumps({**orjson.loads(orjson.dumps(override)), "at": at, "by": by}).decode()


def load_override(text: str | None) -> Override:
    """Read what `dump_override` wrote of the correction itself."""
    said = orjson.loads(text) if text else {}
    return Override(*(said.get(key) for key in ("included", "started_at", "resolved_at")))


def _strand(strand: Mapping[str, Any]) -> Strand:
    """Read a strand; a part that an earlier version did not write has its default."""
    merged = strand.get("merged")
    return Strand(
        role=strand.get("role"),
        fields={name: _register(register) for name, register in strand.get("fields", {}).items()},
        created=strand.get("created"),
        first=strand.get("first"),
        opened=strand.get("opened"),
        shown_open=tuple(strand.get("shown_open", ())),
        resolved=tuple(strand.get("resolved", ())),
        inferred=tuple(strand.get("inferred", ())),
        merged=Merged(merged["at"], merged["into"]) if merged else None,
        deleted=strand.get("deleted"),
        acknowledged=strand.get("acknowledged"),
    )


def _register(register: Mapping[str, Any]) -> Register:
    return Register(register["at"], register["about"], _value(register["value"]))


def _value(value: Any) -> Value | None:
    if isinstance(value, list):
        return tuple(_service(item) if isinstance(item, dict) else item for item in value)
    return value  # type: ignore[no-any-return]


def _service(item: Mapping[str, Any]) -> Service:
    return Service(item["id"], item["name"])
