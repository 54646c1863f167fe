"""How to read from Kafka; the keys are those of kafka-python, so its documentation holds."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.config.addresses import parse_address
from sentinel.config.durations import Duration
from sentinel.config.encodings import needs_registry
from sentinel.config.errors import ConfigError
from sentinel.config.fields import PATTERN_MEANING, Text, bounded, parsed, path_to
from sentinel.config.formats import Formats
from sentinel.config.java_names import translate_names
from sentinel.config.oauth import check_oauth
from sentinel.config.registry import SchemaRegistry
from sentinel.config.secrets import Secret
from sentinel.config.section import Section
from sentinel.config.sizes import Bytes
from sentinel.config.tls import CaFile, CertFile, KeyFile, KeyPassword, KeyPasswordFile, check_key

KAFKA_PORT = 9092
ShortText = Annotated[str, Meta(min_length=1, max_length=249)]
_TOPIC_RULE = {PATTERN_MEANING: "may hold only letters, digits, dots, underscores and hyphens"}
_TopicName = Annotated[str, Meta(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$", extra=_TOPIC_RULE)]


class Topics(Section, frozen=True, kw_only=True):
    """The input topics, keyed by prediction_id with equal numbers of partitions; and sentinel's own."""

    predictions: Annotated[_TopicName, Meta(description="Prediction events.")]
    outcomes: Annotated[_TopicName, Meta(description="Outcome events.")]
    summaries: Annotated[
        _TopicName | None,
        Meta(
            description="Compacted; here collectors publish their counts, so that evaluators read them and another "
            "member can take a partition over. Needed by the roles collector and evaluator. Unset: counts stay in "
            "state.directory.",
            examples=["sentinel.summaries"],
        ),
    ] = None
    verdicts: Annotated[
        _TopicName | None,
        Meta(
            description="Every change of a verdict or an alert is written here as a CloudEvent. Unset: nowhere.",
            examples=["sentinel.verdicts"],
        ),
    ] = None
    dead_letters: Annotated[
        _TopicName | None,
        Meta(
            description="Refused events are written here too, with headers that say why. Unset: they are kept in "
            "state.directory alone.",
            examples=["sentinel.dead-letters"],
        ),
    ] = None

    def __post_init__(self) -> None:
        named: dict[str, str] = {}
        for role in self.__struct_fields__:
            topic = getattr(self, role)
            if topic is not None and named.setdefault(topic, role) != role:
                raise ConfigError(f"{named[topic]} and {role} need a topic each", keys=(role,))


class KafkaSource(Section, frozen=True, kw_only=True):
    """A member of a consumer group."""

    translate_names = staticmethod(translate_names)

    bootstrap_servers: Annotated[
        list[str],
        Meta(
            description="Brokers to ask first, host:port each.",
            min_length=1,
            examples=[["kafka-0.example.org:9092"]],
        ),
    ]
    topics: Annotated[Topics, Meta(description="The input topics.")]
    formats: Annotated[
        Formats, Meta(description="What the messages look like. Unset: sentinel's own events, as JSON.")
    ] = msgspec.field(default_factory=Formats)
    schema_registry: Annotated[
        SchemaRegistry | None,
        Meta(description="Where the schemas of Avro and Protobuf messages are looked up. Unset: from schema_file."),
    ] = None
    client: Annotated[
        Literal["kafka-python", "confluent-kafka"],
        Meta(
            description="What reads. kafka-python is always there, and as fast here; confluent-kafka needs the extra "
            "'confluent', for sites that run librdkafka everywhere. Every key means the same with both."
        ),
    ] = "kafka-python"
    group_id: Annotated[
        str, Meta(description="The consumer group that shares the partitions.", min_length=1, max_length=249)
    ] = "sentinel"
    client_id: Annotated[
        str,
        Meta(description="How brokers name this client in their logs and quotas.", min_length=1, max_length=249),
    ] = "sentinel"
    group_instance_id: Annotated[
        ShortText | None,
        Meta(
            description="A name that outlives restarts (static membership), for example the pod's: a quick "
            "restart then moves no partitions. Unset: an ordinary member.",
        ),
    ] = None
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(description="How the connection is protected. PLAINTEXT is the default of Kafka itself."),
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None,
        Meta(description="How to log in; required with SASL_PLAINTEXT and SASL_SSL."),
    ] = None
    sasl_plain_username: Annotated[Text | None, Meta(description="The user to log in as.")] = None
    sasl_plain_password: Annotated[
        Secret | None, Meta(description="Its password; better as sasl_plain_password_file or ${ENV}.")
    ] = None
    sasl_plain_password_file: Annotated[Text | None, path_to("A file that holds the password.")] = None
    sasl_oauth_token_endpoint_url: Annotated[
        Text | None,
        Meta(
            description="Where OAUTHBEARER gets its tokens by client credentials: the token endpoint of an identity "
            "provider, https (http on this machine alone).",
            examples=["https://idp.example.org/realms/main/protocol/openid-connect/token"],
        ),
    ] = None
    sasl_oauth_client_id: Annotated[Text | None, Meta(description="The client that asks for tokens.")] = None
    sasl_oauth_client_secret: Annotated[
        Secret | None, Meta(description="Its secret; better as sasl_oauth_client_secret_file or ${ENV}.")
    ] = None
    sasl_oauth_client_secret_file: Annotated[Text | None, path_to("A file that holds the client's secret.")] = None
    sasl_oauth_scope: Annotated[
        Text | None, Meta(description="What the token is asked for. Unset: the provider's default.")
    ] = None
    sasl_oauth_cafile: Annotated[
        Text | None,
        path_to("Certificates of the authorities to trust when tokens are asked for. Unset: those of the system."),
    ] = None
    sasl_oauth_token_file: Annotated[
        Text | None,
        path_to(
            "A file with a token that something else renews, as Kubernetes does for service accounts; read at each "
            "login. Instead of an endpoint."
        ),
    ] = None
    sasl_oauth_extensions: Annotated[
        dict[str, str],
        Meta(description="Sent beside the token, for brokers that want it.", examples=[{"logicalCluster": "lkc-1"}]),
    ] = msgspec.field(default_factory=dict)
    ssl_cafile: CaFile = None
    ssl_certfile: CertFile = None
    ssl_keyfile: KeyFile = None
    ssl_password: KeyPassword = None
    ssl_password_file: KeyPasswordFile = None
    ssl_check_hostname: Annotated[
        bool,
        Meta(
            description="Refuse a broker whose certificate names another host. True: otherwise anyone may pose as it."
        ),
    ] = True
    client_rack: Annotated[Text | None, Meta(description="Read from replicas of this rack when there are any.")] = None
    fetch_min_bytes: Annotated[
        Bytes,
        bounded(
            "A broker waits for this much before it answers. 64KiB: small fetches were measured to cost "
            "several times more an event.",
            Bytes.parse("1B"),
            Bytes.parse("50MiB"),
        ),
    ] = parsed(Bytes, "64KiB")
    fetch_max_wait: Annotated[
        Duration,
        bounded(
            "But no longer than this, so a quiet topic is read 300ms late at most.",
            Duration.parse("1ms"),
            Duration.parse("30s"),
        ),
    ] = parsed(Duration, "300ms")
    max_partition_fetch_bytes: Annotated[
        Bytes,
        bounded(
            "The most to fetch of one partition at once: 1MiB, Kafka's default, holds the largest default message.",
            Bytes.parse("1KiB"),
            Bytes.parse("50MiB"),
        ),
    ] = parsed(Bytes, "1MiB")
    max_poll_records: Annotated[
        int,
        Meta(
            description="Events per micro-batch. 2000 fits the processor's cache: 10000 was measured up to "
            "1.7 times slower.",
            ge=1,
            le=100_000,
        ),
    ] = 2_000
    session_timeout: Annotated[
        Duration,
        bounded(
            "A member silent for this long loses its partitions. 45s, Kafka's default, outlasts a restart "
            "with group_instance_id.",
            Duration.parse("1s"),
            Duration.parse("30m"),
        ),
    ] = parsed(Duration, "45s")
    auto_offset_reset: Annotated[
        Literal["earliest", "latest"],
        Meta(description="Where to begin without a stored offset. 'earliest' counts everything that is still there."),
    ] = "earliest"
    api_version: Annotated[
        Annotated[list[int], Meta(min_length=2, max_length=3)] | None,
        Meta(description="The broker's version, for example [3, 9]. Unset: ask it."),
    ] = None

    def __post_init__(self) -> None:
        for index, server in enumerate(self.bootstrap_servers):
            try:
                parse_address(server, default_port=KAFKA_PORT)
            except ValueError as error:
                raise ConfigError(str(error), keys=("bootstrap_servers", index)) from error
        self._check_schemas()
        self._check_sasl()
        check_oauth(self)
        check_key(self.ssl_certfile, self.ssl_keyfile)

    def _check_schemas(self) -> None:
        for topic in self.formats.__struct_fields__:
            format_ = getattr(self.formats, topic)
            if self.schema_registry is None and needs_registry(format_):
                keys = ("formats", topic, "encoding")
                hint = "set source.kafka.schema_registry, or schema_file beside encoding"
                raise ConfigError(f"{format_.encoding} needs a schema", keys=keys, hint=hint)

    def _check_sasl(self) -> None:
        needed: tuple[str, ...] = ("sasl_mechanism", "sasl_plain_username", "sasl_plain_password")
        if self.sasl_mechanism == "OAUTHBEARER" and self.security_protocol.startswith("SASL_"):
            needed = ("sasl_mechanism",)
        given = [name for name in needed if getattr(self, name) is not None]
        if self.security_protocol.startswith("SASL_"):
            missing = [name for name in needed if name not in given]
            if missing:
                message = f"{self.security_protocol} needs {', '.join(missing)}"
                raise ConfigError(message, keys=("security_protocol",))
        elif given:
            message = f"{given[0]} has no effect with {self.security_protocol}"
            hint = "set security_protocol to SASL_SSL or SASL_PLAINTEXT"
            raise ConfigError(message, keys=(given[0],), hint=hint)
