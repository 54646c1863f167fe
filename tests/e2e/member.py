"""A collector as a process of its own, to be killed and stopped: counts two topics and publishes to the ledger."""

from __future__ import annotations

import json
import sys
from typing import Any

from sentinel.clock import SystemClock
from sentinel.config.durations import Duration
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.config.sizes import Bytes
from sentinel.events.codecs.json import JsonCodec
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.kafka_ledger import KafkaLedger
from sentinel.ingest.ledger import Ledger
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.summaries.rows import row_dtype
from tests.support.layouts import HOUR_US, small_layout

PLAN = ModelPlan(small_layout(), 2 * HOUR_US)
ROW_BYTES = row_dtype(PLAN.layout).itemsize
CHECKPOINT_SECONDS = 0.3
HOLD_SECONDS = 600.0
"""Longer than any test: whoever reads a day in a second must not let go before the outcomes have been read."""


class KeptStore(MemoryJoinStore):
    """A store that outlives its close, as a directory does."""

    def __init__(self) -> None:
        super().__init__(ROW_BYTES)

    def close(self) -> None:
        """Drop what is not committed."""
        self.rollback()


class Collector:
    """A loop over Kafka, its stores and its ledger."""

    def __init__(self, settings: KafkaSettings, ledger: Ledger | None = None) -> None:
        self.stores: dict[int, KeptStore] = {}
        self.source = KafkaSource(settings, JsonCodec([PLAN.layout.schema]), SystemClock())
        self.ledger = KafkaLedger(settings, SystemClock()) if ledger is None else ledger
        self.loop = Loop(
            self.source,
            self._open,
            [PLAN],
            SystemClock(),
            checkpoint_seconds=CHECKPOINT_SECONDS,
            expiry_hold_seconds=HOLD_SECONDS,
            ledger=self.ledger,
        )

    def _open(self, number: int) -> JoinStore:
        return self.stores.setdefault(number, KeptStore())

    def turn(self) -> None:
        """One turn."""
        self.loop.turn(0.1)

    def stop(self) -> None:
        """Checkpoint, publish, and leave."""
        self.loop.checkpoint()
        self.close()

    def close(self) -> None:
        """Leave, and lose what was not checkpointed."""
        self.loop.close()
        self.source.close(5.0)
        self.ledger.close(5.0)


def settings(bootstrap: str, topics: Topics, group_id: str, **changes: Any) -> KafkaSettings:
    """A member of the group, that is missed after six seconds."""
    values: dict[str, Any] = {
        "bootstrap_servers": [bootstrap],
        "topics": topics,
        "group_id": group_id,
        "fetch_min_bytes": Bytes(1),
        "fetch_max_wait": Duration(0.1),
        "max_poll_records": 50,
        "session_timeout": Duration(6.0),
    }
    return KafkaSettings(**(values | changes))


def main() -> None:
    """Count for ever; say what changed, a JSON object a line."""
    bootstrap, predictions, outcomes, summaries, group_id = sys.argv[1:]
    topics = Topics(predictions=predictions, outcomes=outcomes, summaries=summaries)
    collector = Collector(settings(bootstrap, topics, group_id))
    last: dict[str, object] = {}
    while True:
        collector.turn()
        status = collector.loop.status
        now = {"fenced": status.fenced, "assigned": sorted(collector.source.assigned()), "views": sorted(status.views)}
        if now != last:
            sys.stdout.write(json.dumps(now) + "\n")
            sys.stdout.flush()
            last = now


if __name__ == "__main__":
    main()
