"""A Kafka broker for tests: the most real one that this machine can run.

In order: the address in ``SENTINEL_TEST_KAFKA``; Apache Kafka in KRaft mode from Maven's jars; the same in a
container; only then librdkafka's mock cluster, which ``SENTINEL_REQUIRE_REAL_KAFKA=1`` turns into an error.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from tests.support import kafka_mock
from tests.support.kafka_jars import fetch_jars, java_major, kafka_version
from tests.support.process import PATIENCE_SECONDS, Server, ServerError, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Kind = Literal["address", "maven", "docker", "mock"]
KINDS: tuple[Kind, ...] = ("address", "maven", "docker", "mock")
_REPOSITORY = Path(__file__).parents[2]
_START_SECONDS = 90.0  # a start takes 2 s on an idle machine
_PORT_TRIES = 3
_MIN_JAVA = 17  # what a Kafka 4 server needs
# The first tier of the compiler alone and the serial collector: the fastest start and the smallest footprint.
_JAVA_OPTIONS = ("-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
_LOG_OPTIONS = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)


def unique_name(prefix: str) -> str:
    """Return a topic or group name that no other test uses, as tests share a broker."""
    return f"{prefix}-{secrets.token_hex(4)}"


@dataclass
class KafkaBroker:
    """A running broker.

    Attributes
    ----------
    bootstrap : str
        ``host:port``.
    kind : 'address', 'maven', 'docker' or 'mock'
        Where the broker comes from.
    detail : str
        What it is, in words, and why no better one was taken.
    server : Server or None
        The process, if this object may stop it.
    """

    bootstrap: str
    kind: Kind
    detail: str
    server: Server | None = None

    def __enter__(self) -> KafkaBroker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def client_options(self) -> dict[str, Any]:
        """What every kafka-python client of this broker needs besides ``bootstrap_servers``."""
        return {"api_version": (2, 0)} if self.kind == "mock" else {}

    def create_topic(self, name: str, partitions: int, config: Mapping[str, str] | None = None) -> None:
        """Create a topic with one replica; return when every partition has a leader.

        Raises
        ------
        kafka.errors.TopicAlreadyExistsError
            If there is one of this name.
        ServerError
            If the broker is the mock, which takes no configuration and gives every topic 4 partitions.
        """
        if self.kind == "mock":
            self._create_mock_topic(name, partitions, config)
            return
        wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": dict(config or {})}
        with contextlib.closing(self._admin()) as admin:
            admin.create_topics({name: wanted}, wait_for_metadata=True)

    def stop(self) -> None:
        """End the broker; its data stays. Idempotent; nothing for an address."""
        if self.server is not None:
            self.server.stop()

    def start(self) -> None:
        """Start a stopped broker with the same data at the same address; return when it answers.

        Raises
        ------
        ServerError
            If the broker is not this object's to start (an address, a shared one), or is the mock.
        """
        if self.server is None or self.kind == "mock":
            raise ServerError(f"a broker of kind {self.kind} that is not this test's own cannot be started")
        self.server.start()
        self.server.wait_until(self.answers, _START_SECONDS, f"Kafka at {self.bootstrap}")

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def answers(self) -> bool:
        """Whether the broker answers a metadata request with itself in it."""
        host, port = self.bootstrap.split(",")[0].rsplit(":", 1)
        try:
            # kafka-python 3.0.12 leaves the socket of a refused connection open, so it is not let near one.
            socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS).close()
            with contextlib.closing(self._admin()) as admin:
                return bool(admin.describe_cluster()["brokers"])
        except (KafkaError, OSError):
            return False

    def _admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(bootstrap_servers=self.bootstrap, **self.client_options)

    def _create_mock_topic(self, name: str, partitions: int, config: Mapping[str, str] | None) -> None:
        if partitions != kafka_mock.N_PARTITIONS or config:
            raise ServerError(
                f"the mock broker cannot make topic {name!r} with {partitions} partitions and {config=}: "
                f"it gives every topic {kafka_mock.N_PARTITIONS} and takes no configuration"
            )
        with contextlib.closing(self._admin()) as admin:
            admin.describe_topics([name])  # the mock makes a topic when it is asked about it


def _no_address() -> str | None:
    return None if os.environ.get("SENTINEL_TEST_KAFKA") else "SENTINEL_TEST_KAFKA is not set"


def _start_address(scratch: Path) -> KafkaBroker:
    broker = KafkaBroker(os.environ["SENTINEL_TEST_KAFKA"], "address", "the one in SENTINEL_TEST_KAFKA")
    wait_until(broker.answers, _START_SECONDS, broker.bootstrap)
    return broker


def _no_maven() -> str | None:
    major = java_major()
    if major is None or major < _MIN_JAVA:
        return f"Java {_MIN_JAVA} or newer is needed, found {major or 'none'}"
    try:
        fetch_jars()
    except ServerError as error:
        return str(error)
    return None


def node_properties(
    host_port: int,
    controller_port: int,
    data: str,
    *,
    listen: str,
    node_id: int = 1,
    controls: bool = True,
    replicas: int = 1,
) -> str:
    """Return the configuration of one node: a broker, and the controller, which is node 1, unless told otherwise."""
    options = {
        "process.roles": "broker,controller" if controls else "broker",
        "node.id": str(node_id),
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://{listen}" + (f",CONTROLLER://127.0.0.1:{controller_port}" if controls else ""),
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{host_port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": str(replicas),
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Lower bounds for tests of take-over and of compaction, which choose short times.
        "group.min.session.timeout.ms": "1000",
        "log.cleaner.backoff.ms": "500",
    }
    return "".join(f"{name}={value}\n" for name, value in options.items())


def java_command() -> list[str]:
    """Return the start of a command line that runs a class of Kafka's jars."""
    return [shutil.which("java") or "java", *_JAVA_OPTIONS, *_LOG_OPTIONS, "-cp", f"{fetch_jars()}/*"]


def _start_maven(scratch: Path) -> KafkaBroker:
    java = java_command()
    for attempt in range(1, _PORT_TRIES + 1):
        port, controller_port = free_port(), free_port()
        node = scratch / f"node-{attempt}"
        node.mkdir()
        properties = node / "server.properties"
        properties.write_text(node_properties(port, controller_port, str(node / "data"), listen=f"127.0.0.1:{port}"))
        format_storage(java, properties)
        server = Server("kafka", [*java, "kafka.Kafka", str(properties)], scratch)
        broker = KafkaBroker(f"127.0.0.1:{port}", "maven", f"Apache Kafka {kafka_version()}", server)
        try:
            broker.start()
        except ServerError as error:
            if "Address already in use" not in str(error) or attempt == _PORT_TRIES:
                raise
        else:
            return broker
    raise AssertionError("the last attempt returns or raises")


def format_storage(java: Sequence[str], properties: Path, cluster: str | None = None) -> None:
    """Prepare the data folder of a node; nodes of one cluster are given one name."""
    # The first byte is 0, as an id that happens to begin with "-" would be taken for an option.
    raw = b"\0" + (secrets.token_bytes(15) if cluster is None else cluster.encode()[:15].ljust(15, b"x"))
    name = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    command = [*java, "kafka.tools.StorageTool", "format", "-t", name, "-c", str(properties)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=_START_SECONDS, check=False)
    if answer.returncode != 0:
        raise ServerError(f"Kafka's storage could not be formatted: {(answer.stdout + answer.stderr)[-2000:]}")


def _no_docker() -> str | None:
    docker = shutil.which("docker")
    if docker is None:
        return "docker is not on the path"
    try:
        for command, seconds in (("info", 20), (f"pull -q apache/kafka:{kafka_version()}", 240)):
            run = [docker, *command.split()]
            answer = subprocess.run(run, capture_output=True, text=True, timeout=seconds, check=False)
            if answer.returncode != 0:
                return (answer.stderr.strip().splitlines() or ["docker failed"])[-1][:200]
    except subprocess.TimeoutExpired as error:
        return f"docker took over {error.timeout:g} s"
    return None


def docker_command(scratch: Path, port: int, name: str) -> list[str]:
    """Return the command that runs one node in the foreground, its data and configuration in `scratch`."""
    volume = ["-v", f"{scratch}/config:/mnt/shared/config:ro", "-v", f"{scratch}/data:/data"]
    publish = ["-p", f"127.0.0.1:{port}:9092"]
    image = f"apache/kafka:{kafka_version()}"
    return ["docker", "run", "--rm", "--name", name, "--user", str(os.getuid()), *publish, *volume, image]


def _start_docker(scratch: Path) -> KafkaBroker:
    port = free_port()
    (scratch / "config").mkdir()
    (scratch / "data").mkdir()
    text = node_properties(port, 9093, "/data", listen="0.0.0.0:9092")
    (scratch / "config" / "server.properties").write_text(text)
    server = Server("kafka", docker_command(scratch, port, unique_name("sentinel-test-kafka")), scratch)
    broker = KafkaBroker(f"127.0.0.1:{port}", "docker", f"Apache Kafka {kafka_version()} in a container", server)
    broker.start()
    return broker


def _no_mock() -> str | None:
    return "SENTINEL_REQUIRE_REAL_KAFKA=1 forbids it" if os.environ.get("SENTINEL_REQUIRE_REAL_KAFKA") == "1" else None


def _start_mock(scratch: Path) -> KafkaBroker:
    address = scratch / "mock.address"
    command = [sys.executable, "-m", "tests.support.kafka_mock", str(address)]
    server = Server("kafka", command, scratch, env={"PYTHONPATH": str(_REPOSITORY)})
    server.start()
    server.wait_until(address.exists, _START_SECONDS, "the mock cluster's address")
    return KafkaBroker(address.read_text(), "mock", "librdkafka's mock cluster", server)


_MISSING: dict[Kind, Callable[[], str | None]] = {
    "address": _no_address,
    "maven": _no_maven,
    "docker": _no_docker,
    "mock": _no_mock,
}
_START: dict[Kind, Callable[[Path], KafkaBroker]] = {
    "address": _start_address,
    "maven": _start_maven,
    "docker": _start_docker,
    "mock": _start_mock,
}


def start_broker(scratch: Path, *, kinds: Sequence[Kind] = KINDS) -> KafkaBroker:
    """Start, or find, the most real broker that this machine can run, and say on stderr which one it is.

    Parameters
    ----------
    scratch : Path
        An existing folder for its data, configuration and log.
    kinds : sequence of str
        Which kinds to try, in this order.

    Raises
    ------
    ServerError
        If none is to be had, if only the mock is left while ``SENTINEL_REQUIRE_REAL_KAFKA=1``, or if one that
        should work does not start, which is never a reason to fall back.
    """
    missing: list[str] = []
    for kind in kinds:
        reason = _MISSING[kind]()
        if reason is None:
            broker = _START[kind](scratch)
            if missing and kind != "maven":
                broker.detail += f" ({'; '.join(missing)})"
            sys.stderr.write(f"\n*** {describe(broker)} ***\n")
            return broker
        missing.append(f"no {kind}: {reason}")
    raise ServerError("no Kafka broker to be had: " + "; ".join(missing))


def describe(broker: KafkaBroker) -> str:
    """Say in one line which broker the tests use, loud when it is not a real one."""
    text = f"Kafka broker: {broker.detail} at {broker.bootstrap}"
    return f"NOT A REAL BROKER. {text}" if broker.kind == "mock" else text
