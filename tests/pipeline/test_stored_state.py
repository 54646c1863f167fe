"""Checkpoints that another release wrote, or that were damaged."""

from __future__ import annotations

import msgspec
import pytest

from sentinel.errors import CorruptArtifactError
from sentinel.pipeline.checkpoint import STATE_META, STATE_TALLY
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.tally import Tally
from tests.pipeline import streams
from tests.pipeline.streams import KEYS, PLANS
from tests.support.join_oracle import Predicted
from tests.support.layouts import START_US


def checkpointed() -> MemoryJoinStore:
    """A store that holds one prediction."""
    store = MemoryJoinStore(streams.ROW_BYTES)
    pipeline = PartitionPipeline(0, store, PLANS)
    for batch in streams.batches([[Predicted(KEYS[0], 1, START_US, 3)]]):
        pipeline.process(batch)
    pipeline.checkpoint()
    return store


def test_a_tally_from_before_backfills_is_read() -> None:
    """An upgraded daemon goes on from the checkpoint of the release before, which had no backfills to count."""
    tally = Tally()
    tally.count("prediction", "accepted", 7, ("churn", "1"))
    tally.n_waiting = 3
    before = msgspec.msgpack.decode(tally.to_bytes())[:-1]
    assert Tally.from_bytes(msgspec.msgpack.encode(before)).to_bytes() == tally.to_bytes()


@pytest.mark.parametrize("name", [STATE_META, STATE_TALLY])
def test_an_unreadable_checkpoint_is_named_and_says_how_to_go_on(name: str) -> None:
    """Damage is an error of the daemon's own kind, with its partition, before anything is counted."""
    store = checkpointed()
    store.put_state(name, b"\xc1")
    with pytest.raises(CorruptArtifactError, match="partition 0: its checkpoint cannot be read"):
        PartitionPipeline(0, store, PLANS)
