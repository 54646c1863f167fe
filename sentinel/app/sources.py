"""Which source a configuration asks for, made ready to be polled."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.app.models import Key, WatchedModel, event_limits
from sentinel.clock import SystemClock
from sentinel.config.settings import Config
from sentinel.errors import FatalError
from sentinel.events.codecs.json import JsonCodec
from sentinel.ingest.protocol import Source


def make_codec(config: Config, models: Mapping[Key, WatchedModel]) -> JsonCodec:
    """The codec of canonical JSON events for these models."""
    return JsonCodec([model.plan.layout.schema for model in models.values()], event_limits(config))


def make_source(config: Config, models: Mapping[Key, WatchedModel]) -> Source:
    """Build the configured live source.

    Raises
    ------
    FatalError
        If the configuration names none.
    """
    if config.source is None or config.source.kafka is None:
        raise FatalError(
            "source.kafka is missing: `sentinel run` reads from Kafka; for files there is `sentinel replay`"
        )
    from sentinel.ingest.kafka import KafkaSource  # a slow import that only the daemon needs

    return KafkaSource(config.source.kafka, make_codec(config, models), SystemClock())
