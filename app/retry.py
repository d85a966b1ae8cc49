"""When to call DX again: pure decisions about one incident's back-off and the fleet's sender state.

Whose fault a "not now" is shows only when a call for another incident succeeds after it. Until then
DX is taken to be down and one call at a time probes it.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from tenacity import RetryCallState, Retrying, wait_exponential

from app.answers import Answer
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

LONGEST_BACKOFF = 900 * SECOND
REFUSALS_IN_A_ROW = 20
"""So many different incidents refused with one code: not the incidents are at fault."""
_LONGEST_PROBE = {"probing": 60, "held": 300}
_window = wait_exponential(multiplier=1, max=LONGEST_BACKOFF // SECOND)

SenderState = Literal["running", "probing", "held"]


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender's state, one for the whole fleet; times in nanoseconds since the epoch."""

    state: SenderState = "running"
    reason: str = ""
    since: Nanoseconds = 0
    probes: int = 0
    next_probe_at: Nanoseconds = 0
    refused_code: str = ""
    refused: tuple[int, ...] = ()
    """The incidents refused with that code since anything was confirmed."""
    blamed: tuple[int, ...] = ()
    """Those whose refusals held the sender until another's call succeeded: they are at fault after all."""


def backoff(attempts: int, random: Random) -> Nanoseconds:
    """Return the wait before the next attempt, full jitter over 1 s, 2 s … 15 min."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempts
    return int(random.uniform(0, _window(state)) * SECOND)


def learn(sender: Sender, answer: Answer, incident: int, *, probe: bool, now: Nanoseconds) -> Sender:
    """Return the sender's state after the answer to a call for `incident`.

    A wait that DX has asked for is not ended by a call that began before.
    """
    after = _judged(sender, answer, incident, probe=probe, now=now)
    if after.state == "running" and not probe and _waits_as_asked(sender, now):
        kept = {
            name: getattr(sender, name) for name in ("state", "reason", "since", "probes", "next_probe_at")
        }
        return replace(after, **kept)
    return after


def _waits_as_asked(sender: Sender, now: Nanoseconds) -> bool:
    """Whether DX has asked for a wait; otherwise the first probe comes at once."""
    return sender.state == "probing" and sender.probes == 0 and sender.next_probe_at > now


def _judged(sender: Sender, answer: Answer, incident: int, *, probe: bool, now: Nanoseconds) -> Sender:
    if answer.meaning == "confirmed":
        was_everybodys = len(sender.refused) >= REFUSALS_IN_A_ROW
        blamed = sender.refused if was_everybodys else sender.blamed
        return _enter("running", Sender(since=sender.since, state=sender.state, blamed=blamed), now)
    if answer.meaning == "refused":
        return _after_refusal(sender, answer, incident, probe=probe, now=now)
    if answer.meaning == "unauthorised":
        return _hold(sender, answer.code, probe=probe, now=now)
    return _after_not_now(sender, answer, probe=probe, now=now)


def answered(sender: Sender, now: Nanoseconds) -> Sender:
    """Return the state after an answer that shows nothing but that DX is up and the token good."""
    return _enter("running", sender, now)


def _after_refusal(sender: Sender, answer: Answer, incident: int, *, probe: bool, now: Nanoseconds) -> Sender:
    """A refusal in DX's own words shows that DX is up and the token good, unless everything is refused."""
    if incident in sender.blamed and sender.state != "held":
        return _enter("running", sender, now)
    earlier = sender.refused if sender.refused_code == answer.code else ()
    streak = replace(
        sender,
        refused_code=answer.code,
        refused=tuple(dict.fromkeys((*earlier, incident)))[-REFUSALS_IN_A_ROW:],
    )
    if len(streak.refused) >= REFUSALS_IN_A_ROW:
        return _hold(streak, answer.code, probe=probe, now=now)
    return _enter("running", streak, now)


def _hold(sender: Sender, reason: str, *, probe: bool, now: Nanoseconds) -> Sender:
    if sender.state != "held":
        return _enter("held", replace(sender, reason=reason), now)
    return _put_off(replace(sender, reason=reason), now) if probe else sender


def _after_not_now(sender: Sender, answer: Answer, *, probe: bool, now: Nanoseconds) -> Sender:
    asked = int((answer.retry_after or 0) * SECOND)
    if sender.state == "running":
        probing = _enter("probing", replace(sender, reason=answer.code), now)
        return replace(probing, next_probe_at=now + asked)
    if not probe:  # begun before the state changed; only what it asks for counts
        return replace(sender, next_probe_at=max(sender.next_probe_at, now + asked)) if asked else sender
    return _put_off(replace(sender, reason=_kept(sender, answer)), now, asked)


def _kept(sender: Sender, answer: Answer) -> str:
    """A held sender stays held for its own reason, whatever a probe meets on the way."""
    return sender.reason if sender.state == "held" else answer.code


def _enter(state: SenderState, sender: Sender, now: Nanoseconds) -> Sender:
    if state == sender.state:
        return sender
    reason = "" if state == "running" else sender.reason
    first = now + SECOND if state == "held" else now
    return replace(sender, state=state, reason=reason, since=now, probes=0, next_probe_at=first)


def _put_off(sender: Sender, now: Nanoseconds, asked: Nanoseconds = 0) -> Sender:
    wait = min(2**sender.probes, _LONGEST_PROBE[sender.state]) * SECOND
    return replace(sender, probes=min(sender.probes + 1, 16), next_probe_at=now + max(wait, asked))
