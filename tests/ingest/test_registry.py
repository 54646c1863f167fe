"""Schemas looked up in a registry over real HTTP, which fails in every way that registries fail."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sentinel.clock import ManualClock
from sentinel.config.durations import Duration
from sentinel.config.registry import SchemaRegistry as Settings
from sentinel.config.secrets import Secret
from sentinel.events.batch import Reason
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.schemas import Schema
from sentinel.ingest.registry import (
    MAX_REFERENCES,
    REFUSED_SECONDS,
    RETRY_SECONDS,
    RegistryUnavailableError,
    SchemaRegistry,
)
from tests.exposition.certificates import Authority
from tests.support.registry import FakeRegistry, Mood, running_registry

GUID = "1a2b3c4d-5e6f-7081-8293-a4b5c6d7e801"
ENTRY: dict[str, Any] = {"id": 7, "guid": GUID, "subject": "p-value", "version": 1, "type": "AVRO", "text": '"string"'}
PATIENCE_SECONDS = 0.4


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """A registry that holds one schema."""
    with running_registry() as registry:
        registry.add(ENTRY)
        yield registry


def registry_at(*urls: str, clock: ManualClock | None = None, **changes: Any) -> SchemaRegistry:
    """The client of these addresses."""
    settings = Settings(urls=list(urls), timeout=Duration(PATIENCE_SECONDS), **changes)
    return SchemaRegistry(settings, clock or ManualClock())


def test_a_schema_is_found_by_its_id_and_by_its_guid(fake: FakeRegistry) -> None:
    """Both forms of framing lead to the same schema, each by a path of its own."""
    registry = registry_at(fake.url)
    assert registry.find(7) == registry.find(UUID(GUID)) == Schema("AVRO", '"string"')
    assert fake.paths == ["/registry/schemas/ids/7", f"/registry/schemas/guids/{GUID}"]


def test_the_serialised_form_is_asked_for_by_name(fake: FakeRegistry) -> None:
    """Protobuf's schemas come as descriptors, their imports too."""
    fake.add({**ENTRY, "id": 8, "subject": "an import", "version": 3, "type": "PROTOBUF", "text": "aW1wb3J0"})
    reference = {"name": "import.proto", "subject": "an import", "version": 3}
    fake.add(
        {**ENTRY, "id": 9, "subject": "q-value", "type": "PROTOBUF", "text": "ZmlsZQ==", "references": [reference]}
    )
    found = registry_at(fake.url).find_serialized(9)
    assert found == Schema("PROTOBUF", "ZmlsZQ==", (("import.proto", Schema("PROTOBUF", "aW1wb3J0")),))
    assert fake.paths == [
        "/registry/schemas/ids/9?format=serialized",
        "/registry/subjects/an%20import/versions/3?format=serialized",
    ]


def test_an_unknown_schema_is_refused_and_asked_for_again_after_a_while(fake: FakeRegistry) -> None:
    """A flood of messages of one unknown id costs one question, and a schema registered late is found."""
    clock = ManualClock()
    registry = registry_at(fake.url, clock=clock)
    for _ in range(3):
        with pytest.raises(RejectedEventError) as refused:
            registry.find(8)
        assert refused.value.reason == Reason.UNKNOWN_SCHEMA
    assert len(fake.paths) == 1
    fake.add({**ENTRY, "id": 8})
    clock.advance(REFUSED_SECONDS)
    assert registry.find(8).text == '"string"'


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        ("broken", "status 500"),
        ("garbage", "not that of a schema registry"),
        ("silent", "no answer within 0.4 s"),
        ("slow", "no answer within 0.4 s"),
        ("half", "ended half way"),
        ("redirect", "write the address that it names"),
        ("refuses", "check username and password"),
        ("lost", "check the path in urls"),
    ],
)
def test_a_registry_that_fails_makes_no_dead_letter(fake: FakeRegistry, mood: Mood, says: str) -> None:
    """Whatever is wrong with the registry, it is said of the registry, in bounded time, and never of the message."""
    fake.mood = mood
    registry = registry_at(fake.url)
    began = time.monotonic()
    with pytest.raises(RegistryUnavailableError, match=says):
        registry.find(7)
    assert time.monotonic() - began < 100 * PATIENCE_SECONDS
    assert len(fake.paths) == 1


def test_a_registry_that_is_not_there_makes_no_dead_letter() -> None:
    """A refused connection is a registry that does not answer."""
    with running_registry() as gone:
        url = gone.url
    with pytest.raises(RegistryUnavailableError, match="Connection refused"):
        registry_at(url).find(7)


def test_a_registry_that_fails_is_left_alone_for_a_while_and_found_again(fake: FakeRegistry) -> None:
    """The stream may ask as often as it likes: the registry is asked once a second, and its return is noticed."""
    clock = ManualClock()
    registry = registry_at(fake.url, clock=clock)
    fake.mood = "broken"
    for _ in range(5):
        with pytest.raises(RegistryUnavailableError):
            registry.find(7)
    assert len(fake.paths) == 1
    fake.mood = "well"
    clock.advance(RETRY_SECONDS)
    assert registry.find(7).kind == "AVRO"
    assert len(fake.paths) == 2


def test_failure_and_return_are_logged_once_each(fake: FakeRegistry, caplog: pytest.LogCaptureFixture) -> None:
    """An operator reads two lines, however many messages wait."""
    clock = ManualClock()
    registry = registry_at(fake.url, clock=clock)
    fake.mood = "broken"
    with caplog.at_level("INFO", logger="sentinel.ingest.registry"):
        for _ in range(4):
            with pytest.raises(RegistryUnavailableError):
                registry.find(7)
            clock.advance(RETRY_SECONDS)
        fake.mood = "well"
        registry.find(7)
        registry.find(UUID(GUID))
    lines = [record.getMessage().split()[0] for record in caplog.records]
    assert lines == ["schema_registry_unavailable", "schema_registry_answers"]


def test_the_next_address_is_asked_and_kept_to(fake: FakeRegistry) -> None:
    """One registry of two is enough, and after the first question the broken one costs nothing more."""
    with running_registry() as other:
        other.mood = "silent"
        registry = registry_at(other.url, fake.url)
        assert registry.find(7).kind == "AVRO"
        assert registry.find(UUID(GUID)).kind == "AVRO"
        assert len(other.paths) == 1
        assert len(fake.paths) == 2


def test_a_question_that_hangs_is_not_asked_twice_at_once(fake: FakeRegistry) -> None:
    """A registry that drips its answers ties up one thread, not one for each attempt."""
    clock = ManualClock()
    fake.mood = "slow"
    registry = registry_at(fake.url, clock=clock)
    for _ in range(3):
        with pytest.raises(RegistryUnavailableError):
            registry.find(7)
        clock.advance(RETRY_SECONDS)
    assert len(fake.paths) == 1


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ({"username": "ann", "password": Secret("pass")}, "Basic YW5uOnBhc3M="),  # base64 of ann:pass
        ({"bearer_token": Secret("t-1")}, "Bearer t-1"),
        ({}, None),
    ],
)
def test_the_login_goes_with_each_question(fake: FakeRegistry, login: dict[str, Any], expected: str | None) -> None:
    """Basic and bearer, as configured; nothing where nothing is."""
    registry_at(fake.url, **login).find(7)
    assert fake.headers[0].get("Authorization") == expected


def test_references_that_form_a_circle_are_refused(fake: FakeRegistry) -> None:
    """A registry cannot hold such a thing; one that says so anyway does not hang the stream."""
    reference = {"name": "itself", "subject": "loop", "version": 1}
    fake.add({**ENTRY, "id": 8, "subject": "loop", "references": [reference]})
    registry = registry_at(fake.url)
    for _ in range(2):
        with pytest.raises(RejectedEventError, match="circle"):
            registry.find(8)
    assert len(fake.paths) == 2  # the schema, and itself as its reference; then it is remembered


def test_references_without_end_are_refused(fake: FakeRegistry) -> None:
    """A chain of references is followed so far and no further."""
    for i in range(MAX_REFERENCES + 2):
        reference = {"name": f"r{i + 1}", "subject": f"s{i + 1}", "version": 1}
        fake.add({**ENTRY, "id": 1_000 + i, "subject": f"s{i}", "references": [reference]})
    with pytest.raises(RejectedEventError, match=f"more than {MAX_REFERENCES}"):
        registry_at(fake.url).find(1_000)


def test_a_registry_that_cannot_serialise_makes_no_dead_letter(fake: FakeRegistry) -> None:
    """Its operator has to act, not the producers: the log names the way out."""
    fake.add({**ENTRY, "type": "PROTOBUF", "text": 'syntax = "proto3"; message A {}'})
    with pytest.raises(RegistryUnavailableError, match="schema_file"):
        registry_at(fake.url).find_serialized(7)


def test_a_registry_behind_mutual_tls_is_read(tmp_path: Path) -> None:
    """With the authority and a certificate of one's own; without either it is a registry that does not answer."""
    authority = Authority(tmp_path)
    server, client = authority.sign("server"), authority.sign("client")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.cert))
    tls.load_cert_chain(server.cert, server.key)
    tls.verify_mode = ssl.CERT_REQUIRED
    own: dict[str, Any] = {"ssl_certfile": str(client.cert), "ssl_keyfile": str(client.key)}
    with running_registry(tls) as fake:
        fake.add(ENTRY)
        assert registry_at(fake.url, ssl_cafile=str(authority.cert), **own).find(7).kind == "AVRO"
        with pytest.raises(RegistryUnavailableError, match="certificate verify failed"):
            registry_at(fake.url, **own).find(7)
        with pytest.raises(RegistryUnavailableError):
            registry_at(fake.url, ssl_cafile=str(authority.cert)).find(7)
        assert len(fake.paths) == 1
