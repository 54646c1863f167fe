"""A process that counts a stream to its end, unless it is killed; run by the crash test."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from sentinel.clock import SystemClock
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.store import lmdb_store
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from tests.pipeline import streams
from tests.pipeline.scripted import ScriptedSource
from tests.support.join_oracle import Event

N_EVENTS = 3_000


def log() -> list[Event]:
    """The stream: the same in every process."""
    return streams.orderly(np.random.default_rng(20_241_127), N_EVENTS)


def open_store(directory: Path) -> LmdbJoinStore:
    """The store that is killed again and again."""
    return LmdbJoinStore.open(directory, streams.ROW_BYTES, fsync=False)


def main() -> None:
    """Count in batches whose sizes are this process' own, and say so after each turn."""
    lmdb_store._WRITE_AHEAD_BYTES = 1 << 20
    rng = np.random.default_rng(int(sys.argv[2]))
    source = ScriptedSource({0: log()}, size=lambda: int(rng.integers(1, 13)))
    store = open_store(Path(sys.argv[1]))
    loop = Loop(source, lambda _: store, streams.PLANS, SystemClock(), checkpoint_seconds=0.005)
    while not source.exhausted():
        loop.turn()
        sys.stdout.write("turned\n")
        sys.stdout.flush()
    loop.run()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
