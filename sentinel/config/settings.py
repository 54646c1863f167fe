"""The root of the configuration, and the sections that belong to the daemon rather than to a model."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.fields import Text, bounded, parsed, path_to
from sentinel.config.grafana import Grafana
from sentinel.config.http_source import HttpSource
from sentinel.config.kafka import KafkaSource
from sentinel.config.limits import Limits
from sentinel.config.model import Model
from sentinel.config.secrets import Secret
from sentinel.config.section import Section
from sentinel.config.sizes import Bytes
from sentinel.config.web import Web

MIN_KEY_CHARACTERS = 32
"""128 bits as hexadecimal digits: too many to be tried."""


class Source(Section, frozen=True, kw_only=True):
    """Where the daemon reads events."""

    kafka: Annotated[KafkaSource | None, Meta(description="Read events as a member of a Kafka consumer group.")] = None
    http: Annotated[
        HttpSource | None, Meta(description="Take events in over HTTP, by POST /v1/events. {} takes the defaults.")
    ] = None

    def __post_init__(self) -> None:
        if self.kafka is None and self.http is None:
            raise ConfigError("a source needs a kind", hint="supported: kafka, http")
        if self.kafka is not None and self.http is not None:
            raise ConfigError("events come by one way: kafka or http", keys=("http",), hint="remove one of them")


class State(Section, frozen=True, kw_only=True):
    """What survives a restart."""

    directory: Annotated[
        Text,
        path_to("Where pending predictions, counts and offsets are kept. It belongs to one process alone."),
    ] = "./state"
    checkpoint_interval: Annotated[
        Duration,
        bounded(
            "Time between two commits of counts with their offsets. 5s bounds what a restart reads again.",
            Duration.parse("100ms"),
            Duration.parse("10m"),
        ),
    ] = parsed(Duration, "5s")
    hash_key: Annotated[
        Secret | None,
        Meta(
            description="A secret of 32 characters or more (openssl rand -hex 32) that goes into the hashes of ids, "
            "entities and training rows, so that nobody without it can try whether an id is among what is stored. "
            "Better as hash_key_file or ${ENV}. It cannot change while state or a baseline made with it are in use. "
            "Unset: hashes without a key."
        ),
    ] = None
    hash_key_file: Annotated[Text | None, path_to("A file that holds hash_key.")] = None
    fsync: Annotated[
        bool,
        Meta(
            description="Wait until a commit is on disk. True: without it a power cut may lose commits; "
            "Kafka still has the events."
        ),
    ] = True
    max_bytes: Annotated[
        Bytes,
        bounded(
            "The most that one store may grow to. Address space, not memory: 64GiB costs nothing until it is used.",
            Bytes.parse("1MiB"),
            Bytes.parse("16TiB"),
        ),
    ] = parsed(Bytes, "64GiB")

    def __post_init__(self) -> None:
        if self.hash_key is not None and len(self.hash_key.reveal()) < MIN_KEY_CHARACTERS:
            message = f"must have at least {MIN_KEY_CHARACTERS} characters"
            raise ConfigError(message, keys=("hash_key",), hint="openssl rand -hex 32")


class Evaluation(Section, frozen=True, kw_only=True):
    """How often the counts are judged."""

    interval: Annotated[
        Duration,
        bounded(
            "Time between two evaluations. 15s is the usual scrape interval; more looks add no false alarm.",
            Duration.parse("100ms"),
            Duration.parse("1h"),
        ),
    ] = parsed(Duration, "15s")


class Log(Section, frozen=True, kw_only=True):
    """What the process says about itself on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least that is worth a line. 'info' is one line per life-cycle event."),
    ] = "info"
    format: Annotated[
        Literal["logfmt", "json"],
        Meta(description="One line per event in either form; logfmt by default since people read it too."),
    ] = "logfmt"


class Config(Section, frozen=True, kw_only=True):
    """Everything that sentinel is told."""

    api_version: Annotated[
        Literal["sentinel/v1"],
        Meta(description="The version of this format; required so that it can change."),
    ] = msgspec.field(name="apiVersion")
    models: Annotated[list[Model], Meta(description="The models to watch; each (name, version) once.", min_length=1)]
    source: Annotated[
        Source | None, Meta(description="Where the daemon reads events. Commands on files need none.")
    ] = None
    state: Annotated[State, Meta(description="What survives a restart.")] = msgspec.field(default_factory=State)
    web: Annotated[Web, Meta(description="Metrics, health and the console.")] = msgspec.field(default_factory=Web)
    limits: Annotated[Limits, Meta(description="What bad input may cost.")] = msgspec.field(default_factory=Limits)
    evaluation: Annotated[Evaluation, Meta(description="How often to judge.")] = msgspec.field(
        default_factory=Evaluation
    )
    grafana: Annotated[
        Grafana | None, Meta(description="A Grafana to mark verdicts in. Unset: none; dashboards need no setting.")
    ] = None
    log: Annotated[Log, Meta(description="Lines on standard error.")] = msgspec.field(default_factory=Log)

    def __post_init__(self) -> None:
        seen: dict[tuple[str, str], int] = {}
        for index, model in enumerate(self.models):
            first = seen.setdefault((model.name, model.version), index)
            if first != index:
                message = f"{model.name!r} version {model.version!r} is already models[{first}]"
                raise ConfigError(message, keys=("models", index))
        http = None if self.source is None else self.source.http
        if http is not None and http.fsync and not self.state.fsync:
            hint = "events are let go once they are counted, so both have to be on disk: set both, or neither"
            raise ConfigError("source.http.fsync needs it", keys=("state", "fsync"), hint=hint)
