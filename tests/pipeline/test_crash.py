"""SIGKILL at random moments of the loop leaves the counts of an undisturbed run."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from tests.pipeline import crash_child, streams
from tests.support.join_oracle import fed

REPOSITORY = Path(__file__).parents[2]
N_KILLS = 8


def run_child(directory: Path, seed: int, n_turns: int | None, delay_seconds: float = 0.0) -> bool:
    """Run the child, and kill it a moment after so many turns; whether it came to the end."""
    command = [sys.executable, "-m", crash_child.__name__, str(directory), str(seed)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        if n_turns is not None:
            said = [child.stdout.readline() for _ in range(n_turns)]
            assert said == ["turned\n"] * n_turns
            time.sleep(delay_seconds)  # a real process at a random point: there is no clock to advance
            child.kill()
        return "done\n" in child.stdout.readlines()


def test_kills_at_random_moments_leave_the_counts_of_an_undisturbed_run(tmp_path: Path) -> None:
    """After eight kills panes and tallies are, byte for byte, those of one run, and those of the oracle."""
    events = crash_child.log()
    undisturbed = PartitionPipeline(0, MemoryJoinStore(streams.ROW_BYTES), streams.PLANS)
    for batch in streams.batches(streams.split(np.random.default_rng(1), events, 12)):
        undisturbed.process(batch)
    undisturbed.checkpoint()

    rng = random.Random(20_241_128)
    progress = [0]
    for seed in range(N_KILLS):
        assert not run_child(tmp_path, seed, rng.randrange(1, 30), rng.uniform(0.0, 0.02))
        store = crash_child.open_store(tmp_path)
        progress.append(sum(PartitionPipeline(0, store, streams.PLANS).positions.values()))
        store.close()
    assert progress == sorted(progress)
    assert 0 < progress[-1] < len(events)
    assert len(set(progress)) > N_KILLS // 2
    assert run_child(tmp_path, N_KILLS, None)

    store = crash_child.open_store(tmp_path)
    survivor = PartitionPipeline(0, store, streams.PLANS)
    assert streams.counted(survivor) == streams.counted(undisturbed)
    assert survivor.positions == undisturbed.positions
    assert streams.fingerprint(survivor.publish().values()) == streams.expected(fed(streams.RULES, events))
    store.close()
