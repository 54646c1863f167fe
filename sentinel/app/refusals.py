"""What becomes of refused events: a line in a file, a message of a topic if one is named, a line in the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from sentinel.app.models import hash_key_of
from sentinel.clock import Clock
from sentinel.config.settings import Config
from sentinel.events.batch import DeadLetter
from sentinel.ingest.dead_letters import DeadLetterFile
from sentinel.logs import get_logger

log = get_logger(__name__)

FILE_NAME = "dead-letters.jsonl"


class LetterTopic(Protocol):
    """A topic that refused events are written to."""

    def append(self, letters: Iterable[DeadLetter]) -> None:
        """Hand letters over."""
        ...

    def settle(self) -> bool:
        """Wait, for a bounded time, until all of them are acknowledged."""
        ...

    def statistics(self) -> Mapping[str, int]:
        """Counts since the start."""
        ...

    def close(self, timeout_seconds: float) -> None:
        """Disconnect."""
        ...


def make_letter_topic(config: Config, clock: Clock) -> LetterTopic | None:
    """The topic that refused events are written to, if one is configured; connects when the first comes."""
    kafka = None if config.source is None else config.source.kafka
    if kafka is None or kafka.topics.dead_letters is None:
        return None
    from sentinel.ingest.kafka_dead_letters import KafkaDeadLetters  # a slow import that few need

    key = hash_key_of(config)
    return KafkaDeadLetters(
        kafka,
        kafka.topics.dead_letters,
        clock,
        values_kept=config.limits.dead_letter_values == "kept",
        hash_key=b"" if key is None else key.letters,
    )


class Refusals:
    """Takes what the loop refuses; called by its thread alone but for :meth:`statistics`.

    Parameters
    ----------
    config : Config
    clock : Clock
    topic : LetterTopic, optional
        Owned from here on.
    """

    def __init__(self, config: Config, clock: Clock, topic: LetterTopic | None = None) -> None:
        key = hash_key_of(config)
        self._file = DeadLetterFile(
            Path(config.state.directory) / FILE_NAME,
            int(config.limits.dead_letter_file_bytes),
            clock,
            values_kept=config.limits.dead_letter_values == "kept",
            hash_key=b"" if key is None else key.letters,
        )
        self._topic = topic

    def take(self, letters: Iterable[DeadLetter]) -> None:
        """Keep letters and tell of them; raises nothing for a full disk or a broker that is away."""
        refused = list(letters)
        self._file.append(refused)
        if self._topic is not None:
            self._topic.append(refused)
        for letter in refused:
            log.warning(
                "dead_letter",
                reason=str(letter.reason),
                detail=letter.detail,
                topic=letter.topic,
                partition=letter.partition,
                offset=letter.offset,
            )

    def settle(self) -> None:
        """Before a checkpoint: what it covers stands in the topic, if its broker answers."""
        if self._topic is not None:
            self._topic.settle()

    def statistics(self) -> Mapping[tuple[str, str], int]:
        """Letters by place (``file``, ``topic``) and result (``written``, ``dropped``)."""
        places: dict[str, Mapping[str, int]] = {"file": self._file.statistics()}
        if self._topic is not None:
            places["topic"] = self._topic.statistics()
        return {(place, result): n[result] for place, n in places.items() for result in ("written", "dropped")}

    def close(self, timeout_seconds: float) -> None:
        """Disconnect from the topic."""
        if self._topic is not None:
            self._topic.close(timeout_seconds)
