"""What the log let go before it was read, told from what it never held for readers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from kafka.structs import TopicPartition

from sentinel.errors import SourceError
from sentinel.ingest.missed import ASK_SECONDS, MissedMessages

PLACE, OTHER = TopicPartition("predictions", 0), TopicPartition("outcomes", 0)


class Brokers:
    """Say where logs begin, and count the questions."""

    def __init__(self, **begins_at: int) -> None:
        self.begins_at = begins_at
        self.n_asked = 0
        self.fails = False

    def __call__(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The beginnings."""
        self.n_asked += 1
        if self.fails:
            raise SourceError("nobody answers")
        return {place: self.begins_at[place.topic] for place in places}


def n_missed(missed: MissedMessages) -> dict[str, int]:
    """By topic, and in all."""
    return missed.statistics("predictions", "outcomes")


@pytest.mark.parametrize(
    ("expected", "found", "begins_at", "n"),
    [
        (2, 6, 6, 4),  # retention
        (2, 9, 6, 4),  # retention, and then a marker, or a compacted stretch
        (2, 6, 0, 0),  # within the log: a marker
        (2, 6, 2, 0),
        (2, 6, 50, 4),  # more was let go since, and that was read
        (None, 6, 6, 0),  # read from wherever the log begins
        (6, 6, 9, 0),
    ],
)
def test_what_lies_before_the_beginning_of_the_log_is_missed(
    expected: int | None, found: int, begins_at: int, n: int
) -> None:
    """Of a gap counts what the log no longer holds, and nothing that it holds for nobody."""
    missed = MissedMessages()
    missed.note(PLACE, expected, found)
    missed.settle(0.0, Brokers(predictions=begins_at))
    assert n_missed(missed) == {"missed": n, "missed_predictions": n, "missed_outcomes": 0}


def test_brokers_are_asked_about_gaps_alone_and_not_too_often() -> None:
    """Without a gap nobody is asked; with one at every poll once a second, about all of them together."""
    missed, brokers = MissedMessages(), Brokers(predictions=10, outcomes=3)
    missed.note(PLACE, 5, 5)
    missed.settle(0.0, brokers)
    assert brokers.n_asked == 0
    missed.note(PLACE, 0, 2)
    missed.settle(0.0, brokers)
    missed.note(PLACE, 4, 8)
    missed.note(OTHER, 1, 9)
    missed.settle(ASK_SECONDS / 2, brokers)
    assert brokers.n_asked == 1
    missed.settle(ASK_SECONDS, brokers)
    assert brokers.n_asked == 2
    assert n_missed(missed) == {"missed": 2 + 4 + 2, "missed_predictions": 6, "missed_outcomes": 2}


def test_a_question_that_fails_is_asked_again_later() -> None:
    """The gap is kept, and a broker that is away is not asked at every poll."""
    missed, brokers = MissedMessages(), Brokers(predictions=10)
    brokers.fails = True
    missed.note(PLACE, 0, 10)
    with pytest.raises(SourceError):
        missed.settle(0.0, brokers)
    missed.settle(ASK_SECONDS, brokers)
    assert brokers.n_asked == 1
    brokers.fails = False
    missed.settle(100.0, brokers)
    assert n_missed(missed)["missed"] == 10


def test_a_log_that_ends_before_the_position_is_said_and_nothing_is_missed(caplog: pytest.LogCaptureFixture) -> None:
    """A topic that was made anew: what comes lies before what was expected."""
    missed, brokers = MissedMessages(), Brokers()
    missed.note(PLACE, 500, 0)
    missed.settle(0.0, brokers)
    assert n_missed(missed)["missed"] == 0
    assert [record.message for record in caplog.records] == ["positions_reset"]
