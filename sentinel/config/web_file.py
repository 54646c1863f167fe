"""The web configuration file: TLS and passwords, in the format that Prometheus and its exporters share."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.config.bind import Origin, bind
from sentinel.config.bounded import read_bounded
from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError, Location
from sentinel.config.fields import Text, parsed, path_to
from sentinel.config.secrets import Secret
from sentinel.config.section import Section
from sentinel.config.text import compose

MAX_FILE_BYTES = 1_048_576  # far above any such file; keeps a wrong path from filling memory
MAX_BCRYPT_COST = 16  # some four seconds a login; each step doubles it
HEADER_VALUES: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that the format lets one set, and the values that are allowed where not all are."""

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_Version = Literal["TLS12", "TLS13"]
_Suite = Literal[
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
]


class TlsServer(Section, frozen=True, kw_only=True):
    """How connections are encrypted, and which certificates clients must show."""

    cert_file: Annotated[Text, path_to("The server's certificate, PEM, followed by its intermediates.")]
    key_file: Annotated[Text, path_to("Its key, PEM, without a passphrase.")]
    client_auth_type: Annotated[
        Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"],
        Meta(description="Whether a client must show a certificate. A certificate that is shown is always verified."),
    ] = "NoClientCert"
    client_ca_file: Annotated[Text | None, path_to("The authorities that sign clients' certificates.")] = None
    client_allowed_sans: Annotated[
        list[str], Meta(description="Alternative names of which a client's certificate must hold one. Empty: any.")
    ] = msgspec.field(default_factory=list)
    min_version: Annotated[_Version, Meta(description="The oldest version of TLS that is spoken.")] = "TLS12"
    max_version: Annotated[_Version, Meta(description="The newest version of TLS that is spoken.")] = "TLS13"
    cipher_suites: Annotated[
        list[_Suite], Meta(description="Suites for TLS 1.2, best first. Empty: OpenSSL's choice of safe ones.")
    ] = msgspec.field(default_factory=list)
    prefer_server_cipher_suites: Annotated[
        bool, Meta(description="Whether the server's order of suites decides, not the client's.")
    ] = True
    curve_preferences: Annotated[
        list[Literal["CurveP256", "CurveP384", "CurveP521", "X25519"]],
        Meta(
            description="The curve for the key exchange; Python takes one. Empty: all that OpenSSL likes.", max_length=1
        ),
    ] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        wants_clients = self.client_auth_type != "NoClientCert"
        if wants_clients and self.client_ca_file is None:
            raise ConfigError(f"{self.client_auth_type} needs client_ca_file", keys=("client_auth_type",))
        if self.client_ca_file is not None and not wants_clients:
            hint = "RequireAndVerifyClientCert lets only clients with a certificate in"
            raise ConfigError("is given, but no client is asked for a certificate", keys=("client_ca_file",), hint=hint)
        if self.client_allowed_sans and self.client_auth_type != "RequireAndVerifyClientCert":
            raise ConfigError("needs client_auth_type: RequireAndVerifyClientCert", keys=("client_allowed_sans",))
        if self.min_version > self.max_version:
            raise ConfigError(f"is above max_version {self.max_version}", keys=("min_version",))

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it names."""
        return tuple(name for name in (self.cert_file, self.key_file, self.client_ca_file) if name is not None)


class HttpServer(Section, frozen=True, kw_only=True):
    """What answers carry."""

    http2: Annotated[bool, Meta(description="Accepted for the format's sake; HTTP/1.1 is spoken either way.")] = True
    headers: Annotated[dict[str, str], Meta(description="Headers of every answer; an empty one is left out.")] = (
        msgspec.field(default_factory=dict)
    )

    def __post_init__(self) -> None:
        for name, value in self.headers.items():
            if name not in HEADER_VALUES:
                hint = f"these can: {', '.join(HEADER_VALUES)}"
                raise ConfigError("this header cannot be configured", keys=("headers", name), hint=hint)
            allowed = HEADER_VALUES[name]
            if value and allowed and value not in allowed:
                raise ConfigError(f"is one of {', '.join(allowed)}", keys=("headers", name))
            if not value.isprintable() or not value.isascii():
                raise ConfigError("may hold only printable ASCII", keys=("headers", name))


class RateLimit(Section, frozen=True, kw_only=True):
    """How many requests are answered in all, besides the limit for each client."""

    interval: Annotated[Duration, Meta(description="Time between two requests. 0s: no limit.")] = parsed(Duration, "0s")
    burst: Annotated[int, Meta(description="Requests that may come at once.", ge=0, le=1_000_000)] = 0


class WebFile(Section, frozen=True, kw_only=True):
    """The whole file. Passwords are never in it, only their bcrypt hashes."""

    tls_server_config: Annotated[TlsServer | None, Meta(description="Encryption. Unset: plain HTTP.")] = None
    http_server_config: Annotated[HttpServer, Meta(description="What answers carry.")] = msgspec.field(
        default_factory=HttpServer
    )
    basic_auth_users: Annotated[
        dict[str, Secret], Meta(description="Users and the bcrypt hashes of their passwords. Empty: no passwords.")
    ] = msgspec.field(default_factory=dict)
    rate_limit: Annotated[RateLimit, Meta(description="Requests of all clients together.")] = msgspec.field(
        default_factory=RateLimit
    )

    def __post_init__(self) -> None:
        for name, hashed in self.basic_auth_users.items():
            if not name or ":" in name or not name.isprintable():
                raise ConfigError("a user's name is printable and holds no colon", keys=("basic_auth_users", name))
            match = _BCRYPT.fullmatch(hashed.reveal())
            if match is None:  # not quoted: people put the password itself here
                hint = "`htpasswd -nB NAME` makes one"
                raise ConfigError("is not a bcrypt hash", keys=("basic_auth_users", name), hint=hint)
            if not 4 <= int(match[1]) <= MAX_BCRYPT_COST:
                message = f"has cost {match[1]}; from 4 to {MAX_BCRYPT_COST} is served"
                raise ConfigError(message, keys=("basic_auth_users", name))


def load_web_file(path: str | os.PathLike[str]) -> WebFile:
    """Read a web configuration file. Relative paths in it start from its folder.

    Raises
    ------
    ConfigError
        If the file cannot be read, or at the first fault in it, with the place. An empty file is a fault: it may
        be one that is just being written, and would take every lock away; ``{}`` says that none is wanted.
    """
    source = os.fspath(path)
    hint = "web.config_file names it; the user that sentinel runs as has to be able to read it"
    content = read_bounded(Path(path), MAX_FILE_BYTES, "the web configuration", hint)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", location=Location(source)) from None
    if all(line.strip() == "" or line.lstrip().startswith("#") for line in text.splitlines()):
        raise ConfigError("the file is empty", location=Location(source), hint="{} means no TLS and no passwords")
    origin = Origin(source, {}, Path(path).absolute().parent)
    read = bind(origin, compose(text, source), WebFile)
    if not isinstance(read, WebFile):  # pragma: no cover # bind's result follows its argument
        raise TypeError(type(read).__name__)
    return read
