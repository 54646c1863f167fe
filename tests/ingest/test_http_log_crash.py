"""SIGKILL at random moments: everything acknowledged and not yet counted is in the log, at its offset, nothing half."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.ingest import http_log_child
from tests.ingest.http_logs import everything, open_log

REPOSITORY = Path(__file__).parents[2]
N_KILLS = 8


def _run(directory: Path, first: int, seed: int, position: int, n_lines: int, delay_seconds: float) -> list[str]:
    """Let the child append, kill it a moment after so many answers; what it said, whole lines alone."""
    arguments = [str(directory), str(first), str(seed), str(position)]
    command = [sys.executable, "-m", http_log_child.__name__, *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(n_lines)]
        time.sleep(delay_seconds)  # a real process at a random point: there is no clock to advance
        child.kill()
        return [line for line in [*said, *child.stdout.readlines()] if line.endswith("\n")]


def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """After each kill every acknowledged event that no checkpoint covers is read back at its offset; all are whole."""
    rng = random.Random(20_261_121)
    acknowledged: dict[int, bytes] = {}
    first = position = n_left = 0
    for seed in range(N_KILLS):
        before = max(acknowledged, default=-1)
        for line in _run(tmp_path, first, seed, position, rng.randrange(1, 60), rng.uniform(0.0, 0.05)):
            if line.startswith("release"):
                position = int(line.split()[1])
                continue
            offset, begin, n = map(int, line.split())
            assert offset > before
            before = offset + n - 1
            acknowledged |= {offset + i: http_log_child.payload(begin + i) for i in range(n)}
        events = open_log(tmp_path, taking_from=position)
        found = everything(events, position)
        left = {at: text for at, text in acknowledged.items() if at >= position}
        n_left += len(left)
        assert left.items() <= found.items()
        assert all(text == http_log_child.payload(int(text.partition(b":")[0])) for text in found.values())
        assert list(found) == list(range(position, events.end.offset))
        position = rng.choice([position, events.end.offset])
        events.release(position)
        acknowledged |= found  # whole, though nobody was told: it stays where it is
        events.close()
        first = seed * 1_000_000 + 1_000_000
    assert len(acknowledged) > N_KILLS * 20
    assert n_left > N_KILLS
