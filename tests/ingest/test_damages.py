"""When a batch that cannot be read is given up, and what is delivered in its place."""

from __future__ import annotations

from kafka.structs import TopicPartition

from sentinel.events.batch import DeadLetter, EventBatch, Reason
from sentinel.ingest.damages import ATTEMPTS, Damages, passed_over, with_passed
from sentinel.ingest.records.damage import DamagedBatchError
from sentinel.ingest.refusal_reasons import explain_reason

PLACE, OTHER = TopicPartition("predictions", 1), TopicPartition("outcomes", 1)


def letter_at(place: TopicPartition, first: int, stop: int) -> EventBatch:
    """What is delivered for a damaged batch."""
    return passed_over(DamagedBatchError(place, first, stop, "torn"), "outcome", stop, outcomes_behind=True)


def test_damage_is_given_up_when_it_was_met_often_enough_in_one_place() -> None:
    """What heals at another attempt is forgotten; other places have attempts of their own."""
    damages = Damages()
    met = [damages.is_lasting(PLACE, 7) for _ in range(ATTEMPTS)]
    assert met == [False] * (ATTEMPTS - 1) + [True]
    assert not damages.is_lasting(OTHER, 7)
    assert not damages.is_lasting(PLACE, 9)
    assert not damages.is_lasting(PLACE, 7)


def test_one_letter_says_what_is_passed_over() -> None:
    """It stands at the first offset, tells how many there are, and cannot be sent again."""
    batch = letter_at(PLACE, 7, 12)
    (letter,) = batch.dead_letters
    assert batch.positions == {"predictions": 12}
    assert batch.outcomes_behind
    assert (letter.reason, letter.offset, letter.kind) == (Reason.DAMAGED_BATCH, 7, "outcome")
    assert letter.detail == "5 offsets from 7 on cannot be read: torn"
    assert explain_reason(letter.reason).final


def test_what_was_passed_over_joins_the_events_of_its_partition() -> None:
    """One batch a partition, in order, and no position goes back."""
    bad = DeadLetter(Reason.EMPTY, "", "outcomes", 1, 3, b"")
    events = [
        EventBatch(0, {"predictions": 4}),
        EventBatch(1, {"predictions": 15, "outcomes": 4}, dead_letters=(bad,)),
        EventBatch(3, {"outcomes": 2}),
    ]
    lonely = passed_over(
        DamagedBatchError(TopicPartition("outcomes", 2), 0, 3, "torn"), "outcome", 3, outcomes_behind=False
    )
    passed = [letter_at(PLACE, 7, 12), letter_at(OTHER, 4, 6), lonely]
    found = with_passed(events, passed)
    assert [batch.partition for batch in found] == [0, 1, 2, 3]
    assert found[1].positions == {"predictions": 15, "outcomes": 6}
    assert [letter.offset for letter in found[1].dead_letters] == [3, 7, 4]
    assert found[2] is lonely or found[2] == lonely
