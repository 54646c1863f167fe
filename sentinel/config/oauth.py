"""Which settings of OAUTHBEARER go together."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sentinel.config.errors import ConfigError

if TYPE_CHECKING:
    from sentinel.config.kafka import KafkaSource

_OF_ENDPOINT = ("sasl_oauth_client_id", "sasl_oauth_client_secret", "sasl_oauth_scope", "sasl_oauth_cafile")
_OF_OAUTH = ("sasl_oauth_token_endpoint_url", *_OF_ENDPOINT, "sasl_oauth_token_file", "sasl_oauth_extensions")


def check_oauth(settings: KafkaSource) -> None:
    """See that tokens come from one place, which is named whole, and that nothing is given for another login.

    Raises
    ------
    ConfigError
        At the first fault.
    """
    used = settings.sasl_mechanism == "OAUTHBEARER"
    given = [name for name in _OF_OAUTH if getattr(settings, name)]
    if not used:
        if given:
            raise ConfigError(f"{given[0]} has no effect without sasl_mechanism OAUTHBEARER", keys=(given[0],))
        return
    of_passwords = [name for name in ("sasl_plain_username", "sasl_plain_password") if getattr(settings, name)]
    if of_passwords:
        raise ConfigError(f"{of_passwords[0]} has no effect with OAUTHBEARER", keys=(of_passwords[0],))
    url = settings.sasl_oauth_token_endpoint_url
    if (url is None) == (settings.sasl_oauth_token_file is None):
        raise ConfigError(
            "OAUTHBEARER needs sasl_oauth_token_endpoint_url or sasl_oauth_token_file, and one of them alone",
            keys=("sasl_mechanism",),
        )
    if url is None:
        unused = [name for name in given if name in _OF_ENDPOINT]
        if unused:
            raise ConfigError(f"{unused[0]} has no effect with sasl_oauth_token_file", keys=(unused[0],))
    else:
        _check_endpoint(settings, url)
    for name, value in settings.sasl_oauth_extensions.items():
        if not name.isalpha() or not name.isascii() or name == "auth" or not value.isascii() or "\x01" in value:
            hint = "names are letters (not auth), values are ASCII text"
            raise ConfigError(f"{name!r} cannot be sent beside a token", keys=("sasl_oauth_extensions",), hint=hint)


def _check_endpoint(settings: KafkaSource, url: str) -> None:
    missing = [name for name in _OF_ENDPOINT[:2] if getattr(settings, name) is None]
    if missing:
        keys = ("sasl_oauth_token_endpoint_url",)
        raise ConfigError(f"sasl_oauth_token_endpoint_url needs {', '.join(missing)}", keys=keys)
    try:
        parts = urlsplit(url)
        host, user = parts.hostname, parts.username
    except ValueError:
        host, user, parts = None, None, urlsplit("")
    right = host is not None and user is None and (parts.scheme == "https" or (parts.scheme == "http" and _here(host)))
    if not right:
        raise ConfigError(
            "has to be an https address without user and password; http would show the client's secret to the network",
            keys=("sasl_oauth_token_endpoint_url",),
            hint="http is taken on localhost alone",
        )


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
