"""The port of the daemon: where it listens, who may do what there, and how much is answered."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from sentinel.config.addresses import parse_address
from sentinel.config.errors import ConfigError
from sentinel.config.fields import PATTERN_MEANING, Text, path_to
from sentinel.config.section import Section

_WebAddress = Annotated[
    str,
    Meta(min_length=1, pattern=r"^https?://[^\s]+$", extra={PATTERN_MEANING: "has to begin with https:// or http://"}),
]


class Web(Section, frozen=True, kw_only=True):
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
            "one with {alert} in place of its name, as `sentinel rules --runbooks` takes it. Unset: the pages name "
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
