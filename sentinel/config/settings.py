"""The root of the configuration, and the sections that belong to the daemon rather than to a model."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.config.addresses import parse_address
from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.fields import PATTERN_MEANING, Text, bounded, parsed, path_to
from sentinel.config.grafana import Grafana
from sentinel.config.http_source import HttpSource
from sentinel.config.kafka import KafkaSource
from sentinel.config.model import Model
from sentinel.config.secrets import Secret
from sentinel.config.sizes import Bytes
from sentinel.config.times import parse_time_us

_WebAddress = Annotated[
    str,
    Meta(min_length=1, pattern=r"^https?://[^\s]+$", extra={PATTERN_MEANING: "has to begin with https:// or http://"}),
]

MIN_KEY_CHARACTERS = 32
"""128 bits as hexadecimal digits: too many to be tried."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


class Web(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metrics, health and the console over HTTP."""

    listen: Annotated[
        str,
        Meta(
            description="host:port. This machine only by default: opening it to a network is a decision. "
            "Port 0 takes any free one.",
            examples=["127.0.0.1:9469", "0.0.0.0:9469", "[::1]:9469"],
        ),
    ] = "127.0.0.1:9469"
    reload_endpoint: Annotated[
        bool,
        Meta(
            description="Serve POST /-/reload: to writers; to everyone where nobody has to log in. Off by default: "
            "SIGHUP does the same."
        ),
    ] = False

    config_file: Annotated[
        Text | None,
        path_to(
            "TLS and passwords, in the web configuration format of Prometheus and its exporters. Read again when it "
            "or a certificate changes. Unset: plain HTTP, open to all who reach the port."
        ),
    ] = None
    bearer_token_file: Annotated[
        Text | None,
        path_to(
            "Tokens that open the same doors as passwords do: a line for each, `name token`. Read again on change."
        ),
    ] = None
    writers: Annotated[
        list[Text],
        Meta(description="Names of users and tokens that may write: acknowledge, reload. All others only read."),
    ] = msgspec.field(default_factory=list)
    producers: Annotated[
        list[Text],
        Meta(
            description="Names of users and tokens that may post events, where source.http takes them, and nothing "
            "else: they read no report. Who writes may not post: give a service a token of its own."
        ),
    ] = msgspec.field(default_factory=list)
    allowed_hosts: Annotated[
        list[Text],
        Meta(
            description="Host names that requests may name, without port; localhost and IP addresses always may. "
            "Empty: any name; on a loopback address none, so that no web page can reach sentinel by a name of its own.",
            examples=[["sentinel.example.org"]],
        ),
    ] = msgspec.field(default_factory=list)
    runbooks: Annotated[
        _WebAddress | None,
        Meta(
            description="Where the pages find the runbooks of alerts: the address of the folder that holds them, or of "
            "one with {alert} in place of its name, as `sentinel rules --runbook-base` takes it. Unset: the pages name "
            "the file.",
            examples=["https://runbooks.example.org/sentinel", "https://wiki.example.org/?page={alert}"],
        ),
    ] = None
    evaluator: Annotated[
        _WebAddress | None,
        Meta(
            description="Where the page of the evaluator is: the page of a collector, which has no models, leads "
            "there. Unset: it says so without a link.",
            examples=["https://sentinel.example.org/"],
        ),
    ] = None
    requests_per_second: Annotated[
        float,
        Meta(
            description="Requests of one client address that are answered, four seconds' worth at once; the others "
            "get status 429. 50 is far above scrapers and people. Probes are not counted.",
            ge=0.1,
            le=100_000,
        ),
    ] = 50.0
    max_connections: Annotated[
        int,
        Meta(
            description="Connections held at most. Above, the client that holds the most loses its oldest.",
            ge=64,
            le=16_384,
        ),
    ] = 512

    def __post_init__(self) -> None:
        for named in ("writers", "producers"):
            if getattr(self, named) and self.config_file is None and self.bearer_token_file is None:
                raise ConfigError("nobody can log in", keys=(named,), hint="set config_file or bearer_token_file")
        both = sorted(set(self.writers) & set(self.producers))
        if both:
            hint = "a producer posts events and does nothing else: give it a token of its own"
            raise ConfigError(f"{both[0]!r} is a writer too", keys=("producers",), hint=hint)
        try:
            parse_address(self.listen)
        except ValueError as error:
            raise ConfigError(str(error), keys=("listen",), hint="for example 127.0.0.1:9469") from error

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to bind."""
        return parse_address(self.listen)


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What bad or strange input may cost at most."""

    max_event_bytes: Annotated[
        Bytes,
        bounded(
            "Larger events become dead letters. 1MiB is the largest message that brokers take by default.",
            Bytes.parse("256B"),
            Bytes.parse("64MiB"),
        ),
    ] = parsed(Bytes, "1MiB")
    max_future_skew: Annotated[
        Duration,
        bounded(
            "Events dated further ahead of the clock become dead letters: one of them would move the "
            "watermark past all others. An hour forgives a wrong time zone switch.",
            Duration.parse("0s"),
            Duration.parse("31d"),
        ),
    ] = parsed(Duration, "1h")
    min_time: Annotated[
        str,
        Meta(
            description="Events dated before become dead letters, as an RFC 3339 time with its zone. 2000 "
            "lies after the zero of every usual epoch, so an unset clock is caught.",
            examples=["2000-01-01T00:00:00Z"],
        ),
    ] = "2000-01-01T00:00:00Z"
    dead_letter_values: Annotated[
        Literal["redacted", "kept"],
        Meta(
            description="Whether what a bad event held is kept. 'redacted', the default, keeps its place, reason, size "
            "and hash, so that nothing of whom it is about is stored; 'kept' adds its first bytes to the file and "
            "writes all of it to the topic."
        ),
    ] = "redacted"
    dead_letter_head_bytes: Annotated[
        Bytes,
        bounded(
            "First bytes of a bad event that the file holds where dead_letter_values are kept. 256 shows what it is "
            "and little of whom it is about.",
            Bytes.parse("0B"),
            Bytes.parse("64KiB"),
        ),
    ] = parsed(Bytes, "256B")
    dead_letter_file_bytes: Annotated[
        Bytes,
        bounded(
            "The dead letter file stops growing here and only counts. 64MiB holds some 100,000 of them.",
            Bytes.parse("0B"),
            Bytes.parse("1TiB"),
        ),
    ] = parsed(Bytes, "64MiB")
    max_series: Annotated[
        int,
        Meta(
            description="Time series exposed at most; what is cut is counted. 20000 keeps a scrape far "
            "below its time-out.",
            ge=100,
            le=1_000_000,
        ),
    ] = 20_000
    max_series_per_model: Annotated[
        int,
        Meta(
            description="The same for one version of a model, so that no model takes it all: 10000 are some 700 slices "
            "by one metric. Verdicts, alerts and what is known of all traffic are never cut.",
            ge=100,
            le=1_000_000,
        ),
    ] = 10_000

    def __post_init__(self) -> None:
        try:
            parse_time_us(self.min_time)
        except ValueError as error:
            raise ConfigError(str(error), keys=("min_time",), hint="for example 2000-01-01T00:00:00Z") from error

    @property
    def min_time_us(self) -> int:
        """``min_time`` in microseconds since the epoch, UTC."""
        return parse_time_us(self.min_time)


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often the counts are judged."""

    interval: Annotated[
        Duration,
        bounded(
            "Time between two evaluations. 15s is the usual scrape interval; more looks add no false alarm.",
            Duration.parse("100ms"),
            Duration.parse("1h"),
        ),
    ] = parsed(Duration, "15s")


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the process says about itself on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least that is worth a line. 'info' is one line per life-cycle event."),
    ] = "info"
    format: Annotated[
        Literal["logfmt", "json"],
        Meta(description="One line per event in either form; logfmt by default since people read it too."),
    ] = "logfmt"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
