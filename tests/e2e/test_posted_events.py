"""Events that are posted over HTTP count as those of a file do, through kills and whatever is sent again."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from sentinel.simulation.events import events
from tests.e2e.worlds import JOIN_SECONDS, make_world
from tests.support.daemon import daemon_on
from tests.support.http_daemon import batches, post_until_taken, write_http_config
from tests.support.process import wait_until

KILLS = 3
TIMES = 3


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_and_repetitions_change_nothing(tmp_path: Path) -> None:
    """Every request sent three times, through three kills in its midst: findings and verdict are those of a replay."""
    world = make_world(tmp_path, "target_leakage", seed=9, n_stream=4_000)
    simulated, replayed = world.simulated, world.replayed()

    bodies = batches(events(simulated.stream, model="churn", version="1", slices=simulated.slices), 100)
    config = write_http_config(
        tmp_path / "sentinel.yaml", baseline=world.baseline, state=tmp_path / "state", slices=simulated.slices
    )
    rng = random.Random(20_261_121)
    kill_at = set(rng.sample(range(5, len(bodies) - 5), KILLS))
    dead = threading.Event()
    with daemon_on(tmp_path, config) as daemon:

        def kill() -> None:
            daemon.kill()
            dead.set()

        def revive() -> None:
            if dead.is_set():
                dead.clear()
                daemon.start()

        daemon.start()
        for number, body in enumerate(bodies):
            killer = threading.Timer(rng.uniform(0.0, 0.05), kill)
            if number in kill_at:
                killer.start()
            for _ in range(TIMES):
                post_until_taken(daemon, body, revive)
            if number in kill_at:
                killer.join()
                revive()
        daemon.wait_ready()
        daemon.wait_joined(replayed["counts"]["joined"], JOIN_SECONDS)
        wait_until(lambda: "_lag_messages{" in (m := daemon.get("/metrics").decode()) and not _lag(m), 120, "no lag")
        live = daemon.report()
        assert daemon.stop() == 0
    for section in ("findings", "features", "launch", "verdict"):
        assert live[section] == replayed[section], section
    for count in ("predictions", "joined"):
        assert live["counts"][count] == replayed["counts"][count]


def _lag(metrics: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if "_lag_messages{" in line)
