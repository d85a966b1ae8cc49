"""Records of a vendor's API into the store, as events that are folded and delivered like any other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

import orjson
from sqlalchemy import Connection, Engine

from app.authority import tells_more
from app.clock import Clock
from app.decide import Standing
from app.fold import Mapped, map_body
from app.in_force import InForce
from app.incident import State, merge
from app.plan import Change, change
from app.policy import Policy
from app.renew import judge
from app.settings import Settings
from app.sources import Source
from app.store import codec, events, incidents
from app.store.engine import reading
from app.store.incidents import Key, Stored
from app.vendors.reading import Body, VendorError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read:
    """A record, what it maps to, and the incident as it is held.

    `outcome` is `new` or `different` where it tells more than is held, else `known`, `ignored`,
    `unmappable` or `failed`.
    """

    body: Body
    mapped: Mapped
    held: Stored | None
    outcome: str

    @property
    def is_kept(self) -> bool:
        """Whether it is stored: what cannot be mapped, too, for people to see."""
        return self.outcome not in ("known", "ignored")


class Records:
    """Compares records of one source with what is held, and stores those that tell more."""

    def __init__(self, engine: Engine, settings: Settings, source: Source, clock: Clock) -> None:
        self._engine, self._settings, self._source, self._clock = engine, settings, source, clock
        self._in_force = InForce(settings.policy)

    def compare(self, bodies: Sequence[Body]) -> list[Read]:
        """Map records and find the incidents that they are about; nothing is written."""
        mapped = [map_body(self._source, body, self._clock.wall(), record=True) for body in bodies]
        ids = [each.key[1] for each in mapped if each.key]
        with reading(self._engine).begin() as connection:
            held = incidents.by_keys(connection, self._source.name, ids)
        return [_read(body, each, held) for body, each in zip(bodies, mapped, strict=True)]

    def store(self, connection: Connection, found: Iterable[Read]) -> None:
        """Store the records that tell more, in the caller's transaction."""
        kept = (_written(each) for each in found if each.is_kept)
        events.add_records(connection, self._source.name, kept, self._clock.wall())

    def changes(self, found: Iterable[Read]) -> Iterator[Change]:
        """Tell what these records would change in DX under the policy in force."""
        with reading(self._engine).begin() as connection:
            policy = self._in_force.now(connection).policy
        for each in found:
            if each.mapped.key and each.mapped.state:
                would = self._change(policy, each.mapped.key, each.mapped.state, each.held)
                if would:
                    yield would

    def _change(self, policy: Policy, key: Key, state: State, stored: Stored | None) -> Change | None:
        standing = Standing()
        if stored and stored.held.state:
            held = stored.held
            state = merge(codec.load_state(held.state or ""), state)
            standing = Standing(codec.load_override(held.override), held.in_dx(self._settings.dx_base_url))
        return change(key, stored, judge(policy, self._settings.sources, key, state, standing))


def _read(body: Body, mapped: Mapped, held: Mapping[str, Stored]) -> Read:
    if mapped.key is None or mapped.state is None or mapped.state.record is None:
        return Read(body, mapped, None, mapped.outcome)
    stored = held.get(mapped.key[1])
    if stored is None or stored.held.state is None:
        return Read(body, mapped, stored, "new")
    more = tells_more(codec.load_state(stored.held.state), mapped.state.record)
    return Read(body, mapped, stored, "different" if more else "known")


def guarded(read: Callable[[], T]) -> T:
    """Read from a vendor; an answer of an unexpected shape is a VendorError too."""
    try:
        return read()
    except (KeyError, TypeError, AttributeError) as error:
        raise VendorError(
            f"An answer of the vendor is not as documented ({type(error).__name__}: {error})"
        ) from error


def _written(read: Read) -> tuple[str, bytes]:
    """Return a key and a text; what cannot be mapped is the same one whenever it is read."""
    told = {key: value for key, value in read.body.items() if read.mapped.state or key != "read_at"}
    key, raw = (orjson.dumps(each, option=orjson.OPT_SORT_KEYS) for each in (told, read.body))
    return f"api:{sha256(key).hexdigest()[:40]}", raw
