"""What every Source promises, whatever it reads from."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest

from sentinel.events.batch import EventBatch, Outcomes, Predictions
from sentinel.ingest.protocol import Changes, LogSource, LogStart, Source
from tests.ingest.logs import N_EVENTS, WAIT_SECONDS, Delivery, Log, is_all, key_of, read, turn

CLOSE_SECONDS = 60.0
"""What a close that was told 5 seconds is allowed here; one that waits for an answer takes for ever."""
ALL_KEYS = sorted(key_of(number) for number in range(N_EVENTS))


@contextlib.contextmanager
def _opened(log: Log) -> Iterator[Source]:
    source = log.open()
    try:
        yield source
    finally:
        source.close(5.0)


def _rows(batch: EventBatch) -> list[Predictions | Outcomes]:
    return [*batch.predictions, *batch.outcomes]


def test_everything_is_delivered_once(log: Log) -> None:
    """From the beginning every event comes exactly once, the refused as dead letters, tombstones included."""
    with _opened(log) as source:
        delivery = read(source, is_all(log))
        assert turn(source, delivery) == []
    assert sorted(delivery.predictions) == ALL_KEYS
    assert sorted(delivery.outcomes) == ALL_KEYS
    assert delivery.n_dead_letters == log.n_dead_letters


def test_offsets_rise_within_a_partition(log: Log) -> None:
    """The rows of one topic partition come in the order of their offsets, and positions follow them."""
    with _opened(log) as source:
        delivery = read(source, is_all(log))
    last: dict[tuple[str, int], int] = defaultdict(lambda: -1)
    for batch in delivery.batches:
        for rows in _rows(batch):
            place = (rows.origin.topic, batch.partition)
            for offset in rows.origin.offsets.tolist():
                assert last[place] < offset < batch.positions[rows.origin.topic]
                last[place] = offset


def test_batches_of_one_poll_ascend_and_stay_within_one_partition(log: Log) -> None:
    """A poll gives at most one batch a partition, in ascending order, and a batch holds rows of no other."""
    with _opened(log) as source:
        delivery = Delivery()
        deadline = time.monotonic() + WAIT_SECONDS
        while not is_all(log)(delivery):
            assert time.monotonic() < deadline
            partitions = [batch.partition for batch in turn(source, delivery)]
            assert partitions == sorted(set(partitions))
    for batch in delivery.batches:
        assert {rows.origin.partition for rows in _rows(batch)} <= {batch.partition}


@pytest.mark.parametrize("n_polls", [1, 4, 15])
def test_a_stored_position_resumes_with_exactly_the_rest(log: Log, n_polls: int) -> None:
    """What came before the stored positions and what comes after a restart from them is everything, once."""
    with _opened(log) as source:
        first = read(source, lambda d: len(d.batches) >= n_polls)
    with _opened(log) as source:
        rest = read(source, lambda d: is_all(log)(Delivery(first.batches + d.batches)), stored=first.positions)
        assert turn(source, rest) == []
    both = first.counts + rest.counts
    assert set(both.values()) == {1}
    assert sum(both.values()) == 2 * N_EVENTS + log.n_dead_letters


def test_going_back_delivers_again(log: Log) -> None:
    """start_at on a running partition goes back to where it says, as after a checkpoint that was lost."""
    with _opened(log) as source:
        first = read(source, lambda d: len(d.batches) >= 3)
        for partition in log.partitions:
            source.start_at(partition, {})
        again = read(source, is_all(log))
    assert sorted(again.predictions) == ALL_KEYS
    assert set(first.predictions) <= set(again.predictions)


def test_nothing_comes_before_start_at(log: Log) -> None:
    """A gained partition waits until the caller has said from where."""
    with _opened(log) as source:
        deadline = time.monotonic() + WAIT_SECONDS
        changes = Changes()
        while not changes.gained:
            assert source.poll(0.2) == []
            changes = source.take_changes()
            assert time.monotonic() < deadline
        assert changes == Changes(gained=log.partitions)
        assert source.poll(0.3) == []
        assert source.take_changes() == Changes()
        assert source.assigned() == log.partitions


def test_a_paused_partition_holds_back_and_loses_nothing(log: Log) -> None:
    """Paused partitions deliver nothing while the others do; resumed, nothing is missing and nothing doubled."""
    with _opened(log) as source:
        delivery = read(source, lambda d: len(d.batches) >= 2)
        held = {max(log.partitions)}
        source.pause(held)
        n_before = len(delivery.batches)
        for _ in range(6):
            turn(source, delivery)
        assert held.isdisjoint(batch.partition for batch in delivery.batches[n_before:])
        source.resume(held)
        read(source, is_all(log), into=delivery)
        assert turn(source, delivery) == []
    assert sorted(delivery.predictions) == ALL_KEYS
    assert sorted(delivery.outcomes) == ALL_KEYS


def _delivered_until(delivery: Delivery, ends: Mapping[int, Mapping[str, int]]) -> bool:
    return all(
        letter.offset < ends[letter.partition].get(letter.topic, 1 << 60)
        for batch in delivery.batches
        for letter in batch.dead_letters
    ) and all(
        int(rows.origin.offsets[-1]) < ends[batch.partition].get(rows.origin.topic, 1 << 60)
        for batch in delivery.batches
        for rows in _rows(batch)
    )


def _read_again(source: LogSource, ends: Mapping[int, Mapping[str, int]]) -> Delivery:
    """Read every partition from the beginning to its ends, and look whether more comes."""
    for partition, positions in ends.items():
        source.start_at(partition, dict.fromkeys(positions, 0), positions)
    again = Delivery()
    deadline = time.monotonic() + WAIT_SECONDS
    while not all(source.reached(partition) for partition in ends):
        assert time.monotonic() < deadline
        turn(source, again)
    for _ in range(3):
        assert turn(source, again) == []
    return again


def test_a_reader_stops_exactly_where_it_is_told(rereadable: Log) -> None:
    """Read again up to positions in the middle, the same events come once and not one more; then it goes on."""
    with _opened(rereadable) as source:
        assert isinstance(source, LogSource)
        first = read(source, lambda d: sum(map(len, d.positions.values())) == 2 * len(rereadable.partitions))
        assert not is_all(rereadable)(first)
        ends = {partition: dict(positions) for partition, positions in first.positions.items()}
        again = _read_again(source, ends)
        assert _delivered_until(again, ends)
        assert again.counts == first.counts
        for partition, positions in ends.items():
            source.start_at(partition, positions)
        read(source, is_all(rereadable), into=again)
        assert turn(source, again) == []
    assert sorted(again.predictions) == ALL_KEYS
    assert sorted(again.outcomes) == ALL_KEYS


def test_one_topic_may_be_read_before_the_other(rereadable: Log) -> None:
    """With its end where it stands, a topic delivers nothing, paused and resumed or not, while the other one does."""
    with _opened(rereadable) as source:
        assert isinstance(source, LogSource)
        everything = read(source, is_all(rereadable))
        ends = everything.positions
        (predictions,) = {rows.origin.topic for batch in everything.batches for rows in batch.predictions}
        for partition, positions in ends.items():
            until = {topic: end if topic == predictions else 0 for topic, end in positions.items()}
            source.start_at(partition, dict.fromkeys(positions, 0), until)
        source.pause(rereadable.partitions)
        source.resume(rereadable.partitions)
        part = read(source, lambda _: all(map(source.reached, rereadable.partitions)))
        assert turn(source, part) == []
    assert sorted(part.predictions) == ALL_KEYS
    assert part.outcomes == []


def test_reached_is_false_of_what_is_not_read(rereadable: Log) -> None:
    """Before the start, and for a partition of somebody else, nothing was reached; without an end it always is."""
    with _opened(rereadable) as source:
        assert isinstance(source, LogSource)
        source.poll(0.0)
        assert not any(map(source.reached, (*rereadable.partitions, 99)))
        read(source, lambda d: len(d.batches) >= 1)
        assert all(map(source.reached, rereadable.partitions))
        assert not source.reached(99)


def test_a_moment_is_found_in_the_log(rereadable: Log) -> None:
    """The beginning of time is the first message, a moment after all of them the end; predictions are named first."""
    with _opened(rereadable) as source:
        assert isinstance(source, LogSource)
        everything = read(source, is_all(rereadable))
        for partition, ends in everything.positions.items():
            assert source.offsets_at(partition, 0) == LogStart(dict.fromkeys(ends, 0))
            assert source.offsets_at(partition, 1 << 61).positions == ends
            first, _ = source.offsets_at(partition, 0).positions
            assert first in {rows.origin.topic for batch in everything.batches for rows in batch.predictions}


def test_lag_falls_to_zero(log: Log) -> None:
    """When everything was delivered, every topic partition is known to be at its end."""
    with _opened(log) as source:
        delivery = read(source, is_all(log))
        read(source, lambda _: len(source.lag()) == 2 * len(log.partitions), into=delivery)
        assert set(source.lag().values()) == {0}
        assert source.statistics()["messages"] >= 2 * N_EVENTS


def test_commit_is_advice(log: Log) -> None:
    """A commit, even of partitions that are not ours, raises nothing and moves nothing."""
    with _opened(log) as source:
        delivery = read(source, lambda d: len(d.batches) >= 3)
        source.commit({**delivery.positions, 99: {"predictions": 5}})
        read(source, is_all(log), into=delivery)
        assert turn(source, delivery) == []
    assert sorted(delivery.predictions) == ALL_KEYS


def test_unknown_partitions_are_ignored(log: Log) -> None:
    """Starting, pausing or resuming what is not assigned does nothing: a rebalance may have been faster."""
    with _opened(log) as source:
        source.start_at(99, {})
        source.pause({99})
        source.resume({99})
        delivery = read(source, is_all(log))
    assert sorted(delivery.predictions) == ALL_KEYS


def test_close_is_bounded_and_idempotent(log: Log) -> None:
    """Closing ends in its time, delivers nothing more, and a second time does nothing."""
    source = log.open()
    read(source, lambda d: len(d.batches) >= 1)
    started = time.monotonic()
    source.close(5.0)
    source.close(5.0)
    assert time.monotonic() - started < CLOSE_SECONDS
    assert source.poll(0.1) == []


def test_an_unused_source_closes(log: Log) -> None:
    """A source that was never polled closes as well."""
    source = log.open()
    source.close(1.0)
    assert source.poll(0.0) == []
