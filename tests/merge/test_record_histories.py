from random import Random

import pytest

from app.incident import observe
from tests.histories.model import SECOND
from tests.merge.records import Story, certain, shown, story

WHOLE = [range(start, start + 40) for start in range(0, 240, 40)]
HALVES = [range(start, start + 15) for start in range(0, 90, 15)]


def body(told):
    """Return a document without its reference, which states do not know."""
    return {key: value for key, value in told.items() if key != "reference_id"}


def contested(told: Story, moment: int, record) -> bool:
    """Whether it was opened once more in the very second in which the record says that it was resolved.

    The record is cut to seconds, so it cannot tell which of the two came last.
    """
    opened = [time for each in told.webhooks for time in each.statement.opened if time > moment]
    return record.resolves and any(time // SECOND == record.resolved_at // SECOND for time in opened)


def read_last(told: Story, random: Random):
    """Return the record read some time after everything was told."""
    return told.record(told.last + random.randrange(2 * SECOND, 9_000 * SECOND))


@pytest.mark.parametrize("seeds", WHOLE, ids=str)
def test_a_record_alone_shows_the_truth(seeds):
    """What the API tells in the end is what all webhooks together add up to."""
    for seed in seeds:
        told = story(seed)
        truth = body(told.truth())
        assert body(shown([observe(read_last(told, Random(seed)), 0)])) == truth, f"story {seed}"
        assert body(shown([each.state for each in told.webhooks])) == truth, f"story {seed}"


@pytest.mark.parametrize("seeds", WHOLE, ids=str)
def test_no_webhook_changes_what_a_later_record_shows(seeds):
    """Any of the webhooks from before, in any order and repeated, leave the document as it is."""
    for seed in seeds:
        assert_webhooks_change_nothing(seed)


def assert_webhooks_change_nothing(seed):
    told, random = story(seed), Random(seed)
    record = observe(read_last(told, random), 0)
    states, alone = [each.state for each in told.webhooks], body(shown([record]))
    for some in (
        [*states],
        *(random.choices(states, k=random.randint(1, 2 * len(states))) for _ in range(4)),
    ):
        mixed = [record, *some]
        random.shuffle(mixed)
        assert body(shown(mixed)) == alone, f"story {seed}"


def readings(seed):
    """Return moments between an incident's webhooks, and the records read then, where they are settled."""
    told = story(seed)
    return [(moment, record) for moment, record in told.readings() if not contested(told, moment, record)]


@pytest.mark.parametrize("seeds", HALVES, ids=str)
def test_a_record_takes_nothing_from_webhooks_after_it(seeds):
    """All webhooks with a record from the middle show what all webhooks show."""
    for seed in seeds:
        told, random = story(seed), Random(seed)
        for moment, record in told.readings():
            states = [observe(record, 0), *(each.state for each in told.webhooks)]
            random.shuffle(states)
            assert body(shown(states)) == body(told.truth()), f"story {seed} read at {moment}"


@pytest.mark.parametrize("seeds", HALVES, ids=str)
def test_a_record_stands_in_for_the_webhooks_before_it(seeds):
    """A record and the webhooks after it show the truth, whatever became of those before it."""
    for seed in seeds:
        told, random = story(seed), Random(seed)
        for moment, record in readings(seed):
            later = [each.state for each in told.webhooks if each.time > moment]
            assert body(shown([*later, observe(record, 0)])) == body(told.truth()), (
                f"story {seed} read at {moment}"
            )
            unsure = [each.state for each in told.webhooks if each.time >= certain(moment) + SECOND]
            before = [each.state for each in told.webhooks if each.time < certain(moment) + SECOND]
            states = [*random.sample(before, random.randint(0, len(before))), *unsure, observe(record, 0)]
            random.shuffle(states)
            assert body(shown(states)) == body(told.truth()), f"story {seed} read at {moment}"


def test_the_stories_are_worth_reading():
    """Many are read in the middle, over and open, merged and acknowledged."""
    truths = [story(seed).truth() for seed in range(240)]
    read = [record for seed in range(90) for _, record in readings(seed)]
    assert min(sum(record.resolves for record in read), sum(record.opens for record in read)) > 300
    assert sum("merged_into" in truth["metadata"] for truth in truths) > 20
    assert sum("acknowledged_at" in truth["metadata"] for truth in truths) > 60
    assert sum(truth["resolved_at"] is None for truth in truths) > 20
