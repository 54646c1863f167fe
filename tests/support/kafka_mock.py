"""librdkafka's mock cluster as a server process: writes its address to a file, then serves until it is ended.

Run as ``python -m tests.support.kafka_mock ADDRESS_FILE``.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from confluent_kafka import Producer

# What the mock gives every topic; only C programs can choose another number.
N_PARTITIONS = 4


def main(arguments: list[str]) -> int:
    """Serve until a signal ends the process."""
    owner = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
    broker = next(iter(owner.list_topics(timeout=10).brokers.values()))
    address = Path(arguments[0])
    partial = address.with_suffix(".partial")
    partial.write_text(f"{broker.host}:{broker.port}")
    partial.rename(address)
    signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
