"""SIGKILL at random points leaves exactly one epoch."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from tests.pipeline.store import crash_child
from tests.pipeline.store.oracle import assert_holds

REPOSITORY = Path(__file__).parents[3]


def killed_after(directory: Path, n_commits: int, delay_seconds: float) -> int:
    """Run the child and kill it a moment after some commits; return the last that it acknowledged."""
    command = [sys.executable, "-m", crash_child.__name__, str(directory)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        acknowledged = [child.stdout.readline() for _ in range(n_commits)]
        time.sleep(delay_seconds)  # a real process at a random point: there is no clock to advance
        child.kill()
        acknowledged += child.stdout.readlines()
    whole = [line for line in acknowledged if line.endswith("\n")]
    return int(whole[-1])


def test_a_killed_process_leaves_the_last_commit_whole(tmp_path: Path) -> None:
    """Rows, expiries and state come from one epoch: the last acknowledged or the one after it."""
    rng = random.Random(20_240_501)
    epochs = [0]
    for _ in range(10):
        acknowledged = killed_after(tmp_path, rng.randrange(1, 12), rng.uniform(0, 0.03))
        store = LmdbJoinStore.open(tmp_path, crash_child.ROW_BYTES, fsync=False)
        epochs.append(crash_child.last_epoch(store))
        assert epochs[-1] in (acknowledged, acknowledged + 1)
        assert_holds(store, crash_child.expected(epochs[-1]))
        oldest = max(1, epochs[-1] - crash_child.N_EPOCHS_HELD + 1)
        for epoch in range(oldest, epochs[-1] + 1):
            assert len(store.expire(epoch + 1)) == crash_child.N_KEYS
        store.close()
    assert epochs == sorted(set(epochs))
