"""The lives agree with themselves: what webhooks, REST and both together show is their truth."""

from collections import Counter
from functools import reduce
from random import Random

import orjson
import pytest

from app.document import request
from app.fold import map_body
from app.incident import merge
from app.policy import document
from app.sources import default_sources
from app.view import view
from tests.vendors.lives import BURST, DAY, HOUR, life, lives

SINCE = 1_772_323_200  # 2026-03-01
SOURCE = default_sources()["pagerduty"]
LIVES = lives(1_000, SINCE, 31 * DAY)
READ_AT = "2026-04-10T00:00:00Z"


def state_of(body, *, record=False):
    """Return what one webhook, or a record, adds to its incident."""
    mapped = map_body(SOURCE, body, 0, record=record)
    assert mapped.state, mapped.reason
    return mapped.state


def recorded(told, until=None, read_at=READ_AT):
    """Return the record that the bridge makes of an incident and its log."""
    entries = [each for each in told.log_entries(until) if each["type"].startswith("acknowledge_")]
    acknowledged = {"acknowledged_at": entries[0]["created_at"]} if entries else {}
    return state_of({"read_at": read_at, "incident": told.record(until)} | acknowledged, record=True)


def shown(told, states):
    """Return the body for DX that these states add up to."""
    return known(request(document("pagerduty", told.id, view(reduce(merge, states)), None)))


def known(body):
    """Return a body without what has no value, in plain JSON."""
    told = {key: value for key, value in body.items() if value is not None}
    return orjson.loads(orjson.dumps(told))


def webhooks(told, seed=0):
    """Return the states of a life's webhooks, shuffled, some of them twice."""
    states = [state_of(body) for body in told.webhooks()]
    random = Random(seed)
    states += random.choices(states, k=2)
    random.shuffle(states)
    return states


def is_renamed_last(told):
    """Whether a new title came after the last webhook."""
    return told.changes[-1].kind == "retitled"


def test_the_webhooks_show_the_truth():
    """In any order and repeated they add up to it, except for a title that changed after the last of them."""
    chosen = [each for each in LIVES if not is_renamed_last(each)]
    assert [each.id for each in chosen if shown(each, webhooks(each)) != known(each.document())] == []


def test_the_records_show_the_truth():
    """What REST tells in the end, with the log's acknowledgement, is the truth to the second."""
    assert [each.id for each in LIVES if shown(each, [recorded(each)]) != known(each.document())] == []


def test_older_webhooks_change_nothing_of_what_a_record_shows():
    """After a backfill a replay of all webhooks leaves every document as it is."""
    differ = [
        each.id for each in LIVES if shown(each, [*webhooks(each), recorded(each)]) != known(each.document())
    ]
    assert differ == []


def test_a_record_is_the_truth_of_its_moment():
    """Between any two changes REST shows what is true then."""
    for told in LIVES[:200]:
        for change in told.changes:
            at = change.at
            assert shown(told, [recorded(told, at)]) == known(told.document(at))


def test_an_older_record_yields_to_later_webhooks():
    """A record of the second change and all webhooks show the truth that the webhooks alone show."""
    chosen = [each for each in LIVES if "retitled" not in {change.kind for change in each.changes}]
    chosen = [each for each in chosen if each.changes[-1].at > each.changes[1].at + 5]
    for told in chosen:
        at = told.changes[1].at
        read_at = told.record(at)["updated_at"]
        assert shown(told, [*webhooks(told), recorded(told, at, read_at)]) == known(told.document()), told.id


def test_the_lives_hold_enough_of_everything():
    """Every kind of change comes, often; some incidents stay open; one second has more than a page."""
    kinds = Counter(change.kind for each in LIVES for change in each.changes)
    assert len(kinds) == 9
    assert min(kinds.values()) >= 30
    assert sum(each.document()["resolved_at"] is None for each in LIVES) >= 100
    begins = Counter(each.changes[0].at for each in LIVES)
    assert max(begins.values()) == BURST > 100


def test_the_lives_end_within_a_day_and_webhooks_within_their_second():
    """No life lasts longer than 20 hours, and no webhook tells of another second than REST."""
    assert max(each.changes[-1].at - each.changes[0].at for each in LIVES) <= 20 * HOUR
    assert all(0 <= change.ms <= 900 for each in LIVES for change in each.changes)


def test_a_seed_gives_the_same_lives_again():
    """What fails once can be looked at again."""
    assert lives(50, SINCE, DAY, seed=3) == lives(50, SINCE, DAY, seed=3)
    assert lives(50, SINCE, DAY, seed=3) != lives(50, SINCE, DAY, seed=4)


@pytest.mark.parametrize("until", [None, SINCE + 60])
def test_a_life_by_hand_is_what_was_said(until):
    """Its changes come so many seconds after its begin, and none after the moment asked for."""
    told = life("Q1", SINCE, (60, "acknowledged"), (600, "resolved"))
    assert told.document(until)["resolved_at"] == (None if until else "2026-03-01T00:10:00Z")
    assert len(told.webhooks(until)) == len(told.log_entries(until)) == (2 if until else 3)
