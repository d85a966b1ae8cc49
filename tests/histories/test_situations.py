"""The generator itself: what its histories reach, and that they can be used as promised."""

from __future__ import annotations

import json
from collections import Counter

from tests.histories import SITUATIONS, history
from tests.histories.model import iso
from tests.histories.script import EARLIEST

SEEDS = range(1500)


def test_every_situation_occurs_in_a_twentieth_of_the_histories():
    """A situation that random histories hardly ever reach is not tested by them."""
    reached = Counter(situation for seed in SEEDS for situation in history(seed).situations)
    assert {name: count for name, count in reached.items() if count < len(SEEDS) / 20} == {}
    assert set(reached) == set(SITUATIONS)


def test_a_seed_tells_the_same_history_again():
    """A failure can be repeated from its seed."""
    assert [history(seed) for seed in range(50)] == [history(seed) for seed in range(50)]


def test_histories_share_no_incident():
    """Many histories, and one under many prefixes, fit into one bridge."""
    stories = [history(seed, prefix) for seed in range(200) for prefix in ("", "a")]
    references = Counter(reference for story in stories for reference in story.truth)
    assert references.total() == len(references) > len(stories)


def test_no_two_webhooks_are_the_same():
    """Neither PagerDuty's event ids nor whole bodies repeat, so none is taken for a duplicate."""
    bodies = [event.body for seed in range(200) for event in history(seed).events]
    keys = [body.get("event", {}).get("id") or json.dumps(body) for body in bodies]
    assert len(set(keys)) == len(keys)


def test_a_prefix_changes_nothing_but_ids():
    """The same seed tells the same story under every prefix."""
    for seed in range(50):
        one, other = history(seed, "one"), history(seed, "other")
        assert one.situations == other.situations
        assert [event.source for event in one.events] == [event.source for event in other.events]
        assert not set(one.truth) & set(other.truth)


def test_receipts_follow_every_time_that_a_vendor_tells():
    """The truth may then leave out what the receipts are, as they come last whatever they are."""
    for story in map(history, range(200)):
        documents = story.truth.values()
        told = {document["started_at"] for document in documents}
        told |= {document["resolved_at"] for document in documents if document["resolved_at"]}
        receipts = [event.received_at for event in story.events]
        assert receipts == sorted(receipts)
        assert all(iso(EARLIEST) <= time < min(receipts) for time in told)
        assert all(time < "2026" for time in told)
