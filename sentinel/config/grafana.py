"""How to reach a Grafana, and what the daemon does with it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from msgspec import Meta

from sentinel.config.addresses import parse_web_address
from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.fields import Text, bounded, parsed, path_to
from sentinel.config.secrets import Secret
from sentinel.config.section import Section

_EXAMPLE = "for example https://grafana.example.org"


class Grafana(Section, frozen=True, kw_only=True):
    """A Grafana that verdicts are marked in and that `sentinel dashboards push` writes to."""

    url: Annotated[
        Text,
        Meta(
            description="Its address, with the path below which it is served, if any.",
            examples=["https://grafana.example.org", "http://127.0.0.1:3000/grafana"],
        ),
    ]
    token: Annotated[Secret | None, Meta(description="A service account's token; better as token_file or ${ENV}.")] = (
        None
    )
    token_file: Annotated[Text | None, path_to("A file that holds the token. Read at the start and at a reload.")] = (
        None
    )
    folder: Annotated[Text, Meta(description="The folder that the dashboards are pushed to, made if need be.")] = (
        "Sentinel"
    )
    annotations: Annotated[
        bool,
        Meta(
            description="Mark each change of verdict as an annotation. True: without it only the alerts are marked. "
            "The token needs the right to read and write annotations, and nothing else."
        ),
    ] = True
    timeout: Annotated[
        Duration,
        bounded(
            "How long to wait for a connection and for each part of an answer. 5s: the stream never waits for it.",
            Duration.parse("100ms"),
            Duration.parse("1m"),
        ),
    ] = parsed(Duration, "5s")
    ca_file: Annotated[
        Text | None, path_to("Certificates of the authorities to trust. Unset: those that requests brings.")
    ] = None

    def __post_init__(self) -> None:
        if self.token is None:
            raise ConfigError(
                "a token is needed", keys=("token",), hint="name a token_file, or token: ${GRAFANA_TOKEN}"
            )
        try:
            parts = parse_web_address(self.url)
        except ValueError as error:
            raise ConfigError(str(error), keys=("url",), hint=_EXAMPLE) from error
        if parts.username is not None or parts.query or parts.fragment:
            raise ConfigError("holds more than host, port and path", keys=("url",), hint=_EXAMPLE)

    @property
    def parts(self) -> SplitResult:
        """The address in parts."""
        return urlsplit(self.url)
