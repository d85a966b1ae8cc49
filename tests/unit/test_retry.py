"""When DX is called again: the back-off of one incident, and the sender's state over any history of answers."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.answers import Answer
from app.retry import LONGEST_BACKOFF, Sender, backoff, learn
from mappers.fields import SECOND

NOW = 1_767_225_600 * SECOND
EARLIER = NOW - 3600 * SECOND

CONFIRMED = Answer("confirmed", "ok", status=200)
NOT_NOW = Answer("not_now", "http_503", status=503)
PATIENCE = Answer("not_now", "http_429", status=429, retry_after=120.0)
UNAUTHORISED = Answer("unauthorised", "invalid_auth", status=422)
REFUSED = Answer("refused", "invalid_arguments", status=422)
ANSWERS = (CONFIRMED, NOT_NOW, PATIENCE, UNAUTHORISED, REFUSED)

RUNNING = Sender(since=EARLIER)
PROBING = Sender("probing", "timeout", EARLIER, probes=3, next_probe_at=NOW)
HELD = Sender("held", "not_authed", EARLIER, probes=3, next_probe_at=NOW)
SENDERS = {"running": RUNNING, "probing": PROBING, "held": HELD}


class Extreme(Random):
    """Draws the lower or the upper end of every range."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self._share


def told(sender: Sender, answer: Answer, incident: int = 1, *, probe: bool = False) -> Sender:
    """Let the sender learn of an answer at NOW."""
    return learn(sender, answer, incident, probe=probe, now=NOW)


def refuse(sender: Sender, incidents: range, answer: Answer = REFUSED) -> Sender:
    """Let the sender learn that these incidents were refused."""
    for incident in incidents:
        sender = told(sender, answer, incident)
    return sender


def waits(sender: Sender, answer: Answer, times: int) -> list[int]:
    """Return the seconds between probes that all get this answer, each at its due time."""
    found = []
    for _ in range(times):
        now = sender.next_probe_at
        sender = learn(sender, answer, 1, probe=True, now=now)
        found.append((sender.next_probe_at - now) // SECOND)
    return found


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 1), (2, 2), (3, 4), (5, 16), (10, 512), (11, 900), (12, 900), (500, 900), (5000, 900)],
)
def test_the_back_off_doubles_from_1_s_to_15_min(attempts: int, seconds: int) -> None:
    """The longest wait before an attempt doubles with each attempt and stops at 15 minutes."""
    assert backoff(attempts, Extreme(1.0)) == seconds * SECOND


@pytest.mark.parametrize("attempts", [1, 5, 12])
def test_jitter_is_full(attempts: int) -> None:
    """The shortest wait is none at all, so that a fleet spreads out."""
    assert backoff(attempts, Extreme(0.0)) == 0


@settings(deadline=None)
@given(st.integers(1, 10_000), st.integers())
def test_no_wait_is_longer_than_the_longest(attempts: int, seed: int) -> None:
    """Whatever the number of attempts, the wait is from 0 to 15 minutes, in whole nanoseconds."""
    wait = backoff(attempts, Random(seed))
    assert isinstance(wait, int)
    assert 0 <= wait <= LONGEST_BACKOFF


@pytest.mark.parametrize(
    ("before", "answer", "probe", "state", "reason"),
    [
        ("running", CONFIRMED, False, "running", ""),
        ("running", REFUSED, False, "running", ""),
        ("running", NOT_NOW, False, "probing", "http_503"),
        ("running", UNAUTHORISED, False, "held", "invalid_auth"),
        ("probing", CONFIRMED, True, "running", ""),
        ("probing", CONFIRMED, False, "running", ""),
        ("probing", REFUSED, True, "running", ""),
        ("probing", NOT_NOW, True, "probing", "http_503"),
        ("probing", NOT_NOW, False, "probing", "timeout"),
        ("probing", UNAUTHORISED, True, "held", "invalid_auth"),
        ("probing", UNAUTHORISED, False, "held", "invalid_auth"),
        ("held", CONFIRMED, True, "running", ""),
        ("held", REFUSED, True, "running", ""),
        ("held", UNAUTHORISED, True, "held", "invalid_auth"),
        ("held", UNAUTHORISED, False, "held", "not_authed"),
        ("held", NOT_NOW, True, "held", "not_authed"),
        ("held", NOT_NOW, False, "held", "not_authed"),
    ],
)
def test_an_answer_moves_it(before: str, answer: Answer, probe: bool, state: str, reason: str) -> None:
    """Each answer leads from each state to the one that it shows, with its reason."""
    after = told(SENDERS[before], answer, probe=probe)
    assert (after.state, after.reason) == (state, reason)


@pytest.mark.parametrize("before", SENDERS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_the_time_of_a_state_is_that_of_its_beginning(before: str, answer: Answer) -> None:
    """`since` changes with the state and with nothing else."""
    after = told(SENDERS[before], answer, probe=True)
    assert after.since == (EARLIER if after.state == before else NOW)


@pytest.mark.parametrize("before", ["probing", "held"])
@pytest.mark.parametrize("answer", [CONFIRMED, REFUSED])
def test_a_running_sender_has_forgotten_its_probes(before: str, answer: Answer) -> None:
    """The next outage begins with short waits again."""
    assert told(SENDERS[before], answer, probe=True).probes == 0


def test_the_first_probe_follows_at_once() -> None:
    """One failure may be the incident's fault: another incident is tried without a wait."""
    assert told(RUNNING, NOT_NOW).next_probe_at == NOW


def test_probes_grow_apart_to_a_minute() -> None:
    """While DX is down, the waits double up to 60 s, so that its return is noticed within a minute."""
    assert waits(told(RUNNING, NOT_NOW), NOT_NOW, 10) == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_a_held_sender_probes_up_to_every_5_minutes() -> None:
    """While the token is bad, the waits double up to 300 s."""
    assert waits(told(RUNNING, UNAUTHORISED), UNAUTHORISED, 11) == [
        1,
        2,
        4,
        8,
        16,
        32,
        64,
        128,
        256,
        300,
        300,
    ]


def test_a_held_sender_does_not_probe_at_once() -> None:
    """A refused token is still refused in the same moment: the first probe waits a second."""
    assert told(RUNNING, UNAUTHORISED).next_probe_at == NOW + SECOND


@pytest.mark.parametrize("before", SENDERS)
def test_a_wait_that_dx_asks_for_is_kept(before: str) -> None:
    """`Retry-After` puts the next probe off, whatever the state."""
    assert told(SENDERS[before], PATIENCE, probe=True).next_probe_at == NOW + 120 * SECOND


def test_a_wait_that_dx_asks_for_shortens_nothing() -> None:
    """A `Retry-After` below the growing interval does not hasten the next probe."""
    soon = replace(NOT_NOW, retry_after=0.5)
    assert told(PROBING, soon, probe=True).next_probe_at == NOW + 8 * SECOND


@pytest.mark.parametrize("before", ["probing", "held"])
def test_a_straggler_does_not_put_the_probe_off(before: str) -> None:
    """A call begun before the outage ends late: it was no probe and changes nothing."""
    assert told(SENDERS[before], NOT_NOW) == SENDERS[before]


def test_one_refusal_less_than_the_limit_holds_nothing() -> None:
    """Nineteen incidents may each be at fault."""
    assert refuse(RUNNING, range(19)).state == "running"


def test_twenty_incidents_refused_with_one_code_hold_the_sender() -> None:
    """So many in a row are not the incidents' fault; the code is the reason."""
    after = refuse(RUNNING, range(20))
    assert (after.state, after.reason) == ("held", "invalid_arguments")


def test_one_incident_refused_over_and_over_holds_nothing() -> None:
    """The incidents have to differ."""
    sender = RUNNING
    for _ in range(60):
        sender = told(sender, REFUSED, incident=7)
    assert (sender.state, sender.refused) == ("running", (7,))


def test_a_confirmation_begins_the_row_anew() -> None:
    """Refusals count in a row: anything confirmed shows that documents get through."""
    sender = told(refuse(RUNNING, range(19)), CONFIRMED)
    assert refuse(sender, range(100, 119)).state == "running"


def test_another_code_begins_the_row_anew() -> None:
    """Refusals count by their code."""
    sender = refuse(refuse(RUNNING, range(19)), range(100, 119), replace(REFUSED, code="invalid_timestamp"))
    assert (sender.state, sender.refused) == ("running", tuple(range(100, 119)))


def test_an_outage_does_not_break_the_row() -> None:
    """A "not now" confirms nothing, so the refusals before it still count."""
    sender = told(told(refuse(RUNNING, range(19)), NOT_NOW), REFUSED, incident=19, probe=True)
    assert (sender.state, sender.reason) == ("held", "invalid_arguments")


def test_a_sender_held_for_refusals_stays_held_by_the_next() -> None:
    """A probe that is refused with the same code puts the next one off."""
    held = refuse(RUNNING, range(20))
    after = told(held, REFUSED, incident=20, probe=True)
    assert (after.state, after.next_probe_at, after.since) == ("held", NOW + SECOND, held.since)


def test_a_sender_held_for_refusals_goes_on_with_a_confirmation() -> None:
    """A probe that succeeds ends the hold and empties the row: those refused are at fault after all."""
    after = told(refuse(RUNNING, range(20)), CONFIRMED, probe=True)
    assert after == Sender(since=NOW, next_probe_at=NOW, blamed=tuple(range(20)))


def test_those_at_fault_do_not_hold_the_sender_again() -> None:
    """Refused once more, they are parked one by one; a row of twenty others holds again."""
    after = refuse(told(refuse(RUNNING, range(20)), CONFIRMED, probe=True), range(20))
    assert (after.state, after.refused) == ("running", ())
    assert refuse(after, range(20, 40)).state == "held"


def test_the_row_keeps_no_more_than_it_needs() -> None:
    """However long DX refuses, twenty incidents are remembered: the latest."""
    assert refuse(RUNNING, range(100)).refused == tuple(range(80, 100))


steps = st.tuples(st.sampled_from(ANSWERS), st.integers(1, 30), st.booleans(), st.integers(0, 400))


@settings(deadline=None)
@given(st.lists(steps, max_size=80))
def test_no_history_puts_the_next_probe_off_for_long(history: list[tuple[Answer, int, bool, int]]) -> None:
    """After any answers, the next probe is at most 5 minutes away, and a running sender has no reason."""
    sender, now = RUNNING, NOW
    for answer, incident, probe, later in history:
        now += later * SECOND
        sender = learn(sender, answer, incident, probe=probe, now=now)
        assert sender.next_probe_at <= now + 300 * SECOND
        assert (sender.state == "running") == (sender.reason == "")
        assert sender.since <= now
