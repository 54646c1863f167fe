"""How to reach the schema registry that messages refer to."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from sentinel.config.addresses import parse_web_address
from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.fields import Text, bounded, parsed, path_to
from sentinel.config.secrets import Secret
from sentinel.config.section import Section
from sentinel.config.tls import CaFile, CertFile, KeyFile, KeyPassword, KeyPasswordFile, check_key

_EXAMPLE = "for example https://registry.example.org:8081"


class SchemaRegistry(Section, frozen=True, kw_only=True):
    """A registry with the REST interface of Confluent's. It is only read: for schemas by their id."""

    urls: Annotated[
        list[Text],
        Meta(
            description="Its addresses, each with the path below which it is served, if any. They are tried in turn: "
            "one that answers is kept to.",
            min_length=1,
            max_length=16,
            examples=[["https://registry-0.example.org:8081", "https://registry-1.example.org:8081"]],
        ),
    ]
    username: Annotated[Text | None, Meta(description="The user, or API key, to log in as.")] = None
    password: Annotated[Secret | None, Meta(description="Its password; better as password_file or ${ENV}.")] = None
    password_file: Annotated[Text | None, path_to("A file that holds the password.")] = None
    bearer_token: Annotated[
        Secret | None, Meta(description="A token to log in with; better as bearer_token_file or ${ENV}.")
    ] = None
    bearer_token_file: Annotated[Text | None, path_to("A file that holds the token.")] = None
    ssl_cafile: CaFile = None
    ssl_certfile: CertFile = None
    ssl_keyfile: KeyFile = None
    ssl_password: KeyPassword = None
    ssl_password_file: KeyPasswordFile = None
    timeout: Annotated[
        Duration,
        bounded(
            "How long to wait for one address, from the connection to the last byte. 3s: the stream stands still "
            "meanwhile, once for each schema that is new.",
            Duration.parse("100ms"),
            Duration.parse("15s"),
        ),
    ] = parsed(Duration, "3s")
    cache_size: Annotated[
        int,
        Meta(
            description="Schemas kept in memory for each topic. 1000: a topic has a handful, and each is small.",
            ge=1,
            le=100_000,
        ),
    ] = 1_000

    def __post_init__(self) -> None:
        for index, url in enumerate(self.urls):
            _check_url(url, index)
        if (self.username is None) != (self.password is None):
            given, other = ("username", "password") if self.password is None else ("password", "username")
            raise ConfigError(f"{given} needs {other}", keys=(given,))
        if self.username is not None and self.bearer_token is not None:
            raise ConfigError("there are two ways to log in", keys=("bearer_token",), hint="keep username or token")
        check_key(self.ssl_certfile, self.ssl_keyfile)
        named = next((name for name in ("ssl_cafile", "ssl_certfile") if getattr(self, name) is not None), None)
        if named is not None and not any(urlsplit(url).scheme == "https" for url in self.urls):
            raise ConfigError(f"{named} has no effect: no address begins with https://", keys=(named,))


def _check_url(url: str, index: int) -> None:
    keys = ("urls", index)
    try:
        parts = parse_web_address(url)
    except ValueError as error:
        raise ConfigError(str(error), keys=keys, hint=_EXAMPLE) from error
    if parts.username is not None:
        raise ConfigError("holds a user", keys=keys, hint="set username and password_file beside urls")
    if parts.query or parts.fragment:
        raise ConfigError("holds more than host, port and path", keys=keys, hint=_EXAMPLE)
