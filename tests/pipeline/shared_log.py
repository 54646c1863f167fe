"""Two topics that several members read, each at its own pace, with a message time on every event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sentinel.errors import SourceError
from sentinel.events.batch import EventBatch
from sentinel.ingest.protocol import Changes, LogStart
from tests.pipeline import streams
from tests.support.join_oracle import Event, Predicted, Recounted
from tests.support.layouts import START_US

TOPICS = (streams.PREDICTIONS, streams.OUTCOMES)


@dataclass(frozen=True)
class Message:
    """An event, when it was written, and its place in the order of both topics together."""

    event: Event
    at: int
    place: int


def topic_of(event: Event) -> str:
    """Where an event is written."""
    return streams.PREDICTIONS if isinstance(event, Predicted) else streams.OUTCOMES


class SharedLog:
    """The messages of each topic and partition; those before ``first`` were removed by retention."""

    def __init__(self, events: Mapping[int, Sequence[Event]]) -> None:
        self.messages: dict[tuple[str, int], list[Message]] = {(t, p): [] for p in events for t in TOPICS}
        self.first: dict[tuple[str, int], int] = dict.fromkeys(self.messages, 0)
        for partition, some in events.items():
            now = START_US
            for place, event in enumerate(some):  # no event is written before a prediction that comes before it
                now = max(now, event.at) if isinstance(event, Predicted) else now
                at = event.at if isinstance(event, Recounted) else now
                self.messages[topic_of(event), partition].append(Message(event, at, place))


class SharedSource:
    """One member's view of the log; implements ``LogSource``.

    Both topics are read in the order in which they were written, ``size()`` messages at a time and none from place
    ``end`` on; where a reader was told an end of one topic, the other goes on alone.
    """

    name = "shared"

    def __init__(self, log: SharedLog, size: Callable[[], int] = lambda: 10, end: int = 1 << 60) -> None:
        self.log = log
        self.size = size
        self.end = end
        self.changes: list[Changes] = []
        self.started: list[tuple[int, dict[str, int]]] = []
        self.n_questions_fail = 0
        self._assigned: frozenset[int] = frozenset()
        self._next: dict[tuple[str, int], int] = {}
        self._until: dict[tuple[str, int], int] = {}
        self._paused: set[int] = set()
        self.assign({partition for _, partition in log.messages})

    def assign(self, partitions: Iterable[int], *, lost: bool = False) -> None:
        """Let the member have exactly these from its next turn on."""
        wanted = frozenset(partitions)
        gone = self._assigned - wanted
        self.changes.append(
            Changes(
                gained=wanted - self._assigned,
                lost=gone if lost else frozenset(),
                revoked=frozenset() if lost else gone,
            )
        )
        self._assigned = wanted
        self._next = {place: at for place, at in self._next.items() if place[1] not in gone}

    def assigned(self) -> frozenset[int]:
        """As told."""
        return self._assigned

    def take_changes(self) -> Changes:
        """The next change."""
        return self.changes.pop(0) if self.changes else Changes()

    def start_at(self, partition: int, positions: Mapping[str, int], until: Mapping[str, int] | None = None) -> None:
        """Go there."""
        if partition not in self._assigned:
            return
        self.started.append((partition, dict(positions)))
        for topic in TOPICS:
            self._next[topic, partition] = max(positions.get(topic, 0), self.log.first[topic, partition])
            self._until.pop((topic, partition), None)
        self._until.update({(topic, partition): end for topic, end in (until or {}).items()})

    def reached(self, partition: int) -> bool:
        """Whether both topics stand at their ends."""
        places = [(topic, partition) for topic in TOPICS if (topic, partition) in self._next]
        return bool(places) and all(self._next[place] >= self._until.get(place, 0) for place in places)

    def offsets_at(self, partition: int, time_us: int) -> LogStart:
        """The first message as late as that."""
        if self.n_questions_fail:
            self.n_questions_fail -= 1
            raise SourceError("no answer")
        found, missing_us = {}, 0
        for topic in TOPICS:
            messages, first = self.log.messages[topic, partition], self.log.first[topic, partition]
            late = (n for n in range(first, len(messages)) if messages[n].at >= time_us)
            found[topic] = next(late, len(messages))
            if 0 < first == found[topic] < len(messages):
                missing_us = max(missing_us, messages[first].at - time_us)
        return LogStart(found, missing_us)

    def poll(self, timeout_seconds: float) -> list[EventBatch]:  # noqa: ARG002
        """The next of both topics of each partition, at once."""
        batches = []
        for partition in sorted({p for _, p in self._next} - self._paused):
            some = self._due(partition, self.size())
            if some:
                here = {topic: self._next[topic, partition] for topic in TOPICS}
                batch = streams.batch_of([message.event for message in some], here, partition)
                for topic, position in batch.positions.items():
                    self._next[topic, partition] = position
                batches.append(batch)
        return batches

    def is_dry(self) -> bool:
        """Whether all was delivered that there is before the end."""
        return all(not self._due(partition, 1) for _, partition in self._next)

    def _due(self, partition: int, n: int) -> list[Message]:
        due: list[Message] = []
        for topic in TOPICS:
            start, until = self._next[topic, partition], self._until.get((topic, partition))
            stop = start + n if until is None else min(start + n, until)
            due += [m for m in self.log.messages[topic, partition][start:stop] if m.place < self.end]
        return sorted(due, key=lambda message: message.place)[:n]

    def commit(self, positions: Mapping[int, Mapping[str, int]]) -> None:
        """Nobody asks."""

    def pause(self, partitions: Iterable[int]) -> None:
        """Deliver nothing of these."""
        self._paused |= set(partitions)

    def resume(self, partitions: Iterable[int]) -> None:
        """Deliver these again."""
        self._paused -= set(partitions)

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Unknown."""
        return {}

    def exhausted(self) -> bool:
        """Never."""
        return False

    def statistics(self) -> Mapping[str, int]:
        """None."""
        return {}

    def close(self, timeout_seconds: float) -> None:
        """Nothing to leave."""
