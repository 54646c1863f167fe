"""A process that commits epoch after epoch until it is killed; run by the crash test."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from sentinel.pipeline.store import lmdb_store
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from tests.pipeline.store.oracle import Held, rows_of

ROW_BYTES = 496  # 512 with key and expiry: a segment holds 4096 rows
N_KEYS = 1500  # rows an epoch; three epochs more than fill a segment
N_EPOCHS_HELD = 4
EPOCH = "epoch"


def expected(epoch: int) -> Held:
    """What a store holds when this epoch is the last one committed."""
    held = Held(state={EPOCH: str(epoch).encode()} if epoch else {})
    for born in range(max(1, epoch - N_EPOCHS_HELD + 1), epoch + 1):
        for i in range(N_KEYS):
            changed = i % 3 == 0 and born < epoch
            value = (born + changed) % 251
            held.rows[born * N_KEYS + i] = (born, bytes([value]) * ROW_BYTES)
    return held


def write_epoch(store: LmdbJoinStore, epoch: int) -> None:
    """Put this epoch's rows, change a third of the last one's, expire the oldest, and commit."""
    keys = np.arange(epoch * N_KEYS, (epoch + 1) * N_KEYS, dtype=np.uint64)
    store.put(keys, np.full(N_KEYS, epoch), rows_of([epoch % 251] * N_KEYS, ROW_BYTES))
    changed = keys[::3] - np.uint64(N_KEYS)
    store.update(changed, rows_of([epoch % 251] * len(changed), ROW_BYTES))
    store.expire(epoch - N_EPOCHS_HELD + 1)
    store.put_state(EPOCH, str(epoch).encode())
    store.commit()


def last_epoch(store: LmdbJoinStore) -> int:
    """The epoch that the store says it is at; 0 when new."""
    return int(store.get_state(EPOCH) or b"0")


def main() -> None:
    """Commit for ever, and say so after each commit."""
    lmdb_store._WRITE_AHEAD_BYTES = 1 << 20
    store = LmdbJoinStore.open(Path(sys.argv[1]), ROW_BYTES, fsync=False)
    epoch = last_epoch(store)
    sys.stdout.write("ready\n")
    while True:
        sys.stdout.flush()
        epoch += 1
        write_epoch(store, epoch)
        sys.stdout.write(f"{epoch}\n")


if __name__ == "__main__":
    main()
