"""Tests of the brokers that other tests lean on."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import TopicAlreadyExistsError

from tests.support import kafka_broker as kb
from tests.support import kafka_jars
from tests.support.kafka_broker import KafkaBroker, start_broker, unique_name
from tests.support.kafka_shared import join_broker, wait_for_end
from tests.support.process import PATIENCE_SECONDS, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kafka
_VALUES = [f"event {i}".encode() for i in range(200)]


def _produce(broker: KafkaBroker, topic: str, values: list[bytes]) -> None:
    """Write the values, all to partition 0, compressed with lz4."""
    options = {"bootstrap_servers": broker.bootstrap, "compression_type": "lz4", **broker.client_options}
    with contextlib.closing(KafkaProducer(**options)) as producer:
        futures = [producer.send(topic, value, partition=0) for value in values]
        assert [future.get(20).offset for future in futures] == list(range(len(values)))


def _consume(broker: KafkaBroker, topic: str, n_values: int) -> list[bytes]:
    """Read with a new consumer group from the start until `n_values` came."""
    group: dict[str, Any] = {"group_id": unique_name("g"), "auto_offset_reset": "earliest"}
    options = {"bootstrap_servers": broker.bootstrap, **group, **broker.client_options}
    values: list[bytes] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    with contextlib.closing(KafkaConsumer(topic, **options)) as consumer:
        while len(values) < n_values and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=500).values():
                values += [record.value for record in records]
    return values


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A broker of this test alone; skips where none can be restarted."""
    with start_broker(tmp_path) as broker:
        if broker.server is None or broker.kind == "mock":
            pytest.skip(f"a broker of kind {broker.kind} cannot be restarted")
        yield broker


def test_the_shared_broker_keeps_order_under_lz4(kafka_broker: KafkaBroker) -> None:
    """What kafka-python writes compressed, a consumer group reads back whole and in order."""
    topic = unique_name("order")
    kafka_broker.create_topic(topic, partitions=4)
    _produce(kafka_broker, topic, _VALUES)
    assert _consume(kafka_broker, topic, len(_VALUES)) == _VALUES


def test_the_shared_broker_cannot_be_taken_from_others(kafka_broker: KafkaBroker) -> None:
    """A test that stops or restarts the shared broker gets nowhere."""
    kafka_broker.stop()
    with pytest.raises(ServerError, match="not this test's own"):
        kafka_broker.restart()
    assert kafka_broker.answers()


def test_restart_keeps_data_and_address(own_broker: KafkaBroker) -> None:
    """After a restart the topic is there with its partitions, configuration and records; names stay taken."""
    own_broker.create_topic("kept", partitions=3, config={"retention.ms": "-1"})
    _produce(own_broker, "kept", _VALUES)
    own_broker.stop()
    assert not own_broker.answers()
    own_broker.start()
    assert _consume(own_broker, "kept", len(_VALUES)) == _VALUES
    with pytest.raises(TopicAlreadyExistsError):
        own_broker.create_topic("kept", partitions=3)


def test_two_brokers_run_side_by_side(own_broker: KafkaBroker, tmp_path: Path) -> None:
    """A second broker has its own port and its own topics."""
    scratch = tmp_path / "second"
    scratch.mkdir()
    with start_broker(scratch) as second:
        assert second.bootstrap != own_broker.bootstrap
        own_broker.create_topic("same-name", partitions=1)
        second.create_topic("same-name", partitions=1)
        _produce(second, "same-name", [b"only here"])
        assert _consume(second, "same-name", 1) == [b"only here"]
        with contextlib.closing(KafkaConsumer(bootstrap_servers=own_broker.bootstrap)) as consumer:
            assert consumer.topics() == {"same-name"}
            partition = TopicPartition("same-name", 0)
            assert consumer.end_offsets([partition]) == {partition: 0}


def test_topics_are_not_made_by_asking_for_them(kafka_broker: KafkaBroker) -> None:
    """A consumer of a mistyped topic finds nothing, and leaves nothing behind."""
    if kafka_broker.kind in ("mock", "address"):
        pytest.skip(f"a broker of kind {kafka_broker.kind} may make topics by itself")
    mistyped = unique_name("mistyped")
    with contextlib.closing(KafkaConsumer(bootstrap_servers=kafka_broker.bootstrap)) as consumer:
        assert not consumer.partitions_for_topic(mistyped)
        assert mistyped not in consumer.topics()


@pytest.fixture
def mock_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of the mock itself run where a real broker is required of all others."""
    monkeypatch.delenv("SENTINEL_REQUIRE_REAL_KAFKA", raising=False)


@pytest.mark.usefixtures("mock_allowed")
def test_the_mock_serves_records(tmp_path: Path) -> None:
    """The last resort produces and consumes with the options that it asks for."""
    with start_broker(tmp_path, kinds=["mock"]) as broker:
        broker.create_topic("t", partitions=4)
        _produce(broker, "t", _VALUES)
        assert _consume(broker, "t", len(_VALUES)) == _VALUES
        with pytest.raises(ServerError, match="it gives every topic 4"):
            broker.create_topic("u", partitions=3)
        assert kb.describe(broker).startswith("NOT A REAL BROKER")


def test_no_mock_where_a_real_broker_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Falling back to the mock is an error, and says so, when the environment requires a real broker."""
    monkeypatch.setenv("SENTINEL_REQUIRE_REAL_KAFKA", "1")
    with pytest.raises(ServerError, match="no mock: SENTINEL_REQUIRE_REAL_KAFKA=1 forbids it"):
        start_broker(tmp_path, kinds=["mock"])


def test_a_given_address_comes_first(
    kafka_broker: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SENTINEL_TEST_KAFKA is taken before anything is started, and stopping it does nothing."""
    if kafka_broker.kind == "mock":
        pytest.skip("the mock wants options that a broker at an address does not get")
    monkeypatch.setenv("SENTINEL_TEST_KAFKA", kafka_broker.bootstrap)
    with start_broker(tmp_path) as broker:
        assert (broker.kind, broker.bootstrap) == ("address", kafka_broker.bootstrap)
    assert kafka_broker.answers()
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("mock_allowed")
def test_the_reasons_for_a_lesser_broker_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line on stderr names what was missing."""
    monkeypatch.delenv("SENTINEL_TEST_KAFKA", raising=False)
    with start_broker(tmp_path, kinds=["address", "mock"]) as broker:
        line = capsys.readouterr().err.strip()
    assert line == (
        f"*** NOT A REAL BROKER. Kafka broker: librdkafka's mock cluster "
        f"(no address: SENTINEL_TEST_KAFKA is not set) at {broker.bootstrap} ***"
    )


@pytest.mark.usefixtures("mock_allowed")
def test_processes_share_one_broker_until_the_last_leaves(tmp_path: Path) -> None:
    """Who joins first starts it, the rest get the same one, and a newcomer after the end gets a new one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.kafka_shared.start_broker", lambda s: start_broker(s, kinds=["mock"]))
        with ThreadPoolExecutor(3) as pool:
            joined = list(pool.map(lambda _: join_broker(tmp_path), range(3)))
        assert len({broker.bootstrap for broker, _ in joined}) == 1
        for _, leave in joined:
            assert joined[0][0].answers()
            leave()
        assert wait_for_end(tmp_path) == kb.describe(joined[0][0])
        newcomer, leave = join_broker(tmp_path)
        assert newcomer.answers()
        leave()
        wait_for_end(tmp_path)


def test_the_container_publishes_on_loopback_and_keeps_data_outside(tmp_path: Path) -> None:
    """The container's command maps the port to loopback alone and mounts configuration and data."""
    command = kb.docker_command(tmp_path, 23456, "name")
    assert command[:3] == ["docker", "run", "--rm"]
    assert "127.0.0.1:23456:9092" in command
    assert f"{tmp_path}/data:/data" in command
    assert f"{tmp_path}/config:/mnt/shared/config:ro" in command


def test_jars_are_fetched_by_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three at once run the fetch once, and each returns the finished folder."""
    calls: list[str] = []

    def fetch(version: str, jars: Path) -> None:
        calls.append(version)
        jars.mkdir()
        (jars / "kafka.jar").touch()

    monkeypatch.setattr("tests.support.kafka_jars._fetch", fetch)
    with ThreadPoolExecutor(3) as pool:
        folders = list(pool.map(lambda _: kafka_jars.fetch_jars(tmp_path), range(3)))
    assert calls == [kafka_jars.kafka_version()]
    assert all((folder / "kafka.jar").exists() for folder in folders)
