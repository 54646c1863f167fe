"""How events are taken in over HTTP, for those without Kafka."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.fields import bounded, parsed
from sentinel.config.formats import Formats
from sentinel.config.section import Section
from sentinel.config.sizes import Bytes

REQUESTS_PER_LOG = 8
"""The largest request fits the log so often, so that letting one segment go always makes room for it."""


class HttpSource(Section, frozen=True, kw_only=True):
    """POST /v1/events, on the port of the console. Who may post stands in web.producers."""

    formats: Annotated[Formats, Meta(description="What the events look like. Unset: sentinel's own events.")] = (
        msgspec.field(default_factory=Formats)
    )
    allow_anonymous: Annotated[
        bool,
        Meta(
            description="Take events from everyone who reaches the port, where nobody has to log in and the port is "
            "open to a network. False: then only a port on a loopback address takes events without a login."
        ),
    ] = False
    max_request_bytes: Annotated[
        Bytes,
        bounded(
            "The most that one request may hold, also when it is unpacked. 4MiB are some 8000 events of 500 bytes.",
            Bytes.parse("4KiB"),
            Bytes.parse("64MiB"),
        ),
    ] = parsed(Bytes, "4MiB")
    max_pending_bytes: Annotated[
        Bytes,
        bounded(
            "The most that all requests together may hold before they are on disk; the process takes some three times "
            "as much memory for them. Above it requests get status 503. One client address may hold half of it.",
            Bytes.parse("64KiB"),
            Bytes.parse("4GiB"),
        ),
    ] = parsed(Bytes, "32MiB")
    max_log_bytes: Annotated[
        Bytes,
        bounded(
            "The most that events which are not counted yet may take on disk, in state.directory. Above it requests "
            "get status 503 until some were counted. 4GiB are some 8 million events.",
            Bytes.parse("1MiB"),
            Bytes.parse("16TiB"),
        ),
    ] = parsed(Bytes, "4GiB")
    fsync: Annotated[
        bool,
        Meta(
            description="Answer only when the events are on disk. True: without it a power cut loses events that "
            "were acknowledged; a crash of sentinel alone loses none either way."
        ),
    ] = True
    requests_per_second: Annotated[
        float,
        Meta(
            description="Requests of one client address that are taken, four seconds' worth at once; the others get "
            "status 429. Apart from web.requests_per_second.",
            ge=0.1,
            le=1_000_000,
        ),
    ] = 2_000.0
    body_timeout: Annotated[
        Duration,
        bounded(
            "How long a client may take to send one request. 20s: slower ones get status 408.",
            Duration.parse("100ms"),
            Duration.parse("50s"),
        ),
    ] = parsed(Duration, "20s")

    def __post_init__(self) -> None:
        for role in ("predictions", "outcomes"):
            if getattr(self.formats, role).encoding != "json":
                raise ConfigError("over HTTP events are JSON", keys=("formats", role, "encoding"))
        if self.max_pending_bytes < 2 * self.max_request_bytes:
            hint = f"at least {Bytes(2 * self.max_request_bytes)}"
            raise ConfigError(
                "has no room for two requests of max_request_bytes", keys=("max_pending_bytes",), hint=hint
            )
        if self.max_log_bytes < 2 * REQUESTS_PER_LOG * self.max_request_bytes:
            hint = f"at least {Bytes(2 * REQUESTS_PER_LOG * self.max_request_bytes)}"
            raise ConfigError("is too small for max_request_bytes", keys=("max_log_bytes",), hint=hint)
