"""A disk, or a store, that is full: a metric says so, nothing is lost or doubled, and room is all that it takes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sentinel.simulation.events import Event, events
from tests.e2e.worlds import make_world
from tests.support.daemon import DaemonProcess, daemon_on, produce, write_config
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.process import wait_until

SECONDS = 180.0
SMALL, ENOUGH = "1MiB", "1GiB"  # for one store; the events of these tests take about 3 MiB
pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Setting:
    """A configuration, and the events that its topics get."""

    config: Path
    queue: list[Event]
    broker: KafkaBroker
    topics: tuple[str, str]

    @property
    def n_joined(self) -> int:
        """Predictions that meet an outcome."""
        return len({event.key for event in self.queue if event.kind == "outcome"})

    def limit(self, size: str) -> None:
        """Set how large a store may become."""
        lines = [line for line in self.config.read_text().splitlines() if "max_bytes" not in line]
        self.config.write_text("\n".join(lines).replace("state:\n", f"state:\n  max_bytes: {size}\n") + "\n")

    def publish(self) -> None:
        """Write all events."""
        produce(self.broker, self.topics, self.queue)


@pytest.fixture
def setting(tmp_path: Path, kafka_broker: KafkaBroker) -> Setting:
    """One partition, and events that are all still waiting or counted when they have been read."""
    world = make_world(tmp_path, "clean", seed=9, n_stream=20_000)
    simulated = world.simulated
    topics = (unique_name("predictions"), unique_name("outcomes"))
    for topic in topics:
        kafka_broker.create_topic(topic, 1)
    config = write_config(
        tmp_path / "sentinel.yaml",
        baseline=world.baseline,
        state=tmp_path / "state",
        broker=kafka_broker,
        topics=topics,
        group=unique_name("group"),
        slices=simulated.slices,
    )
    queue = list(events(simulated.stream, model="churn", version="1", slices=simulated.slices))
    return Setting(config, queue, kafka_broker, topics)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for the state, which is nearly full."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(state)], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a file system")
    try:
        yield state
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


def failures(daemon: DaemonProcess) -> int:
    """Checkpoints that failed, as a scrape tells."""
    found = re.search(r"^sentinel_checkpoint_failures_total (\d+)", daemon.get("/metrics").decode(), re.MULTILINE)
    return 0 if found is None else int(found[1])


def check_counts(daemon: DaemonProcess, setting: Setting) -> None:
    """Every event is counted once."""
    daemon.wait_joined(setting.n_joined, SECONDS)
    counts = daemon.report()["counts"]
    assert counts["joined"] == setting.n_joined
    assert counts["predictions"] == sum(event.kind == "prediction" for event in setting.queue)


def test_a_store_at_its_limit_is_told_and_goes_on_with_more_room(tmp_path: Path, setting: Setting) -> None:
    """It lives, answers and counts its failures; restarted with a higher limit it counts all, once."""
    setting.limit(SMALL)
    with daemon_on(tmp_path, setting.config) as daemon:
        daemon.start()
        daemon.wait_ready()
        setting.publish()
        wait_until(lambda: failures(daemon) >= 2, SECONDS, "checkpoints to fail")
        assert daemon.status("/livez") == 200
        assert "the store is full at its limit of 1048576 bytes; raise the limit" in daemon.log_tail(400)
        daemon.stop()
        setting.limit(ENOUGH)
        daemon.start()
        daemon.wait_ready()
        check_counts(daemon, setting)
        assert failures(daemon) == 0
        assert daemon.stop() == 0


def test_a_full_disk_is_told_and_reading_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path, setting: Setting
) -> None:
    """Without a restart: once there is space again, the next attempt succeeds and every event is counted once."""
    with daemon_on(tmp_path, setting.config) as daemon:
        daemon.start()
        daemon.wait_ready()
        setting.publish()
        wait_until(lambda: failures(daemon) >= 2, SECONDS, "checkpoints to fail")
        assert daemon.status("/livez") == 200
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        check_counts(daemon, setting)
        assert daemon.stop() == 0
