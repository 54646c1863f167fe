"""Makes the announcer that a configuration asks for."""

from __future__ import annotations

from sentinel.clock import Clock
from sentinel.config.settings import Config
from sentinel.exposition.announcements.announcer import Announcer


def make_announcer(config: Config, clock: Clock) -> Announcer | None:
    """The announcer, not yet started; None where no topic is named for verdicts."""
    kafka = None if config.source is None else config.source.kafka
    if kafka is None or kafka.topics.verdicts is None:
        return None
    from sentinel.ingest.kafka_event_topic import KafkaEventTopic  # a slow import that few need

    topic = KafkaEventTopic(kafka, kafka.topics.verdicts, clock)
    return Announcer(topic, kafka.group_id, clock)
