"""Names that settings of Kafka have in Java's clients and in librdkafka: taken where ours means the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import yaml

Entries = Mapping[str, tuple[yaml.Node, yaml.Node]]
Convert = Callable[[yaml.Node], yaml.Node]


class UntakenError(ValueError):
    """A name of theirs that cannot be taken; the text says what to write instead.

    Parameters
    ----------
    name : str
    hint : str
    """

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(name, hint)
        self.name = name
        self.hint = hint


def translate_names(entries: Entries, known: Mapping[str, object]) -> tuple[Entries, tuple[str, ...]]:
    """Rename what stands under a name of Java's.

    Parameters
    ----------
    entries : mapping of name to (key node, value node)
    known : mapping
        Our names; these are left alone.

    Returns
    -------
    (entries, hints)
        With our names alone, and a sentence for each name of theirs.

    Raises
    ------
    UntakenError
        If a name has no equal here, or stands beside ours.
    """
    taken: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    hints = []
    for name, (key, value) in entries.items():
        if name in known or not _is_theirs(name):
            taken[name] = key, value
            continue
        ours, convert = _ours(name, entries)
        if not ours:  # says how other settings are to be read, and has done so
            continue
        if ours in entries or ours in taken:
            raise UntakenError(name, f"{ours} is given too and means the same: keep {ours}")
        taken[ours] = key, convert(value)
        hints.append(f"{name} is taken as {ours}")
    return taken, tuple(hints)


def _is_theirs(name: str) -> bool:
    return name in RENAMED or name in STORES or name in REFUSED or name in STORE_TYPES


def _ours(name: str, entries: Entries) -> tuple[str, Convert]:
    if name in REFUSED:
        raise UntakenError(name, REFUSED[name])
    if name in STORE_TYPES:
        kind = _text(entries[name][1]).upper()
        if kind != "PEM":
            raise UntakenError(name, f"only PEM can be read: {_EXPORT}")
        return "", _same
    if name in STORES:
        ours, type_name = STORES[name]
        if type_name not in entries:
            raise UntakenError(name, f"a store is JKS or PKCS12 unless {type_name} says PEM: {_EXPORT}")
        return ours, _same
    return RENAMED[name]


def _text(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _same(node: yaml.Node) -> yaml.Node:
    return node


def _list(node: yaml.Node) -> yaml.Node:
    """``a:9092,b:9092`` as a list."""
    if not isinstance(node, yaml.ScalarNode):
        return node
    parts = [part.strip() for part in str(node.value).split(",")]
    items = [yaml.ScalarNode("tag:yaml.org,2002:str", part, node.start_mark, node.end_mark) for part in parts]
    return yaml.SequenceNode("tag:yaml.org,2002:seq", items, node.start_mark, node.end_mark)


def _milliseconds(node: yaml.Node) -> yaml.Node:
    if not isinstance(node, yaml.ScalarNode) or not str(node.value).isdigit():
        return node
    return yaml.ScalarNode("tag:yaml.org,2002:str", f"{node.value}ms", node.start_mark, node.end_mark)


def _checks_names(node: yaml.Node) -> yaml.Node:
    """``https`` checks the name of the host, an empty text does not."""
    known = {"https": "true", "": "false"}
    value = _text(node).strip().lower()
    if not isinstance(node, yaml.ScalarNode) or value not in known:
        return node
    return yaml.ScalarNode("tag:yaml.org,2002:bool", known[value], node.start_mark, node.end_mark)


_EXPORT: Final = (
    "write the certificates as PEM files (openssl pkcs12 -in store.p12 -nokeys -out ca.pem) and name them in "
    "ssl_cafile, ssl_certfile and ssl_keyfile"
)
_BY_ITSELF: Final = "sentinel sets this itself: remove it"
_AS_PEM: Final = "PEM files need none: remove it; the passphrase of a key belongs into ssl_password_file"
_AS_FILE: Final = "write it to a file and name that in"

RENAMED: Final[Mapping[str, tuple[str, Convert]]] = MappingProxyType(
    {
        "bootstrap.servers": ("bootstrap_servers", _list),
        "group.id": ("group_id", _same),
        "client.id": ("client_id", _same),
        "group.instance.id": ("group_instance_id", _same),
        "client.rack": ("client_rack", _same),
        "security.protocol": ("security_protocol", _same),
        "sasl.mechanism": ("sasl_mechanism", _same),
        "sasl.mechanisms": ("sasl_mechanism", _same),
        "sasl.username": ("sasl_plain_username", _same),
        "sasl.password": ("sasl_plain_password", _same),
        "sasl.oauthbearer.token.endpoint.url": ("sasl_oauth_token_endpoint_url", _same),
        "sasl.oauthbearer.client.id": ("sasl_oauth_client_id", _same),
        "sasl.oauthbearer.client.secret": ("sasl_oauth_client_secret", _same),
        "sasl.oauthbearer.client.credentials.client.id": ("sasl_oauth_client_id", _same),
        "sasl.oauthbearer.client.credentials.client.secret": ("sasl_oauth_client_secret", _same),
        "sasl.oauthbearer.scope": ("sasl_oauth_scope", _same),
        "ssl.ca.location": ("ssl_cafile", _same),
        "ssl.certificate.location": ("ssl_certfile", _same),
        "ssl.key.location": ("ssl_keyfile", _same),
        "ssl.key.password": ("ssl_password", _same),
        "ssl.endpoint.identification.algorithm": ("ssl_check_hostname", _checks_names),
        "fetch.min.bytes": ("fetch_min_bytes", _same),
        "fetch.max.wait.ms": ("fetch_max_wait", _milliseconds),
        "max.partition.fetch.bytes": ("max_partition_fetch_bytes", _same),
        "max.poll.records": ("max_poll_records", _same),
        "session.timeout.ms": ("session_timeout", _milliseconds),
        "auto.offset.reset": ("auto_offset_reset", _same),
    }
)
"""Their name, ours, and how the value is written here."""

STORE_TYPES: Final = frozenset({"ssl.truststore.type", "ssl.keystore.type"})
STORES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "ssl.truststore.location": ("ssl_cafile", "ssl.truststore.type"),
        "ssl.keystore.location": ("ssl_certfile", "ssl.keystore.type"),
    }
)
"""Taken where the type of the store is PEM: a keystore then holds the certificate and its key."""

REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sasl.jaas.config": "write its username as sasl_plain_username and its password to a file that "
        "sasl_plain_password_file names; of OAUTHBEARER clientId and clientSecret as sasl_oauth_client_id and "
        "sasl_oauth_client_secret_file",
        "sasl.login.callback.handler.class": "set sasl_oauth_token_endpoint_url, or sasl_oauth_token_file",
        "sasl.client.callback.handler.class": "set sasl_oauth_token_endpoint_url, or sasl_oauth_token_file",
        "sasl.kerberos.service.name": "Kerberos is not supported; take SCRAM-SHA-512, OAUTHBEARER or mutual TLS",
        "ssl.truststore.password": _AS_PEM,
        "ssl.keystore.password": _AS_PEM,
        "ssl.truststore.certificates": f"{_AS_FILE} ssl_cafile",
        "ssl.keystore.certificate.chain": f"{_AS_FILE} ssl_certfile",
        "ssl.keystore.key": f"{_AS_FILE} ssl_keyfile",
        "ssl.enabled.protocols": "TLS 1.2 and newer are used, always: remove it",
        "ssl.protocol": "TLS 1.2 and newer are used, always: remove it",
        "enable.auto.commit": _BY_ITSELF,
        "auto.commit.interval.ms": _BY_ITSELF,
        "isolation.level": _BY_ITSELF,
        "partition.assignment.strategy": _BY_ITSELF,
        "allow.auto.create.topics": _BY_ITSELF,
        "heartbeat.interval.ms": _BY_ITSELF,
        "max.poll.interval.ms": _BY_ITSELF,
        "request.timeout.ms": _BY_ITSELF,
        "group.protocol": _BY_ITSELF,
        "key.deserializer": "formats says what messages look like: remove it",
        "value.deserializer": "formats says what messages look like: remove it",
    }
)
"""Names without an equal here, and what to write instead."""
