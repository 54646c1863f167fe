"""Collectors killed, frozen, added and cut off while a stream runs: the counts at the end against an undisturbed run.

    python -m benchmarks.chaos [--seeds 20] [--first-seed 1] [--messages 2000000] [--partitions 6] [--quick]

Every seed is a stream of its own through a real Kafka, with late, early, repeated, corrected and broken events. Three
collectors read it as processes. At random moments one is killed (and comes back at once, later, under another name,
with or without its state), stopped in order, frozen for longer than its session lasts and woken, joined by a fourth;
the broker is killed and comes back. In the end the ledger is added up over partitions and compared, array by array,
with what one process counts that reads the same topics and is left alone. Needs Java, Maven and confluent-kafka.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

import sentinel
from benchmarks._chaos_events import FEATURES, HORIZON_SECONDS, MODEL, REGIONS, VERSION
from sentinel.app.models import WatchedModel, event_limits, load_models, plans, row_bytes
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.config.settings import Config
from sentinel.events.codecs.json import JsonCodec
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.kafka_ledger_reader import KafkaLedgerReader
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.loop_status import PartitionView
from sentinel.pipeline.published import PaneKey, Progress, read_key, read_progress
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.tally import Tally, add_up
from sentinel.summaries.algebra import Summary
from sentinel.summaries.panes import PaneSeries, join_series
from tests.support.kafka_broker import KafkaBroker, start_broker, unique_name
from tests.support.process import free_port, wait_until

SESSION_SECONDS = 6.0
SETTLE_SECONDS = 300.0
MEAN_PAUSE_SECONDS = 2.5
ROOT = Path(__file__).parents[1]

COUNTED = (
    ("prediction", "accepted"),
    ("prediction", "dead_letter"),
    ("outcome", "joined"),
    ("outcome", "corrected"),
    ("outcome", "dead_letter"),
)
"""Fates that do not depend on when a prediction is let go; the others are told apart by real time, near the horizon."""


@dataclass
class Member:
    """One collector process and where it keeps its state."""

    name: str
    config: Path
    state: Path
    process: subprocess.Popen[bytes] | None = None
    frozen: bool = False

    def start(self) -> None:
        """Start, or start again."""
        if self.process is None:
            command = [sys.executable, "-m", "sentinel", "run", "--role", "collector", "--config", str(self.config)]
            log = self.state.with_suffix(".log").open("ab")
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT)
            log.close()

    def end(self, number: signal.Signals) -> None:
        """Send a signal that ends it, and wait."""
        if self.process is None:
            return
        if self.frozen:
            self.process.send_signal(signal.SIGCONT)
            self.frozen = False
        self.process.send_signal(number)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None

    def lose_state(self) -> None:
        """As a pod that comes up on another node, without its disk."""
        subprocess.run(["rm", "-rf", str(self.state)], check=True)


@dataclass
class Run:
    """One seed: the topics, the members, and what was done to them."""

    broker: KafkaBroker
    scratch: Path
    baseline: Path
    n_partitions: int
    rng: random.Random
    topics: dict[str, str] = field(default_factory=dict)
    group: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def create(self, limits: Mapping[str, str] | None = None) -> None:
        """Make the topics; ``limits`` configure those of the events."""
        self.group = unique_name("chaos")
        self.topics = {role: unique_name(role) for role in ("predictions", "outcomes", "summaries")}
        for role, topic in self.topics.items():
            compact = {"cleanup.policy": "compact"}
            self.broker.create_topic(topic, self.n_partitions, compact if role == "summaries" else limits)

    def config(self, name: str, *, group: str | None = None, ledger: bool = True) -> Path:
        """Write the configuration of a member."""
        topics = {role: topic for role, topic in self.topics.items() if ledger or role != "summaries"}
        settings: dict[str, Any] = {
            "apiVersion": "sentinel/v1",
            "models": [
                {
                    "name": MODEL,
                    "version": VERSION,
                    "slices": ["region"],
                    "baseline": str(self.baseline),
                    "outcome": {"horizon": f"{HORIZON_SECONDS}s"},
                }
            ],
            "source": {
                "kafka": {
                    "bootstrap_servers": [self.broker.bootstrap],
                    "topics": topics,
                    "group_id": group or self.group,
                    "group_instance_id": name,
                    "session_timeout": f"{SESSION_SECONDS:g}s",
                    "fetch_max_wait": "100ms",
                }
            },
            "state": {"directory": str(self.scratch / name), "checkpoint_interval": "500ms", "fsync": False},
            "web": {"listen": f"127.0.0.1:{free_port()}"},
        }
        path = self.scratch / f"{name}.yaml"
        path.write_bytes(msgspec.yaml.encode(settings))
        return path

    def add(self, name: str) -> Member:
        """A member that does not run yet."""
        self.members[name] = Member(name, self.config(name), self.scratch / name)
        return self.members[name]

    # -- what is done to them

    def disturb(self) -> None:
        """One thing at random, and whatever is due of the things before."""
        self.check()
        now = time.monotonic()
        for due, act in [entry for entry in self.later if entry[0] <= now]:
            self.later.remove((due, act))
            act()
        awake = [m for m in self.members.values() if m.process is not None and not m.frozen]
        what = self.rng.choices(("kill", "stop", "freeze", "add", "broker"), (5, 2, 3, 1, 1))[0]
        if what == "broker":
            self.broker_falls()
        elif what == "add" and len(self.members) < 6:
            self.done["added"] += 1
            self.add(f"extra-{len(self.members)}").start()
        elif what != "add" and len(awake) > 1:
            getattr(self, what)(self.rng.choice(awake))

    def check(self) -> None:
        """A member that ends by itself is a failure, whatever was done to the others."""
        for member in self.members.values():
            if member.process is not None and member.process.poll() is not None:
                log = member.state.with_suffix(".log").read_text(errors="replace").splitlines()
                raise RuntimeError(f"{member.name} ended with {member.process.returncode}:\n" + "\n".join(log[-20:]))

    def kill(self, member: Member) -> None:
        """Kill -9; it comes back at once or later, with its state or without."""
        self.done["killed"] += 1
        member.end(signal.SIGKILL)
        if self.rng.random() < 0.4:
            self.done["state lost"] += 1
            member.lose_state()
        self._back(member, self.rng.choice((0.0, 0.0, 3.0, 10.0)))

    def stop(self, member: Member) -> None:
        """SIGTERM; it comes back after a while."""
        self.done["stopped"] += 1
        member.end(signal.SIGTERM)
        self._back(member, self.rng.choice((0.0, 8.0)))

    def freeze(self, member: Member) -> None:
        """SIGSTOP for less or more than a session: the longer ones wake up as somebody whose partitions are gone."""
        if member.process is None:
            return
        self.done["frozen"] += 1
        member.process.send_signal(signal.SIGSTOP)
        member.frozen = True
        self.later.append((time.monotonic() + self.rng.choice((2.0, 2.0 * SESSION_SECONDS)), lambda: _thaw(member)))

    def broker_falls(self) -> None:
        """Kill or stop the broker, and start it again."""
        self.done["broker restarted"] += 1
        self.broker.restart()

    def _back(self, member: Member, after_seconds: float) -> None:
        self.later.append((time.monotonic() + after_seconds, member.start))

    def calm(self) -> None:
        """Let every member live again."""
        for _, act in sorted(self.later, key=lambda entry: entry[0]):
            act()
        self.later.clear()
        for member in self.members.values():
            member.start()

    def end(self) -> None:
        """Stop everything."""
        for member in self.members.values():
            member.end(signal.SIGKILL)

    def seen_in_logs(self, *events: str) -> Counter[str]:
        """How often the members logged something."""
        counts: Counter[str] = Counter()
        for member in self.members.values():
            text = member.state.with_suffix(".log").read_text(errors="replace")
            counts.update({event: text.count(f"event={event}") for event in events})
        return counts


def _thaw(member: Member) -> None:
    if member.process is not None and member.frozen:
        member.process.send_signal(signal.SIGCONT)
        member.frozen = False


# -- what was counted


@dataclass(frozen=True)
class Counted:
    """Everything that a stream came to."""

    series: PaneSeries
    tally: Tally
    positions: Mapping[int, Mapping[str, int]]


class LedgerSums:
    """Follows the ledger and adds it up."""

    def __init__(self, config: Config, model: WatchedModel) -> None:
        if config.source is None or config.source.kafka is None:
            raise ValueError("the configuration has no Kafka source")
        self._reader = KafkaLedgerReader(config.source.kafka, SystemClock())
        self._latest: dict[bytes, bytes] = {}
        self._layout = model.plan.layout

    def follow(self) -> dict[int, Progress]:
        """Take in what is new; how far each partition has come."""
        for key, value in self._reader.poll(0.5):
            if value is None:
                self._latest.pop(key, None)
            else:
                self._latest[key] = value
        found = {read_key(key): value for key, value in self._latest.items()}
        return {key: read_progress(value) for key, value in found.items() if isinstance(key, int)}

    def counted(self) -> Counted:
        """The sums as of the last look."""
        progress = self.follow()
        panes: dict[int, list[tuple[int, Summary]]] = {partition: [] for partition in progress}
        for raw, value in self._latest.items():
            key = read_key(raw)
            if isinstance(key, PaneKey) and key.width_us == progress[key.partition].widths[key.layout]:
                panes[key.partition].append((key.start_us, Summary.from_bytes(self._layout, value).freeze()))
        series = [
            PaneSeries(self._layout, progress[partition].widths[self._layout.digest], tuple(sorted(some)))
            for partition, some in panes.items()
        ]
        tally = add_up(Tally.from_bytes(each.tally) for each in progress.values())
        positions = {partition: each.positions for partition, each in progress.items()}
        return Counted(join_series(self._layout, series), tally, positions)

    def close(self) -> None:
        """Disconnect."""
        self._reader.close(5.0)


def undisturbed(config_file: Path, n_messages: int) -> Counted:
    """Read the topics from the beginning in this process, alone, and count."""
    config = load_config(config_file)
    models = load_models(config)
    if config.source is None or config.source.kafka is None:
        raise ValueError("the configuration has no Kafka source")
    codec = JsonCodec([model.plan.layout.schema for model in models.values()], event_limits(config))
    source = KafkaSource(config.source.kafka, codec, SystemClock())
    width = row_bytes(models)
    loop = Loop(source, lambda _: MemoryJoinStore(width), plans(models), SystemClock(), expiry_hold_seconds=60.0)
    try:
        n = 0
        while n < n_messages:
            n += loop.turn()
        loop.checkpoint()
        views: list[PartitionView] = list(loop.status.views.values())
    finally:
        loop.close()
        source.close(5.0)
    (model,) = models.values()
    series = join_series(model.plan.layout, [view.series[model.key] for view in views])
    return Counted(series, add_up(view.tally for view in views), {})


def differences(one: Counted, other: Counted) -> list[str]:
    """What is not equal, in words; nothing where every array of every pane is."""
    found = []
    ours, those = dict(one.series.panes), dict(other.series.panes)
    if (one.series.width_us, ours.keys()) != (other.series.width_us, those.keys()):
        found.append(f"panes {one.series.width_us} {sorted(ours)} against {other.series.width_us} {sorted(those)}")
    for start in sorted(ours.keys() & those.keys()):
        for name, array in ours[start].arrays.items():
            if not np.array_equal(array, those[start].arrays[name]):
                change = int(np.abs(array.astype(float) - those[start].arrays[name].astype(float)).sum())
                found.append(f"pane {start}: {name} differs by {change}")
    fates = ((fate, one.tally.events[fate], other.tally.events[fate]) for fate in COUNTED)
    return found + [f"{fate}: {mine} against {theirs}" for fate, mine, theirs in fates if mine != theirs]


# -- a run


def build_baseline(path: Path) -> None:
    """A baseline of the same columns as the stream."""
    rng = np.random.default_rng(0)
    n = 4_000
    scores = rng.random(n)
    rows = pd.DataFrame(
        {
            "prediction_id": [f"v{i}" for i in range(n)],
            "predicted_at": pd.date_range("2025-09-01", periods=n, freq="min", tz="UTC"),
            "score": scores,
            "outcome": (rng.random(n) < scores).astype(int),
            "region": rng.choice(REGIONS, n),
            "group": [f"g{i % 500}" for i in range(n)],
            **{name: rng.normal(size=n) for name in FEATURES},
        }
    )
    sentinel.build_baseline(rows, model=MODEL, version=VERSION, slices=["region"]).save(path)


def run(
    broker: KafkaBroker, scratch: Path, baseline: Path, seed: int, n_messages: int, n_partitions: int
) -> dict[str, Any]:
    """One seed.

    Returns
    -------
    dict
        What was done, what differed (nothing, if all is well), and how long it took.
    """
    begin = time.monotonic()
    chaos = Run(broker, scratch, baseline, n_partitions, random.Random(seed))
    chaos.create()
    for i in range(3):
        chaos.add(f"collector-{i}").start()
    n_predictions = n_messages // 2
    command = [sys.executable, "-m", "benchmarks._chaos_events", broker.bootstrap]
    command += [chaos.topics["predictions"], chaos.topics["outcomes"], "--n", str(n_predictions), "--seed", str(seed)]
    command += ["--per-second", str(n_messages / max(20.0, n_messages / 40_000))]
    producer = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        wait = time.monotonic() + 5.0  # the first moves come while the members are still starting
        while producer.poll() is None:
            time.sleep(max(0.0, wait - time.monotonic()))
            chaos.disturb()
            wait = time.monotonic() + chaos.rng.expovariate(1 / MEAN_PAUSE_SECONDS)
        chaos.calm()
        written = int(producer.communicate()[0])
        config = load_config(chaos.members["collector-0"].config)
        (model,) = load_models(config).values()
        reference = undisturbed(chaos.config("alone", group=unique_name("alone"), ledger=False), written)
        sums = LedgerSums(config, model)
        try:

            def counted() -> bool:
                chaos.check()
                return _read(sums.follow()) >= written

            wait_until(counted, SETTLE_SECONDS, f"{written} messages to be counted")
            found = differences(sums.counted(), reference)
        finally:
            sums.close()
    finally:
        producer.kill()
        producer.wait()
        chaos.end()
    logged = chaos.seen_in_logs("partition_fenced", "partition_taken_over", "partition_opened")
    return {
        "seed": seed,
        "messages": written,
        "done": dict(chaos.done),
        "logged": dict(logged),
        "seconds": round(time.monotonic() - begin, 1),
        "differences": found,
    }


def _read(progress: Mapping[int, Progress]) -> int:
    """Messages that the ledger covers: no message of these topics is a marker, and none is ever deleted."""
    return sum(sum(each.positions.values()) for each in progress.values())


def main() -> int:
    """Run the seeds, print a line of JSON each, and say whether all were equal."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=2_000_000)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--quick", action="store_true", help="one seed of 100,000 messages")
    parser.add_argument("--keep", type=Path, help="a folder for logs and state, kept; a scratch folder otherwise")
    given = parser.parse_args()
    seeds = 1 if given.quick else given.seeds
    n_messages = 100_000 if given.quick else given.messages
    bad = 0
    with tempfile.TemporaryDirectory(prefix="sentinel-chaos-") as folder:
        root = given.keep or Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        (root / "kafka").mkdir(exist_ok=True)
        baseline = root / "churn.baseline"
        build_baseline(baseline)
        with start_broker(root / "kafka") as broker:
            for seed in range(given.first_seed, given.first_seed + seeds):
                scratch = root / f"seed-{seed}"
                scratch.mkdir(exist_ok=True)
                result = run(broker, scratch, baseline, seed, n_messages, given.partitions)
                bad += bool(result["differences"])
                print(json.dumps(result), flush=True)
                if not given.keep:
                    subprocess.run(["rm", "-rf", str(scratch)], check=True)
    print(f"{seeds - bad} of {seeds} seeds equal an undisturbed run, bit for bit")
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
