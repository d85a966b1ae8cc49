"""One PagerDuty incident from its trigger to its last webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories.model import SECOND
from tests.histories.pagerduty.acts import ACTS, be_elsewhere
from tests.histories.pagerduty.endings import ENDINGS, resolve_before_the_start
from tests.histories.pagerduty.incident import PagerDutyIncident
from tests.histories.pagerduty.last_words import tell_two_at_one_time, tell_without_time
from tests.histories.values import HOUR

if TYPE_CHECKING:
    from tests.histories.script import Script


def live(script: Script) -> None:
    """Play an opening, some acts, one of the endings and at times a last word."""
    it = PagerDutyIncident(script)
    if script.chance(0.04):
        resolve_before_the_start(it)
        return
    open_up(it)
    for act in script.rng.choices(list(ACTS), list(ACTS.values()), k=script.rng.randint(0, 3)):
        act(it)
    (end,) = script.rng.choices(list(ENDINGS), list(ENDINGS.values()))
    end(it)
    if script.chance(0.2):
        be_elsewhere(it)
    (last_word,) = script.rng.choices([tell_two_at_one_time, tell_without_time, None], [15, 12, 73])
    if last_word:
        last_word(it)


def open_up(it: PagerDutyIncident) -> None:
    """Trigger in time, late, twice (two subscriptions), or with the webhook lost."""
    late = it.opened_at + it.script.rng.randrange(2 * HOUR) * SECOND
    (moments,) = it.script.rng.choices([(None,), (late,), (None, late), ()], [70, 12, 10, 8])
    for moment in moments:
        it.tell("triggered", it.opened_at, moment=moment)
