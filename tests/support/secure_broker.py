"""A Kafka broker that lets in nobody without a login, and nobody do what no rule allows: for tests of both."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.admin import ACLResourcePatternType as PatternType

from tests.exposition.certificates import Authority, Certificate
from tests.support.kafka_broker import KafkaBroker, format_storage, java_command, node_properties
from tests.support.kafka_jars import kafka_version
from tests.support.process import Server, free_port

USER = "sentinel"
PASSWORD = "correct horse; battery"
Kind = Literal["topic", "group", "transactional_id"]
_KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
}


@dataclass(frozen=True)
class Right:
    """One thing that :data:`USER` may do."""

    kind: Kind
    name: str
    operation: Literal["READ", "WRITE", "DESCRIBE"]
    prefixed: bool = False

    def _pattern(self) -> tuple[ResourceType, str, PatternType]:
        return _KINDS[self.kind], self.name, PatternType.PREFIXED if self.prefixed else PatternType.LITERAL

    def rule(self) -> ACL:
        """The rule that grants it."""
        operation, pattern = ACLOperation[self.operation], ResourcePattern(*self._pattern())
        return ACL(f"User:{USER}", "*", operation, ACLPermissionType.ALLOW, pattern)

    def filter(self) -> ACLFilter:
        """What finds that rule and no other."""
        operation, pattern = ACLOperation[self.operation], ResourcePatternFilter(*self._pattern())
        return ACLFilter(f"User:{USER}", "*", operation, ACLPermissionType.ALLOW, pattern)


@dataclass
class SecureBroker:
    """A running broker.

    Attributes
    ----------
    plain : KafkaBroker
        The same broker without login: there everybody may do everything.
    sasl, tls : str
        ``host:port`` for logins over TLS, and for clients that show a certificate.
    """

    plain: KafkaBroker
    sasl: str
    tls: str
    authority: Authority
    client: Certificate
    scratch: Path
    _granted: list[Right] = field(default_factory=list)

    @property
    def cafile(self) -> str:
        """Who signed the broker's certificate."""
        return str(self.authority.cert)

    def scram(self, **changes: Any) -> dict[str, Any]:
        """Settings of ``source.kafka`` that log :data:`USER` in by SCRAM over TLS."""
        return {
            "bootstrap_servers": [self.sasl],
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": USER,
            "sasl_plain_password": PASSWORD,
            "ssl_cafile": self.cafile,
        } | changes

    def oauth(self, **changes: Any) -> dict[str, Any]:
        """The same by a token."""
        return {
            "bootstrap_servers": [self.sasl],
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "OAUTHBEARER",
            "ssl_cafile": self.cafile,
        } | changes

    def mutual(self, **changes: Any) -> dict[str, Any]:
        """The same by a certificate whose name is :data:`USER`'s."""
        return {
            "bootstrap_servers": [self.tls],
            "security_protocol": "SSL",
            "ssl_cafile": self.cafile,
            "ssl_certfile": str(self.client.cert),
            "ssl_keyfile": str(self.client.key),
        } | changes

    def grant(self, rights: Iterable[Right]) -> None:
        """Let :data:`USER` do these things, too."""
        wanted = list(rights)
        with self._admin() as admin:
            assert not admin.create_acls([right.rule() for right in wanted])["failed"]
        self._granted += wanted

    def revoke(self, rights: Iterable[Right]) -> None:
        """No longer let it."""
        unwanted = list(rights)
        with self._admin() as admin:
            admin.delete_acls([right.filter() for right in unwanted])
        self._granted = [right for right in self._granted if right not in unwanted]

    def revoke_all(self) -> None:
        """Let it do nothing."""
        if self._granted:
            self.revoke(list(self._granted))

    @contextlib.contextmanager
    def _admin(self) -> Iterator[KafkaAdminClient]:
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.plain.bootstrap)) as admin:
            yield admin


def start_secure_broker(scratch: Path) -> SecureBroker:
    """Start a broker of Maven's jars with three doors: plain for tests, SASL over TLS, and mutual TLS.

    It takes SCRAM-SHA-512 of :data:`USER`, and unsecured tokens, which is what Kafka's own handlers for tests do.

    Raises
    ------
    ServerError
        If it does not start.
    """
    authority = Authority(scratch)
    server, client = authority.sign("broker"), authority.sign(USER)
    ports = [free_port() for _ in range(4)]
    text = node_properties(ports[0], ports[3], str(scratch / "data"), listen=f"127.0.0.1:{ports[0]}")
    properties = scratch / "server.properties"
    properties.write_text(_overridden(text, _security(ports, authority, server, scratch)))
    java = java_command()
    format_storage(java, properties)
    process = Server("kafka", [*java, "kafka.Kafka", str(properties)], scratch)
    plain = KafkaBroker(f"127.0.0.1:{ports[0]}", "maven", f"Apache Kafka {kafka_version()} with logins", process)
    plain.start()
    broker = SecureBroker(plain, f"127.0.0.1:{ports[1]}", f"127.0.0.1:{ports[2]}", authority, client, scratch)
    with broker._admin() as admin:
        admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_512, PASSWORD)])
    return broker


def _security(ports: list[int], authority: Authority, server: Certificate, scratch: Path) -> Mapping[str, str]:
    store = scratch / "broker-store.pem"
    store.write_text(server.key.read_text() + server.cert.read_text())
    plain, sasl, tls, controller = (f"127.0.0.1:{port}" for port in ports)
    module = "org.apache.kafka.common.security"
    return {
        "listeners": f"PLAINTEXT://{plain},LOGIN://{sasl},MUTUAL://{tls},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{plain},LOGIN://{sasl},MUTUAL://{tls}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,MUTUAL:SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.cert),
        "listener.name.mutual.ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
        "listener.name.login.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
        "listener.name.login.oauthbearer.sasl.jaas.config": f"{module}.oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="broker";',
    }


def _overridden(text: str, changes: Mapping[str, str]) -> str:
    kept = [line for line in text.splitlines() if line.partition("=")[0] not in changes]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in changes.items())]) + "\n"


def broken_token() -> str:
    """A token that no broker takes."""
    return base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + ".e30."
