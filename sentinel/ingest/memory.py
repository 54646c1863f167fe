"""A small log of messages in this process: what the demo and tests feed instead of a broker."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

import xxhash

from sentinel.errors import SourceError
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.decoded import assemble
from sentinel.events.codecs.messages import Messages, Role
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.protocol import Changes, LogStart

TOPICS: dict[Role, str] = {"prediction": "predictions", "outcome": "outcomes"}
_ROLES: tuple[Role, ...] = ("prediction", "outcome")


class _Topic:
    """One partition of one topic: the messages from ``base`` on; those before were committed and forgotten."""

    def __init__(self) -> None:
        self.base = 0
        self.messages: dict[int, tuple[bytes | None, int]] = {}
        self.next = 0
        self.end = 0
        self.until: int | None = None

    @property
    def stop(self) -> int:
        """Where delivery ends for now."""
        return self.end if self.until is None else min(self.end, self.until)

    def forget(self, before: int) -> None:
        """Drop the messages before an offset."""
        for offset in range(self.base, before):
            del self.messages[offset]
        self.base = max(self.base, before)


class MemorySource:
    """Takes raw messages from any thread and delivers them to the loop; implements ``Source``.

    A message is kept until :meth:`commit` covers it, so a stored position can be returned to. What is published
    waits in bounded memory: :meth:`publish` blocks while ``capacity`` messages are undelivered.

    Parameters
    ----------
    codec : Codec
    n_partitions : int, >= 1
    capacity : int, >= 1
        Undelivered messages, over all partitions.
    max_messages : int, >= 1
        Delivered of one topic partition in one poll.
    """

    name = "memory"

    def __init__(
        self, codec: Codec, *, n_partitions: int = 1, capacity: int = 100_000, max_messages: int = 2_000
    ) -> None:
        self._codec = codec
        self._capacity = capacity
        self._max_messages = max_messages
        self._topics: dict[tuple[Role, int], _Topic] = {
            (role, partition): _Topic() for partition in range(n_partitions) for role in _ROLES
        }
        self._partitions = frozenset(range(n_partitions))
        self._changed = threading.Condition()
        self._changes = Changes(gained=self._partitions)
        self._started: set[int] = set()
        self._paused: set[int] = set()
        self._ended = False
        self._closed = False
        self._counts: Counter[str] = Counter()

    def publish(
        self, role: Role, key: bytes, payload: bytes | None, received_at: int, *, timeout_seconds: float = 30.0
    ) -> bool:
        """Append one message to the partition of its key, once there is room.

        Parameters
        ----------
        role : 'prediction' or 'outcome'
        key : bytes
            The prediction_id: a prediction and its outcome with one key meet in one partition.
        payload : bytes or None
        received_at : int, microseconds since the epoch, UTC
        timeout_seconds : float, >= 0
            How long to wait for room.

        Returns
        -------
        bool
            False if it was not taken: no room in time, or the source was ended or closed.
        """
        partition = xxhash.xxh64_intdigest(key) % len(self._partitions)
        with self._changed:
            self._changed.wait_for(self._accepts, timeout_seconds)
            if not self._accepts() or self._ended or self._closed:
                return False
            topic = self._topics[role, partition]
            topic.messages[topic.end] = (payload, received_at)
            topic.end += 1
            self._changed.notify_all()
        return True

    def end(self) -> None:
        """Promise that nothing more will be published, so that the source runs dry."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def assigned(self) -> frozenset[int]:
        """All partitions, always."""
        return self._partitions

    def take_changes(self) -> Changes:
        """All partitions are gained at the start; nothing changes after."""
        changes, self._changes = self._changes, Changes()
        return changes

    def start_at(self, partition: int, positions: Mapping[str, int], until: Mapping[str, int] | None = None) -> None:
        """Go to the positions; a message that was committed and forgotten is passed over."""
        if partition not in self._partitions:
            return
        with self._changed:
            for role in _ROLES:
                topic = self._topics[role, partition]
                topic.next = min(max(positions.get(TOPICS[role], 0), topic.base), topic.end)
                topic.until = (until or {}).get(TOPICS[role])
            self._started.add(partition)
            self._changed.notify_all()

    def reached(self, partition: int) -> bool:
        """Whether both topics stand at their ends."""
        with self._changed:
            topics = [self._topics[role, partition] for role in _ROLES if partition in self._started]
            return bool(topics) and all(topic.until is None or topic.next >= topic.until for topic in topics)

    def offsets_at(self, partition: int, time_us: int) -> LogStart:
        """The first message as late as that; nothing is known of those that were forgotten."""
        with self._changed:
            starts, missing_us = {}, 0
            for role in _ROLES:
                topic = self._topics[role, partition]
                late = (at for at in range(topic.base, topic.end) if topic.messages[at][1] >= time_us)
                starts[TOPICS[role]] = start = next(late, topic.end)
                if 0 < topic.base == start < topic.end:
                    missing_us = max(missing_us, topic.messages[start][1] - time_us)
        return LogStart(starts, missing_us)

    def poll(self, timeout_seconds: float) -> list[EventBatch]:
        """Wait for a message of any partition that is started and not paused."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready() or self._closed or self._is_dry(), timeout_seconds)
            taken = [] if self._closed else [self._take(partition) for partition in self._ready()]
            self._changed.notify_all()
        try:
            batches = [self._batch(partition, runs, behind) for partition, runs, behind in taken]
        except SourceError:  # something that decoding needs is away: all of it comes again
            self._go_back(taken)
            return []
        self._counts["messages"] += sum(len(run.offsets) for _, runs, _ in taken for run in runs)
        return batches

    def commit(self, positions: Mapping[int, Mapping[str, int]]) -> None:
        """Forget what lies before the positions."""
        with self._changed:
            for partition in self._partitions.intersection(positions):
                for role in _ROLES:
                    topic = self._topics[role, partition]
                    topic.forget(min(positions[partition].get(TOPICS[role], topic.base), topic.next))

    def pause(self, partitions: Iterable[int]) -> None:
        """Keep the messages of these back."""
        with self._changed:
            self._paused.update(self._partitions.intersection(partitions))

    def resume(self, partitions: Iterable[int]) -> None:
        """Deliver these again."""
        with self._changed:
            self._paused.difference_update(partitions)
            self._changed.notify_all()

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Undelivered messages of the partitions that were started."""
        with self._changed:
            return {
                (TOPICS[role], partition): topic.end - topic.next
                for (role, partition), topic in self._topics.items()
                if partition in self._started
            }

    def exhausted(self) -> bool:
        """Whether :meth:`end` was called and everything was delivered."""
        with self._changed:
            return self._is_dry()

    def statistics(self) -> Mapping[str, int]:
        """``messages`` delivered, ``errors`` met, since the start."""
        return {name: self._counts[name] for name in ("messages", "errors")}

    def close(self, timeout_seconds: float) -> None:  # noqa: ARG002
        """Turn away readers and writers at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _accepts(self) -> bool:
        waiting = sum(topic.end - topic.next for topic in self._topics.values())
        return waiting < self._capacity or self._ended or self._closed

    def _is_dry(self) -> bool:
        return self._ended and all(topic.next == topic.end for topic in self._topics.values())

    def _ready(self) -> list[int]:
        return [
            partition
            for partition in sorted(self._started - self._paused)
            if any(self._topics[role, partition].next < self._topics[role, partition].stop for role in _ROLES)
        ]

    def _take(self, partition: int) -> tuple[int, list[Messages], bool]:
        runs = []
        for role in _ROLES:
            topic = self._topics[role, partition]
            offsets = list(islice(range(topic.next, topic.stop), self._max_messages))
            if not offsets:
                continue
            messages = [topic.messages[offset] for offset in offsets]
            runs.append(
                Messages(
                    topic=TOPICS[role],
                    partition=partition,
                    role=role,
                    offsets=offsets,
                    payloads=[payload for payload, _ in messages],
                    received_at=[received_at for _, received_at in messages],
                )
            )
            topic.next += len(offsets)
        outcomes = self._topics["outcome", partition]
        return partition, runs, outcomes.next < outcomes.end

    def _go_back(self, taken: list[tuple[int, list[Messages], bool]]) -> None:
        self._counts["errors"] += 1
        with self._changed:
            for partition, runs, _ in taken:
                for run in runs:
                    self._topics[run.role, partition].next = run.offsets[0]

    def _batch(self, partition: int, runs: list[Messages], behind: bool) -> EventBatch:
        positions = {run.topic: run.offsets[-1] + 1 for run in runs}
        return assemble(partition, positions, [self._codec.decode(run) for run in runs], outcomes_behind=behind)
