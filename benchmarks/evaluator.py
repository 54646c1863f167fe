"""What an evaluator costs: following the ledger of many partitions and models, judging them, and the memory it takes.

Run with `python -m benchmarks.evaluator [--quick]`.

A real stream of the simulated churn model is counted in eight partitions; their panes are the records of as many
partitions as are asked for, and of as many models, each under a layout of its own. Each size runs in a process of its
own:

* ``start``: CPU to take in and sum up the whole ledger, once, as after a restart;
* ``busy``: CPU of a round in which every partition published a tenth of the panes of every model;
* ``trickle``: likewise where a tenth of the partitions did, the others nothing;
* ``judge``: CPU to evaluate and diagnose all models, once a round, whatever changed;
* ``RSS``: memory of the process above what it has before the first record.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from sentinel.app.judge import Judge
from sentinel.app.models import WatchedModel, plans, row_bytes, watch
from sentinel.app.sources import make_codec
from sentinel.baseline.build import build_baseline
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.config.settings import Config
from sentinel.ingest.memory import MemorySource
from sentinel.pipeline.follower import Follower
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.loop_status import PartitionView
from sentinel.pipeline.published import PaneKey, Progress, pane_key, progress_key, write_progress
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.simulation import simulate
from sentinel.simulation.events import events
from sentinel.simulation.files import write_files
from sentinel.simulation.scenario import SimulatedStream
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import Layout

N_COUNTED = 8
N_ROWS, N_BUILD = 20_000, 3_000
SIZES = ((25, 10), (50, 10), (100, 10), (100, 20), (100, 50))
QUICK_SIZES = ((5, 2), (10, 2), (10, 4))
CHANGED_RATIO = 0.1
PAGE_BYTES = 4_096
SEED = 5

Record = tuple[bytes, bytes | None]


def counted(directory: Path) -> tuple[WatchedModel, list[PartitionView]]:
    """A churn model with its baseline, and what eight partitions count of its stream."""
    simulated = simulate("target_leakage", seed=SEED, n_train=N_BUILD, n_validation=N_BUILD, n_stream=N_ROWS)
    files = write_files(simulated, directory)
    config = load_config(files.config)
    baseline = build_baseline(config.models[0], files.validation, files.train, files.manifest, now_us=0, progress=None)
    model = watch(config.models[0], baseline)
    return model, _count(config, model, simulated)


def _count(config: Config, model: WatchedModel, simulated: SimulatedStream) -> list[PartitionView]:
    models = {model.key: model}
    source = MemorySource(make_codec(config, models), n_partitions=N_COUNTED, capacity=10 * N_ROWS)
    for event in events(simulated.stream, model=model.key[0], version=model.key[1], slices=simulated.slices):
        source.publish(event.kind, event.key, event.payload, event.at_us)
    source.end()
    loop = Loop(source, lambda _: MemoryJoinStore(row_bytes(models)), plans(models), SystemClock())
    loop.run()
    return [loop.status.views[number] for number in range(N_COUNTED)]


class Ledger:
    """Records of many partitions and models, made from those of a few.

    Parameters
    ----------
    model : WatchedModel
    views : sequence of PartitionView
    n_partitions, n_models : int
    """

    def __init__(self, model: WatchedModel, views: Sequence[PartitionView], n_partitions: int, n_models: int) -> None:
        self._views, self._key = views, model.key
        self._n_partitions = n_partitions
        own = model.plan.layout
        self.layouts = [own, *(msgspec.structs.replace(own, model=f"{own.model}-{n}") for n in range(1, n_models))]

    @property
    def n_panes(self) -> int:
        """Of each partition and model."""
        return len(self._views[0].series[self._key].panes)

    def whole(self) -> Iterator[list[Record]]:
        """Everything, in polls of one (partition, model); each partition ends with its progress."""
        for partition in range(self._n_partitions):
            for layout in self.layouts:
                yield [self._record(partition, layout, at, 0) for at in range(self.n_panes)]
            yield [self._progress(partition)]

    def changed(self, partitions: Sequence[int], rng: np.random.Generator, round_number: int) -> Iterator[list[Record]]:
        """A tenth of the panes of every model, the newest among them, of these partitions."""
        n_changed = max(1, round(self.n_panes * CHANGED_RATIO))
        for partition, layout in itertools.product(partitions, self.layouts):
            older = rng.choice(self.n_panes - 1, n_changed - 1, replace=False).tolist()
            yield [self._record(partition, layout, at, round_number) for at in (*older, self.n_panes - 1)]

    def _record(self, partition: int, layout: Layout, at: int, more: int) -> Record:
        series = self._views[partition % N_COUNTED].series[self._key]
        start, pane = series.panes[at % len(series.panes)]
        grown = Summary(layout, pane.copy().arrays)
        grown.arrays["outcomes"].reshape(-1)[0] += more
        key = PaneKey(partition, layout.model, layout.version, layout.digest, series.width_us, start)
        return pane_key(key), grown.to_bytes()

    def _progress(self, partition: int) -> Record:
        view = self._views[partition % N_COUNTED]
        progress = Progress(
            positions={},
            watermark=view.watermark or 0,
            expired_until=view.expired_until or 0,
            joined_until=view.joined_until or 0,
            tally=view.tally.to_bytes(),
            widths={layout.digest: view.series[self._key].width_us for layout in self.layouts},
            pending=0,
        )
        return progress_key(partition), write_progress(progress)


def measure(n_partitions: int, n_models: int) -> None:
    """Print the row of one size."""
    with tempfile.TemporaryDirectory() as directory:
        model, views = counted(Path(directory))
    ledger = Ledger(model, views, n_partitions, n_models)
    follower = Follower(ledger.layouts)
    judge = Judge(model)
    judge.report(views)  # what is made once is made before anything is measured
    before = _resident_bytes()
    n_records = n_bytes = 0
    taken = 0.0
    for poll in ledger.whole():
        n_records += len(poll)
        n_bytes += sum(len(value or b"") for _, value in poll)
        taken += _apply(follower, poll)
    start = taken + _look(follower)
    resident = _resident_bytes() - before
    rng = np.random.default_rng(SEED)
    busy = _round(follower, ledger.changed(range(n_partitions), rng, 1))
    some = rng.choice(n_partitions, max(1, n_partitions // 10), replace=False).tolist()
    trickle = _round(follower, ledger.changed(some, rng, 2))
    judged = min(_cpu(lambda: judge.report([follower.view()])) for _ in range(3)) * n_models
    print(
        f"{n_partitions:>10} {n_models:>6} {n_records:>9} {n_bytes / n_records / 1e3:>6.1f} kB {start:>8.1f} s "
        f"{busy:>8.2f} s {trickle:>8.2f} s {judged:>6.2f} s {resident / 1e6:>8.0f} MB",
        flush=True,
    )


def _round(follower: Follower, polls: Iterator[list[Record]]) -> float:
    """CPU to take in records and sum up; to make the records is not counted."""
    return sum(_apply(follower, poll) for poll in polls) + _look(follower)


def _apply(follower: Follower, poll: list[Record]) -> float:
    started = time.thread_time()
    follower.apply(poll)
    return time.thread_time() - started


def _look(follower: Follower) -> float:
    return _cpu(follower.view)


def _cpu(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--size", type=int, nargs=2, metavar=("PARTITIONS", "MODELS"), help="one size, in this process")
    args = parser.parse_args(argv)
    if args.size:
        measure(*args.size)
        return
    columns = (("partitions", 10), ("models", 6), ("records", 9), ("each", 9), ("start", 10), ("busy", 10))
    more = (("trickle", 10), ("judge", 8), ("RSS", 11))
    print(" ".join(f"{name:>{width}}" for name, width in (*columns, *more)), flush=True)
    for partitions, models in QUICK_SIZES if args.quick else SIZES:
        size = [str(partitions), str(models)]
        subprocess.run([sys.executable, "-m", "benchmarks.evaluator", "--size", *size], check=True)


if __name__ == "__main__":
    main()
