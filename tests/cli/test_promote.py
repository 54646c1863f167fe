"""``sentinel baseline promote``: what the daemon counted becomes the reference, with its provenance."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from sentinel import cli
from sentinel.app.judge import Judge
from sentinel.app.models import WatchedModel, row_bytes, watch
from sentinel.app.owner import partition_directory
from sentinel.baseline.artifact import Baseline
from sentinel.clock import ManualClock
from sentinel.config import load_config
from sentinel.config.times import rfc3339
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.ingest.replay import ReplaySource
from sentinel.pipeline.checkpoint import STATE_META, CheckpointMeta
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.loop_status import PartitionView
from sentinel.pipeline.progress import outcomes_through, settled_until
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.simulation import simulate
from sentinel.simulation.files import write_files

STORE_BYTES = 1 << 28


@dataclass(frozen=True)
class World:
    """A daemon's state after a stream, and the configuration that it ran with."""

    config: Path
    baseline: Path
    model: WatchedModel
    views: tuple[PartitionView, ...]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Covariate drift in the middle of 4,000 predictions, counted into LMDB stores as the daemon does."""
    folder = tmp_path_factory.mktemp("promote")
    files = write_files(simulate("covariate_drift", seed=5, n_train=500, n_validation=1_000, n_stream=4_000), folder)
    path = folder / "churn.baseline"
    build = ["baseline", "build", "--config", files.config, "--validation", files.validation, "--output", path]
    assert cli.main([*map(str, build), "--quiet"]) == 0
    config = folder / "daemon.yaml"
    settings = {
        "apiVersion": "sentinel/v1",
        "models": [{"name": "churn", "version": "1", "slices": ["region", "plan"], "baseline": str(path)}],
        "state": {"directory": str(folder / "state")},
    }
    config.write_bytes(msgspec.yaml.encode(settings))
    model = watch(load_config(config).models[0], Baseline.load(path))
    codec = ArrowCodec(model.plan.layout.schema, model.settings.columns)
    source = ReplaySource(files.stream, files.stream, codec, model.settings.columns)
    width = row_bytes({model.key: model})

    def open_store(partition: int) -> LmdbJoinStore:
        directory = partition_directory(folder / "state", partition)
        directory.mkdir(parents=True, exist_ok=True)
        return LmdbJoinStore.open(directory, width, STORE_BYTES)

    loop = Loop(source, open_store, [model.plan], ManualClock(), checkpoint_seconds=1e9)
    while not source.exhausted():
        loop.turn(poll_seconds=0.0)
    loop.checkpoint()
    views = tuple(loop.status.views.values())
    loop.close()
    return World(config, path, model, views)


def _promote(world: World, output: Path, *more: str) -> int:
    arguments = ["baseline", "promote", "--config", str(world.config), "--output", str(output), *more]
    return cli.main(arguments)


def test_settled_panes_become_the_reference(world: World, tmp_path: Path) -> None:
    """The counts are those of the mature panes, the parent and the reason are named, the layout is the same."""
    assert _promote(world, tmp_path / "next.baseline", "--note", "new market since March") == 0
    promoted = Baseline.load(tmp_path / "next.baseline")
    provenance = promoted.meta.provenance
    assert provenance is not None
    assert (provenance.parent, provenance.note) == (world.model.baseline.digest, "new market since March")
    (view,) = world.views
    live = view.series[world.model.key]
    inside = [pane for at, pane in live.panes if at + live.width_us <= provenance.until_us]
    plan = world.model.plan
    settled = settled_until(outcomes_through(world.views, plan), plan)
    assert provenance.until_us <= settled < provenance.until_us + live.width_us or inside[-1] is live.panes[-1][1]
    assert provenance.n_panes == len(inside)
    np.testing.assert_array_equal(promoted.summary["outcomes"], sum(pane["outcomes"] for pane in inside))
    assert promoted.layout.digest == world.model.baseline.layout.digest
    assert promoted.meta.manifest == {}


def test_where_silence_is_a_negative_only_panes_whose_negatives_are_made_count(world: World, tmp_path: Path) -> None:
    """Until the horizon and its grace have passed a pane holds positives alone: no base rate to judge by."""
    settings = msgspec.yaml.decode(world.config.read_bytes())
    settings["models"][0]["outcome"] = {"absence": "negative"}
    config = tmp_path / "silent.yaml"
    config.write_bytes(msgspec.yaml.encode(settings))
    assert _promote(replace(world, config=config), tmp_path / "next.baseline", "--note", "accepted") == 0
    provenance = Baseline.load(tmp_path / "next.baseline").meta.provenance
    assert provenance is not None
    (view,) = world.views
    assert view.expired_until is not None
    assert provenance.until_us <= view.expired_until - world.model.plan.keep_us


def test_the_panes_it_is_made_of_are_no_test_of_it(world: World, tmp_path: Path) -> None:
    """A judge with the promoted baseline counts what came after it, and nothing else."""
    assert _promote(world, tmp_path / "next.baseline", "--note", "accepted", "--until", "2026-01-20T00:00:00Z") == 0
    promoted = Baseline.load(tmp_path / "next.baseline")
    provenance = promoted.meta.provenance
    assert provenance is not None
    report = Judge(watch(world.model.settings, promoted)).report(world.views)
    (view,) = world.views
    later = [pane for at, pane in view.series[world.model.key].panes if at >= provenance.until_us]
    assert report.counts["predictions"] == sum(pane.n_predictions for pane in later)
    assert report.counts["predictions"] + promoted.meta.n_rows == 4_000


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--note", " "], "say why this traffic becomes the reference"),
        (["--note", "x", "--since", "2027-01-01T00:00:00Z"], "these panes hold 0 settled outcomes"),
        (["--note", "x", "--since", "soon"], "--since: 'soon' is no time"),
    ],
)
def test_what_cannot_be_a_reference_is_refused(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    """One line, status 1, and no file."""
    assert _promote(world, tmp_path / "next.baseline", *more) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "next.baseline").exists()


def _lag(world: World, directory: Path, behind_us: int) -> Path:
    """A copy of the daemon's state with a second partition, whose outcomes were read so much less far."""
    settings = msgspec.yaml.decode(world.config.read_bytes())
    first = partition_directory(Path(settings["state"]["directory"]), 0)
    second = partition_directory(directory / "state", 1)
    shutil.copytree(first, partition_directory(directory / "state", 0))
    shutil.copytree(first, second)
    store = LmdbJoinStore.open(second, row_bytes({world.model.key: world.model}), STORE_BYTES)
    meta = msgspec.msgpack.decode(store.get_state(STATE_META) or b"", type=CheckpointMeta)
    until = outcomes_through(world.views, world.model.plan) - behind_us
    meta.expired_until, meta.joined_until = min(meta.expired_until, until), until
    store.put_state(STATE_META, msgspec.msgpack.encode(meta))
    store.commit()
    store.close()
    settings["state"] = {"directory": str(directory / "state")}
    config = directory / "lagging.yaml"
    config.write_bytes(msgspec.yaml.encode(settings))
    return config


def test_a_lagging_partition_is_waited_for(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Behind by more than the maturity it is named and nothing is written, unless forced or asked for less."""
    plan, output = world.model.plan, tmp_path / "next.baseline"
    through = outcomes_through(world.views, plan)
    maturity = plan.layout.maturity_us
    late = replace(world, config=_lag(world, tmp_path, 2 * maturity))
    assert _promote(late, output, "--note", "accepted") == 1
    said = capsys.readouterr().err
    assert f"partition 1 has read outcomes until {rfc3339(through - 2 * maturity, to_second=True)} only" in said
    assert not output.exists()
    assert _promote(late, output, "--note", "accepted", "--force") == 0
    asked = _promote(late, output, "--note", "accepted", "--until", rfc3339(through - 3 * maturity))
    assert (asked, capsys.readouterr().err) == (0, "")


def test_a_partition_a_little_behind_is_not_waited_for(world: World, tmp_path: Path) -> None:
    """Partitions are never read in step: up to the maturity is no lag."""
    config = _lag(world, tmp_path, world.model.plan.layout.maturity_us)
    assert _promote(replace(world, config=config), tmp_path / "next.baseline", "--note", "accepted") == 0


def test_the_baseline_in_use_is_never_overwritten(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The daemon compares with that file; it stays what it was."""
    before = world.baseline.read_bytes()
    assert _promote(world, world.baseline, "--note", "x") == 1
    assert "is the baseline in use" in capsys.readouterr().err
    assert world.baseline.read_bytes() == before


def test_without_state_the_line_says_where_it_was_looked_for(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another state directory holds nothing of this model."""
    settings = msgspec.yaml.decode(world.config.read_bytes())
    settings["state"] = {"directory": str(tmp_path / "elsewhere")}
    config = tmp_path / "sentinel.yaml"
    config.write_bytes(msgspec.yaml.encode(settings))
    output = tmp_path / "next.baseline"
    arguments = ["baseline", "promote", "--config", str(config), "--output", str(output), "--note", "x"]
    assert cli.main(arguments) == 1
    assert "nothing was counted under this baseline" in capsys.readouterr().err


def test_show_tells_where_it_comes_from(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parent, span and note stand in the place of training rows and split, which a promoted baseline has not."""
    output = tmp_path / "next.baseline"
    assert _promote(world, output, "--note", "new market since March") == 0
    capsys.readouterr()
    assert cli.main(["baseline", "show", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    provenance = Baseline.load(output).meta.provenance
    assert provenance is not None
    until = rfc3339(provenance.until_us)[:19]
    (promoted,) = [line for line in lines if line.startswith("promoted    ")]
    assert f"to {until}Z ({provenance.n_panes}), counted under {provenance.parent[:12]}" in promoted
    assert "note        new market since March" in lines
    assert not [line for line in lines if line.startswith(("training", "split", "validation"))]
