"""Two Apache Kafka nodes, for what one alone cannot show: leaders that move from one broker to the other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kafka.admin import KafkaAdminClient

from tests.support.kafka_broker import KafkaBroker, format_storage, java_command, node_properties
from tests.support.process import Server, free_port, wait_until

_START_SECONDS = 90.0


@dataclass(frozen=True)
class KafkaCluster:
    """The first node is controller and broker, the second a broker that may go.

    Attributes
    ----------
    first, second : KafkaBroker
    """

    first: KafkaBroker
    second: KafkaBroker

    def create_topic(self, name: str, partitions: int) -> None:
        """A topic that both nodes hold."""
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.first.bootstrap)) as admin:
            wanted = {"num_partitions": partitions, "replication_factor": 2}
            admin.create_topics({name: wanted}, wait_for_metadata=True)

    def leaders(self, topic: str) -> set[int]:
        """Ids of the nodes that lead a partition of a topic."""
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.first.bootstrap)) as admin:
            (described,) = admin.describe_topics([topic])
        return {partition["leader_id"] for partition in described["partitions"]}


@contextlib.contextmanager
def kafka_cluster(scratch: Path) -> Iterator[KafkaCluster]:
    """Start both nodes; they end with the block. Needs the jars that `start_broker` fetches."""
    controller = free_port()
    with contextlib.ExitStack() as stops:
        cluster = KafkaCluster(*[_start_node(scratch, node_id, controller, stops) for node_id in (1, 2)])
        wait_until(lambda: _n_nodes(cluster) == 2, _START_SECONDS, "both nodes to be in the cluster")
        yield cluster


def _start_node(scratch: Path, node_id: int, controller: int, stops: contextlib.ExitStack) -> KafkaBroker:
    port = free_port()
    node = scratch / f"node-{node_id}"
    node.mkdir()
    properties = node / "server.properties"
    listen, controls = f"127.0.0.1:{port}", node_id == 1
    text = node_properties(
        port, controller, str(node / "data"), listen=listen, node_id=node_id, controls=controls, replicas=2
    )
    properties.write_text(text)
    java = java_command()
    format_storage(java, properties, "sentinel-two-nodes-test")
    server = Server(f"kafka-{node_id}", [*java, "kafka.Kafka", str(properties)], scratch)
    broker = KafkaBroker(f"127.0.0.1:{port}", "maven", f"node {node_id}", server)
    stops.callback(broker.stop)
    broker.start()
    return broker


def _n_nodes(cluster: KafkaCluster) -> int:
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=cluster.first.bootstrap)) as admin:
        return len(admin.describe_cluster()["brokers"])
