"""A small trained world with its baseline, and a daemon on it that reads from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sentinel.app.daemon import Daemon
from sentinel.app.models import Key, WatchedModel
from sentinel.app.sources import make_codec
from sentinel.baseline.build import build_baseline
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.config.settings import Config
from sentinel.ingest.memory import MemorySource
from sentinel.simulation import simulate
from sentinel.simulation.events import Event, events
from sentinel.simulation.files import Files, write_files
from sentinel.simulation.scenario import SimulatedStream

CONFIG = """\
apiVersion: sentinel/v1
models:
  - {{name: churn, version: "1", slices: [region, plan], baseline: {baseline}}}
state: {{directory: {state}, checkpoint_interval: 100ms}}
evaluation: {{interval: 1s}}
web: {{listen: "127.0.0.1:0", reload_endpoint: true}}
"""


@dataclass(frozen=True)
class TrainedWorld:
    """Files, baseline and events of one simulated month."""

    simulated: SimulatedStream
    files: Files
    baseline: Path
    queue: list[Event]


@dataclass
class RunningDaemon:
    """A daemon in this process, its configuration file, and the sources that it made, the newest last."""

    daemon: Daemon
    config: Path
    sources: list[MemorySource] = field(default_factory=list)

    def publish(self, queue: list[Event]) -> None:
        """Give events to the newest source."""
        for event in queue:
            assert self.sources[-1].publish(event.kind, event.key, event.payload, event.at_us)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> TrainedWorld:
    """A planted target leak, with its baseline built."""
    directory = tmp_path_factory.mktemp("world")
    simulated = simulate("target_leakage", seed=3, n_train=3_000, n_validation=2_500, n_stream=4_000)
    files = write_files(simulated, directory)
    model = load_config(files.config).models[0]
    path = directory / "churn.baseline"
    build_baseline(model, files.validation, files.train, files.manifest, now_us=0, progress=None).save(path)
    queue = list(events(simulated.stream, model="churn", version="1", slices=simulated.slices))
    return TrainedWorld(simulated, files, path, queue)


@pytest.fixture
def make_daemon(tmp_path: Path, world: TrainedWorld) -> Iterator[Callable[[], RunningDaemon]]:
    """Make daemons on one state directory; each is stopped at the end of the test."""
    made: list[Daemon] = []
    config = tmp_path / "sentinel.yaml"
    config.write_text(CONFIG.format(baseline=world.baseline, state=tmp_path / "state"))

    def make() -> RunningDaemon:
        sources: list[MemorySource] = []

        def source(settings: Config, models: Mapping[Key, WatchedModel]) -> MemorySource:
            sources.append(MemorySource(make_codec(settings, models)))
            return sources[-1]

        daemon = Daemon(lambda: load_config(config), source, SystemClock())
        made.append(daemon)
        return RunningDaemon(daemon, config, sources)

    yield make
    for daemon in made:
        daemon.stop()
