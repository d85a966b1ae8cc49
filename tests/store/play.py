"""Plays many histories at once, each with an incident of its own, through the deliverer's statements."""

from collections.abc import Sequence
from random import Random

from sqlalchemy import Connection, Engine

from app.decide import Action
from app.document import DELETE
from app.retry import Sender
from app.store import claims, incidents
from app.store.claims import Claim
from app.store.incidents import Held, Renewed
from app.store.settlement import Call, Settlement
from tests.store.dx import CONFIRMED, FakeDX, Outcome
from tests.store.scenarios import ENDS, Scenario
from tests.store.world import START, URL, renewed

_HOUR = 3600 * 1_000_000_000
_PORTION = 500
_FROZEN_FOR = {"frozen": 1, "frozen long": 2}  # rounds
_POLICY = "policy"  # of `tests.store.world.renewed`


class Play:
    """Scenarios side by side on one database, against one DX."""

    def __init__(self, engine: Engine, played: list[Scenario]) -> None:
        self.engine, self.played, self.dx, self.now = engine, played, FakeDX(), START
        self.random, self.by_id = Random(0), {}

    def run(self) -> None:
        """Play all; then DX gets well, and everything due is confirmed."""
        rounds = max(3, *(len(each.documents) for each in self.played))
        for number in range(rounds):
            self.change(number)
            self.end([each for each in self.played if each.open])
            self.begin(number)
            self.end([each for each in self.played if each.open and each.ends_at_once(number)])
            self.thaw(number)
        self.end([each for each in self.played if each.open])
        self.thaw(rounds + 1)
        self.drain()
        self.redeliver_refused()
        self.drain()

    def change(self, number: int) -> None:
        """Let the documents change; calls may be under way."""
        changed = {("s", each.name): each for each in self.played if number < len(each.documents)}
        keys = sorted(changed)
        with self.engine.begin() as connection:
            for start in range(0, len(keys), _PORTION):
                held = incidents.lock(connection, keys[start : start + _PORTION], self.now)
                self.by_id |= {each.id: changed[each.key] for each in held}
                for each in held:
                    changed[each.key].newest = number
                self._renew(connection, held)

    def decide_anew(self) -> None:
        """Decide anew about the incidents that an answer has asked it for, as the pipeline's renewal does."""
        with self.engine.begin() as connection:
            while ids := incidents.stale(connection, _POLICY, _PORTION):
                self._renew(connection, incidents.lock_by_id(connection, ids))

    def _renew(self, connection: Connection, held: list[Held]) -> None:
        made = [self._renewed(each, self.by_id[each.id]) for each in held]
        incidents.renew(connection, made, URL, self.now)

    def begin(self, number: int) -> None:
        """Claim what is due and make the calls of this round."""
        for scenario, claim in self.claim():
            assert scenario.open is None, "two calls for one incident at once"
            scenario.open = (claim, number, scenario.end(number))
            self.send(scenario, claim, scenario.end(number))

    def claim(self) -> list[tuple[Scenario, Claim]]:
        """Claim everything that is due."""
        with self.engine.begin() as connection:
            claimed = claims.claim(connection, 100_000, URL, self.now, probe=False)
        return [(self.by_id[each.incident_id], each) for each in claimed]

    def send(self, scenario: Scenario, claim: Claim, end: str) -> None:
        """Send a body to DX, unless the process crashes or freezes before."""
        if (outcome := ENDS[end]) is not None:
            self._write(claim, outcome)
            scenario.calls.append(end)

    def _write(self, claim: Claim, outcome: Outcome) -> None:
        self.dx.outcome = outcome
        write = self.dx.delete if claim.method == DELETE else self.dx.upsert
        write(claim.body, lambda: True)

    def end(self, ending: list[Scenario]) -> None:
        """Let calls end: settled, or their leases dead after DX applied what it was still at work on."""
        calls = [(scenario, *scenario.open) for scenario in ending if scenario.open]
        self.settle([(claim, ENDS[end]) for _, claim, _, end in calls if is_answered(end)])
        self.dx.land()
        dead = [claim.lease for _, claim, _, end in calls if end not in ("confirmed", "refused")]
        with self.engine.begin() as connection:
            if dead:
                claims.free(connection, dead)
        for scenario, claim, number, end in calls:
            scenario.open = None
            if end in _FROZEN_FOR:
                scenario.frozen.append((claim, number + _FROZEN_FOR[end]))
        self.now += _HOUR

    def thaw(self, number: int) -> None:
        """Let processes that froze in an earlier round write what they were about to, and settle."""
        late = []
        for scenario in self.played:
            thawed = [claim for claim, thaws in scenario.frozen if thaws <= number and not scenario.open]
            scenario.frozen = [each for each in scenario.frozen if each[0] not in thawed]
            for claim in thawed:
                self._write(claim, CONFIRMED)
                scenario.calls.append("frozen")
            late += thawed
        self.settle_late([(claim, CONFIRMED) for claim in late])
        self.decide_anew()

    def settle(self, answered: list[tuple[Claim, Outcome]]) -> None:
        """Settle answers in one transaction."""
        with self.engine.begin() as connection:
            for start in range(0, len(answered), _PORTION):
                portion = answered[start : start + _PORTION]
                settlement = self._settlement(connection, [claim for claim, _ in portion])
                for claim, outcome in portion:
                    settlement.record(Call(claim, outcome.answer, self.now, 5), Sender())
                settlement.write()

    def _settlement(
        self, connection: Connection, claims: Sequence[Claim] = (), refused: Sequence[int] = ()
    ) -> Settlement:
        return Settlement(connection, claims, refused, self.random, self.now)

    def settle_late(self, answered: list[tuple[Claim, Outcome]]) -> None:
        """Settle answers to claims that were lost."""
        self.settle(answered)

    def drain(self) -> None:
        """Confirm everything due until nothing is."""
        for _ in range(4):
            claims = self.claim()
            for scenario, claim in claims:
                self.send(scenario, claim, "confirmed")
            self.settle([(claim, CONFIRMED) for _, claim in claims])
            self.now += _HOUR
        assert self.claim() == []

    def redeliver_refused(self) -> None:
        """Ask once more for what is parked."""
        refused = [number for number, each in self.by_id.items() if "refused" in each.calls]
        with self.engine.begin() as connection:
            for start in range(0, len(refused), _PORTION):
                portion = refused[start : start + _PORTION]
                settlement = self._settlement(connection, refused=portion)
                settlement.unpark(portion)
                settlement.write()

    def wrong(self) -> list[Scenario]:
        """Return the histories that did not end with their newest document in DX."""
        return [each for each in self.played if not each.holds_newest(self.dx)]

    def too_many(self) -> list[Scenario]:
        """Return the histories that took more calls than their changes and doubts allow."""
        return [each for each in self.played if len(each.calls) > each.most_calls()]

    @staticmethod
    def _renewed(held: Held, scenario: Scenario) -> Renewed:
        out: Action = "delete" if held.in_dx(URL) else "none"
        return renewed(held, "{}", scenario.document(), out if scenario.is_gone() else "upsert")


def is_answered(end: str) -> bool:
    """Whether the process lives to settle this call in time."""
    return not end.startswith(("crash", "frozen"))
