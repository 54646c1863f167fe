"""Why a cluster does not let a client in, or do something: its connection's own words, and the missing right."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient

from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import SourceError

Mend = Literal["login", "instance", "group", "version"]
_TELLING = (kafka_errors.SaslAuthenticationFailedError, kafka_errors.UnsupportedSaslMechanismError, SourceError)
"""Say more than a later attempt of the same client, whose connection the broker just drops."""


class NotAllowedError(SourceError):
    """A right is missing. It is asked for again and again: it may be granted at any moment, and nothing is lost."""


class ConnectionFaults:
    """Remembers why connections of a client ended.

    kafka-python 3.0.12 keeps a refused login and a failed handshake to its own log, and tells the caller that it ran
    out of time. This listens where connections are made; there is no public way, and the pin ``kafka-python <3.1`` and
    the tests of logins hold it in place.
    """

    def __init__(self) -> None:
        self._last: Exception | None = None

    def watch(self, client: KafkaNetClient) -> None:
        """Remember faults of this client from here on."""
        manager = client._manager
        connect = manager.get_connection

        def connect_and_listen(*args: Any, **kwargs: Any) -> Any:
            connection = connect(*args, **kwargs)
            connection.close_future.add_errback(self._note)
            return connection

        manager.get_connection = connect_and_listen

    def behind(self, error: Exception) -> Exception:
        """What is behind an error that says no more than that time was up."""
        told = self._last
        return error if told is None or not isinstance(error, kafka_errors.KafkaTimeoutError) else told

    def _note(self, fault: BaseException) -> None:
        if isinstance(fault, Exception) and (isinstance(fault, _TELLING) or not isinstance(self._last, _TELLING)):
            self._last = fault


def not_allowed(error: kafka_errors.AuthorizationError, settings: KafkaSettings) -> NotAllowedError:
    """Name the right that is missing, as far as the broker tells.

    A topic that the user may not even see looks as if it was not there; the source says so itself.
    """
    named = _names(error)
    if isinstance(error, kafka_errors.GroupAuthorizationFailedError):
        missing = f"READ on the group {settings.group_id}"
    elif isinstance(error, kafka_errors.TopicAuthorizationFailedError):
        topics = named or (settings.topics.predictions, settings.topics.outcomes)
        missing = f"DESCRIBE and READ on the topic{'s' * (len(topics) > 1)} {' and '.join(sorted(topics))}"
    else:
        missing = "a right on the cluster"
    return NotAllowedError(
        f"source.kafka: the user lacks {missing} ({type(error).__name__}); grant it (kafka-acls.sh --add "
        "--allow-principal): reading goes on by itself"
    )


def what_to_mend(settings: KafkaSettings) -> Mapping[Mend, str]:
    """What a person has to do about faults that trying again cannot mend, whichever client met them."""
    servers = ", ".join(settings.bootstrap_servers)
    return {
        "login": f"{servers} refused the login: check sasl_mechanism, sasl_plain_username and sasl_plain_password, "
        "or the token",
        "instance": f"another process has taken over group_instance_id {settings.group_instance_id}: give each its own",
        "group": f"the group {settings.group_id} has members with another assignor: choose a group_id of sentinel's "
        "own",
        "version": "the broker and this client do not fit",
    }


def _names(error: Exception) -> Collection[str]:
    first = error.args[0] if error.args else ()
    if isinstance(first, str):
        return (first,) if first and " " not in first else ()
    if not isinstance(first, set | frozenset | list | tuple):
        return ()
    return [name for name in first if isinstance(name, str)]
