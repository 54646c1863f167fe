"""A simulated world, its baseline, and what a replay of its stream says: all other ways of counting say the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinel.app.models import watch
from sentinel.app.replay import replay
from sentinel.baseline.artifact import Baseline
from sentinel.cli import main
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.diagnosis.report import to_json
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.ingest.replay import ReplaySource
from sentinel.simulation import simulate
from sentinel.simulation.files import Files, write_files
from sentinel.simulation.scenario import SimulatedStream

JOIN_SECONDS = 180.0
"""What joining a stream may take: far more than it does, as several workers share the machine."""


@dataclass(frozen=True, slots=True)
class World:
    """A simulated stream, its files, and the baseline that `sentinel baseline build` made of its validation rows."""

    simulated: SimulatedStream
    files: Files
    baseline: Path

    def replayed(self) -> dict[str, Any]:
        """The report of a replay of the stream."""
        model = watch(load_config(self.files.config).models[0], Baseline.load(self.baseline))
        codec = ArrowCodec(model.plan.layout.schema, model.settings.columns)
        source = ReplaySource(self.files.stream, self.files.stream, codec, model.settings.columns)
        report: dict[str, Any] = json.loads(to_json(replay(model, source, SystemClock())))
        return report


def make_world(directory: Path, scenario: str, *, seed: int, n_stream: int) -> World:
    """Simulate, write the files, build the baseline."""
    simulated = simulate(scenario, seed=seed, n_train=2_000, n_validation=2_000, n_stream=n_stream)
    files = write_files(simulated, directory / "data")
    baseline = directory / "model.baseline"
    arguments = ["--quiet", "--config", str(files.config), "--validation", str(files.validation)]
    assert main(["baseline", "build", *arguments, "--output", str(baseline)]) == 0
    return World(simulated, files, baseline)
