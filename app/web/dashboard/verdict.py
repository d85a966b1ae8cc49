"""Is everything all right? One sentence and one colour."""

from dataclasses import dataclass

from mappers.fields import SECOND
from mappers.observation import Nanoseconds

_LATE = 300 * SECOND
_NEWS = 7 * 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sentence follows from; times in nanoseconds since the epoch."""

    pipeline: str
    sender: str
    reason: str
    due: int
    parked: int
    problems: int
    latest_problem: Nanoseconds | None
    oldest_due: Nanoseconds | None
    sources: int
    events: bool
    now: Nanoseconds

    @property
    def has_new_problems(self) -> bool:
        """Whether an event of the last week could not be read: an older one has been seen, and may stay for months."""
        return self.latest_problem is not None and self.now - self.latest_problem < _NEWS


@dataclass(frozen=True, slots=True)
class Verdict:
    """`good`, `warn` or `bad`, a sentence, and the page that tells more."""

    level: str
    sentence: str
    more: str = ""


def verdict(facts: Facts) -> Verdict:
    """Return the most important thing to say."""
    return _sender(facts) or _incidents(facts) or _quiet(facts)


def _sender(facts: Facts) -> Verdict | None:
    waiting = f"{_count(facts.due)} for it" if facts.due else "nothing waits for it"
    if facts.pipeline != "running":
        return Verdict("bad", f"The pipeline gives no sign of life; webhooks are kept, {waiting}.")
    if facts.sender == "held":
        return Verdict("bad", f"Nothing is sent: {facts.reason}; {waiting}.", "configuration")
    if facts.sender == "paused":
        return Verdict("warn", f"Sending is paused ({facts.reason}); {waiting}.")
    if facts.sender == "probing":
        return Verdict(
            "warn",
            f"DX does not answer ({facts.reason}); {waiting}, one call at a time looks for its return.",
        )
    return None


def _incidents(facts: Facts) -> Verdict | None:
    if facts.oldest_due is not None and facts.now - facts.oldest_due > _LATE:
        minutes = (facts.now - facts.oldest_due) // (60 * SECOND)
        return Verdict("warn", f"DX is {minutes} minutes behind: {_count(facts.due)}.", "incidents?state=due")
    if facts.parked:
        said = "DX refuses one incident" if facts.parked == 1 else f"DX refuses {facts.parked} incidents"
        return Verdict("warn", f"{said}; {_others(facts)}.", "parked")
    if facts.has_new_problems:
        return Verdict("warn", f"{_events(facts)} could not be read; {_others(facts)}.", "unmappable")
    return None


def _quiet(facts: Facts) -> Verdict:
    if not facts.sources:
        return Verdict("warn", "No source is set up yet.", "setup")
    if not facts.events:
        return Verdict("good", "Everything is ready; no webhook has arrived yet.", "setup")
    if facts.problems:
        said = f"{_events(facts)} of more than a week ago could not be read; {_others(facts)}."
        return Verdict("good", said, "unmappable")
    if facts.due:
        return Verdict(
            "good",
            f"Everything is all right; {'one is' if facts.due == 1 else f'{facts.due} are'} on the way to DX.",
        )
    return Verdict("good", "Everything is all right: DX knows all that we know.")


def _events(facts: Facts) -> str:
    return "One event" if facts.problems == 1 else f"{facts.problems} events"


def _others(facts: Facts) -> str:
    return f"everything else {'is on its way' if facts.due else 'is delivered'}"


def _count(due: int) -> str:
    return "one incident waits" if due == 1 else f"{due} incidents wait"
