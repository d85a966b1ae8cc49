"""One vendor's world: its records and settings, and what it was asked."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from marshmallow import ValidationError

from app.sandbox.vendors.failures import Failures
from app.sandbox.vendors.limits import Journal, Limiter
from app.sandbox.vendors.settings import Settings, load_settings
from app.sandbox.vendors.store import Json, Records, Row


@dataclass(frozen=True, slots=True)
class Kind:
    """How records of one kind are read (ValueError or KeyError if one is bad), and what merges in them."""

    read: Callable[[Json, Settings], Row]
    merges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """What a vendor has: kinds of records, default settings, and the settings that only some have."""

    kinds: Mapping[str, Kind]
    defaults: Settings = field(default_factory=Settings)
    own: frozenset[str] = frozenset()


class Vendor:
    """One vendor; safe to use from any thread, and its routes hold `lock` while they read."""

    def __init__(
        self,
        definition: Definition,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.lock = threading.RLock()
        self.sleep = sleep
        self._definition, self._clock, self._wall = definition, clock, wall
        self.put({})

    def put(self, world: Any) -> None:
        """Replace everything, the log included, by a JSON object; ValidationError changes nothing."""
        settings, rows = self._read(world, self._definition.defaults, lambda _, record: record)
        with self.lock:
            self.settings, self.failures = settings, Failures(settings.fail)
            self.records = {kind: Records(rows.get(kind, ())) for kind in self._definition.kinds}
            self.limiter, self.journal = Limiter(self._clock), Journal(self._clock)

    def patch(self, world: Any) -> None:
        """Add records, or change the keys that are given of those that are held; likewise the settings."""
        with self.lock:
            settings, rows = self._read(world, self.settings, self._merged)
            if "fail" in world.get("settings", {}):
                self.failures = Failures(settings.fail)
            self.settings = settings
            for kind, changed in rows.items():
                for row in changed:
                    self.records[kind].add(row)

    def drop(self, kind: str, key: str) -> bool:
        """Delete one record as if the vendor had; False if there is none."""
        with self.lock:
            return kind in self.records and self.records[kind].drop(key)

    def shown(self, after: int = 0) -> Json:
        """Return how many records there are of each kind, and what was asked after request number `after`."""
        with self.lock:
            return self.counts() | {"requests": self.journal.shown(after)}

    def counts(self) -> Json:
        """Return how many records there are of each kind."""
        return {"records": {kind: len(records) for kind, records in self.records.items()}}

    def now(self) -> int:
        """Return the vendor's own time, in milliseconds since the epoch."""
        return int((self._wall() + self.settings.clock_offset) * 1000)

    def _read(
        self, world: Any, settings: Settings, prepare: Callable[[str, Json], Json]
    ) -> tuple[Settings, dict[str, list[Row]]]:
        unknown = set(world) - {*self._definition.kinds, "settings"} if isinstance(world, dict) else {"world"}
        if unknown:
            raise ValidationError({key: ["Unknown, or not an object."] for key in sorted(unknown)})
        settings = replace(settings, **load_settings(world.get("settings", {}), self._definition.own))
        kinds = {key: value for key, value in world.items() if key != "settings"}
        return settings, {key: self._rows(key, value, settings, prepare) for key, value in kinds.items()}

    def _rows(
        self, kind: str, records: Any, settings: Settings, prepare: Callable[[str, Json], Json]
    ) -> list[Row]:
        if not isinstance(records, list):
            raise ValidationError({kind: ["Not a list."]})
        read, rows = self._definition.kinds[kind].read, []
        for place, record in enumerate(records):
            try:
                rows.append(read(prepare(kind, _identified(record)), settings))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ValidationError({kind: {place: [f"{type(error).__name__}: {error}"]}}) from error
        return rows

    def _merged(self, kind: str, record: Json) -> Json:
        row = self.records[kind].get(record["id"])
        held: Json = orjson.loads(row.raw) if row else {}
        deep = held.keys() & record.keys() & set(self._definition.kinds[kind].merges)
        deeper = {key: held[key] | record[key] for key in deep}
        return held | record | deeper


def _identified(record: Any) -> Json:
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        raise ValueError("a record is an object with the text `id`")  # noqa: TRY004  all bad records alike
    return record
