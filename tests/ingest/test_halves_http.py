"""KServe's logger posts requests and responses straight to sentinel: they pair across a restart."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from sentinel.clock import ManualClock
from sentinel.config.formats import Format, Formats
from sentinel.events.codecs.adapting import AdaptingCodec, make_stages
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.schema import Limits
from sentinel.ingest.http import HttpSource
from sentinel.ingest.http_body import BodyReader
from sentinel.ingest.http_log import EventLog
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from tests.ingest.http_logs import add, open_log
from tests.pipeline.streams import LAYOUTS, PLANS, ROW_BYTES
from tests.support.layouts import START_US

N_PAIRS = 25
KSERVE = {"shape": "kserve", "inference": {"model": "churn", "version": "7", "feature_names": ["age", "income"]}}
FORMATS = Formats(predictions=msgspec.convert(KSERVE, Format))


def post(events: EventLog, number: int, side: str) -> None:
    """What the daemon does with one request of KServe's logger."""
    body = {"instances": [[41, 1.5]]} if side == "request" else {"predictions": [0.25]}
    headers = {
        "ce-specversion": "1.0",
        "ce-id": f"q{number}",
        "ce-source": "http://localhost:9081/",
        "ce-type": f"org.kubeflow.serving.inference.{side}",
        "ce-time": "2026-11-26T11:59:30Z",
        "content-type": "application/json",
    }
    bodies = BodyReader(FORMATS, lambda: frozenset(("churn",)), lambda: 1 << 20)
    read = bodies.read("application/json", headers, json.dumps(body).encode(), None)
    assert read.rejected == []
    add(events, read.posted)


def count(events: EventLog, store: MemoryJoinStore) -> PartitionPipeline:
    """Read what is in the log, count it, and keep it."""
    limits = Limits()
    codec = AdaptingCodec(JsonCodec([layout.schema for layout in LAYOUTS], limits), make_stages(FORMATS), limits)
    source = HttpSource(events, codec, ManualClock(START_US), max_messages=7, linger_seconds=0.0)
    pipeline = PartitionPipeline(0, store, PLANS)
    source.take_changes()
    source.start_at(0, pipeline.positions)
    while found := source.poll(0.0):
        assert [letter for batch in found for letter in pipeline.process(batch)] == []
    pipeline.checkpoint()
    source.close(1.0)
    return pipeline


def test_posted_halves_pair_across_a_restart(tmp_path: Path) -> None:
    """All requests, a restart, all responses: each pair counts once, and nothing waits any more."""
    events, store = open_log(tmp_path / "events", clock=ManualClock(START_US)), MemoryJoinStore(ROW_BYTES)
    for number in range(N_PAIRS):
        post(events, number, "request")
    assert count(events, store).tally.n_halves_waiting == N_PAIRS
    for number in range(N_PAIRS):
        post(events, number, "response")
    tally = count(events, store).tally
    assert (tally.n_halves_waiting, tally.events["prediction", "accepted"]) == (0, N_PAIRS)
    events.close()
