"""Which source and which ledger a configuration asks for, made ready to be polled."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.app.deserializers import make_deserializers
from sentinel.app.models import Key, WatchedModel, event_limits
from sentinel.clock import SystemClock
from sentinel.config.settings import Config
from sentinel.errors import FatalError
from sentinel.events.codecs.adapting import AdaptingCodec, Stages, make_stages
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.ledger import Ledger, LedgerReader
from sentinel.ingest.protocol import Source


def make_codec(config: Config, models: Mapping[Key, WatchedModel]) -> Codec:
    """The codec for these models: of canonical JSON, or of the formats that are configured.

    Raises
    ------
    FatalError
        If a format needs a package that is missing, or a schema that cannot be read.
    """
    limits = event_limits(config)
    canonical = JsonCodec([model.plan.layout.schema for model in models.values()], limits)
    stages, reads_headers = read_by(config)
    return AdaptingCodec(canonical, stages, limits, reads_headers=reads_headers) if stages else canonical


def read_by(config: Config) -> tuple[Mapping[Role, Stages], bool]:
    """How the configured formats are read, and whether reading their bytes takes headers; empty of canonical JSON.

    Raises
    ------
    FatalError
        As for :func:`make_codec`.
    """
    source = config.source
    if source is not None and source.kafka is not None:
        deserializers, reads_headers = make_deserializers(source.kafka, SystemClock())
        return make_stages(source.kafka.formats, deserializers), reads_headers
    if source is not None and source.http is not None:
        return make_stages(source.http.formats), False
    return {}, False


def make_source(config: Config, models: Mapping[Key, WatchedModel]) -> Source:
    """Build the configured live source.

    Raises
    ------
    FatalError
        If the configuration names none, or a client that is not installed.
    """
    if config.source is None or config.source.kafka is None:
        raise FatalError(
            "source.kafka is missing, and so is source.http: `sentinel run` reads from Kafka or takes events in over "
            "HTTP; for files there is `sentinel replay`"
        )
    codec, clock = make_codec(config, models), SystemClock()
    if config.source.kafka.client == "confluent-kafka":
        from sentinel.ingest.confluent import ConfluentSource

        return ConfluentSource(config.source.kafka, codec, clock)
    from sentinel.ingest.kafka import KafkaSource  # a slow import that only the daemon needs

    return KafkaSource(config.source.kafka, codec, clock)


def make_ledger(config: Config) -> Ledger | None:
    """Where this process publishes its counts; None where no topic is named for them."""
    kafka = None if config.source is None else config.source.kafka
    if kafka is None or kafka.topics.summaries is None:
        return None
    from sentinel.ingest.kafka_ledger import KafkaLedger

    return KafkaLedger(kafka, SystemClock())


def make_reader(config: Config) -> LedgerReader | None:
    """Where the counts of all collectors are read; None where no topic is named for them."""
    kafka = None if config.source is None else config.source.kafka
    if kafka is None or kafka.topics.summaries is None:
        return None
    from sentinel.ingest.kafka_ledger_reader import KafkaLedgerReader

    return KafkaLedgerReader(kafka, SystemClock())
