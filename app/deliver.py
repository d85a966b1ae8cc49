"""Incidents to DX: claim what is due, have DX called, settle the answers.

Only the pipeline's own thread touches the database; `app.calling` has the threads that do nothing but HTTP.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import ceil
from random import Random

import structlog
from sqlalchemy import Connection, Engine

from app import metrics, retry
from app.calling import Callers, Destination, Slot
from app.clock import Clock
from app.store import claims, sender
from app.store.claims import Claim
from app.store.engine import reading
from app.store.settlement import Awaited, Call, Settlement, awaited
from mappers.fields import SECOND

log = structlog.get_logger()

_REMEDIES = {
    "running": "nothing: incidents reach DX",
    "probing": "nothing: one call at a time finds out when DX is back; look at DX's status if it lasts",
    "held": "repair what `reason` names (invalid_auth: DX_API_TOKEN) and restart; docs/operations.md",
}


class Deliverer:
    """Delivers due incidents with at most `concurrency` calls in flight."""

    def __init__(
        self,
        engine: Engine,
        to: Destination,
        clock: Clock,
        random: Random,
        ring: Callable[[], object] = lambda: None,
    ) -> None:
        """Make one that calls `ring`, in any thread, when an answer can be settled."""
        self._engine, self._to, self._clock, self._random = engine, to, clock, random
        self._reading, self._callers = reading(engine), Callers(to, clock, ring)
        self._answered: list[Call | Claim] = []
        self._in_flight = 0
        self._seen_leases: dict[str, float] = {}

    def turn(self) -> bool:
        """Settle what has been answered and claim what is due, in one transaction; return whether anything was."""
        self._collect()
        return self._transact(self._room())

    @property
    def idle(self) -> bool:
        """Whether no call is under way and no answer waits to be settled."""
        return self._in_flight == 0

    def has_work(self) -> bool:
        """Whether anything is to be sent, now or later, or is under way."""
        with self._reading.begin() as connection:
            return self._in_flight > 0 or claims.is_anything_left(connection)

    def stop(self) -> None:
        """Begin no further call; those under way go on, and `settle` takes their answers."""
        self._callers.stop()

    def settle(self) -> bool:
        """Settle all answers at hand in one transaction."""
        self._collect()
        return self._transact(room=0)

    def free_dead_leases(self) -> None:
        """End leases that this process has watched for longer than any call may last.

        A lease is a token of its own for each claim, so the watcher's steady clock alone tells its age.
        """
        with self._reading.begin() as connection:
            leases = claims.leases(connection)
        now = self._clock.steady()
        self._seen_leases = {lease: self._seen_leases.get(lease, now) for lease in leases}
        longest = self._to.timeout + self._to.outlive
        dead = [lease for lease, since in self._seen_leases.items() if now - since > longest]
        if dead:
            log.warning("leases outlived their calls", leases=len(dead))
            with self._engine.begin() as connection:
                claims.free(connection, dead)

    def _collect(self) -> None:
        self._answered += self._callers.results()  # kept until committed: the database may fail meanwhile

    def _transact(self, room: int) -> bool:
        """Settle what was collected and claim into the room there is; return whether there was anything."""
        if not self._answered and not (room and self._is_due()):
            return False
        begun = self._clock.steady()
        with self._engine.begin() as connection:
            row = sender.load(connection, self._clock.wall(), lock=True)  # before incidents, always
            state, brought = self._settle(connection, row.sender)
            self._callers.is_open = state.state == "running" and not row.paused
            begin = self._claim(connection, replace(row, sender=state), room)
        _report(row.sender, state, self._answered)
        metrics.settled(self._answered, brought, self._clock.wall())
        worked = bool(self._answered or begin)
        self._in_flight += len(begin) - len(self._answered)
        self._answered = []
        for claim, slot in begin:
            self._callers.begin(claim, begun, slot)
        return worked

    def _room(self) -> int:
        ahead = 0 if self._to.max_rps else self._to.ahead  # its slot would pass while it waits for a thread
        free = self._to.concurrency + ahead - self._in_flight + len(self._answered)
        return 0 if self._callers.are_stopping else free

    def _is_due(self) -> bool:
        with self._reading.begin() as connection:
            return claims.is_due(connection, self._clock.wall())

    def _settle(self, connection: Connection, before: retry.Sender) -> tuple[retry.Sender, list[Awaited]]:
        """Settle the answers; return the sender's state after them, and the webhooks they bring to DX."""
        if not self._answered:
            return before, []
        now, after = self._clock.wall(), before
        claimed = [each if isinstance(each, Claim) else each.claim for each in self._answered]
        settlement = Settlement(connection, claimed, before.refused, self._random, now)
        brought = awaited(connection, _confirmed(self._answered))
        for result in self._answered:
            if isinstance(result, Claim):
                settlement.give_back(result)
                after = replace(after, next_probe_at=now) if result.probe else after
            else:
                after = _take_in(settlement, after, result, now)
        settlement.write()
        if after != before:
            sender.save(connection, after)
        return after, brought

    def _claim(self, connection: Connection, row: sender.Row, room: int) -> list[tuple[Claim, Slot]]:
        now = self._clock.wall()
        probe = row.sender.state != "running"
        away = int((self._to.timeout + self._to.outlive) * SECOND)
        if not room or row.paused or (probe and not _probe_is_due(row.sender, now, away)):
            return []
        slots = _free_slots(row, 1 if probe else room, self._to)
        found = claims.claim(connection, len(slots), self._to.base_url, now, probe=probe)
        if found and self._to.max_rps:
            sender.take_slots(connection, slots[len(found) - 1].at + ceil(SECOND / self._to.max_rps))
        if found and probe:
            sender.save(connection, replace(row.sender, next_probe_at=now + away))
        return list(zip(found, slots, strict=False))


def _take_in(settlement: Settlement, before: retry.Sender, call: Call, now: int) -> retry.Sender:
    """Let an answer decide about its incident and the sender; return the sender's state after it."""
    if call.wants_no_metadata:
        after = retry.answered(before, now)
    else:
        after = retry.learn(before, call.answer, call.claim.incident_id, probe=call.claim.probe, now=now)
    settlement.record(call, after)
    if after.state == "held" and call.answer.meaning == "refused" and _is_everybodys(before, after):
        settlement.unpark(after.refused)
    return after


def _is_everybodys(before: retry.Sender, after: retry.Sender) -> bool:
    """Whether a refusal has just shown that DX refuses all."""
    were, are = (len(each.refused) >= retry.REFUSALS_IN_A_ROW for each in (before, after))
    return are and (before.state != "held" or not were)


def _confirmed(results: Iterable[Call | Claim]) -> list[Call]:
    return [each for each in results if isinstance(each, Call) and each.answer.meaning == "confirmed"]


def _probe_is_due(state: retry.Sender, now: int, away: int) -> bool:
    """A probe further ahead than any interval means that the clock has jumped."""
    return state.next_probe_at <= now or state.next_probe_at > now + retry.LONGEST_BACKOFF + away


def _free_slots(row: sender.Row, room: int, to: Destination) -> list[Slot]:
    """Return when the next calls may begin: evenly spaced, so without bursts, and soon.

    Only slots within a quarter of the outlive time are given out: a claim must not wait its lease away.
    """
    now = row.pace_now
    if not to.max_rps:
        return [Slot(now, 0.0)] * room
    horizon, apart = int(min(1.0, to.outlive / 4) * SECOND), ceil(SECOND / to.max_rps)
    ahead = row.next_slot_at - now
    first = ahead if 0 < ahead <= horizon + apart else 0  # further ahead: the clock has jumped
    delays = (first + number * apart for number in range(room))
    return [Slot(now + delay, delay / SECOND) for delay in delays if delay <= horizon]


def _report(before: retry.Sender, after: retry.Sender, answered: Iterable[Call | Claim]) -> None:
    """Log what is settled by now, and so once."""
    for each in answered:
        if isinstance(each, Call):
            _report_call(each)
    if after.state != before.state:
        told = {"was": before.state, "reason": after.reason, "do": _REMEDIES[after.state]}
        log.warning("sender state changed", state=after.state, **told)


def _report_call(call: Call) -> None:
    answer = call.answer
    say = log.info if answer.meaning == "confirmed" else log.warning
    say(
        "call to DX",
        **call.claim.told,
        **({} if answer.status is None else {"status": answer.status}),
        method=call.claim.method,
        meaning=answer.meaning,
        code=answer.code,
        duration_ms=call.duration_ms,
    )
