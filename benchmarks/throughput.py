"""Events per CPU second through a real Kafka, end to end, beside bare loops that poll and decode, and peers.

    python -m benchmarks.throughput [--events N] [--rounds R] [--quick] [--environments DIR]

Each client has a bare loop of its own: it reads the same messages with the same options and decodes each into the
Struct that sentinel's codec makes of it first. "columns" is sentinel's source alone: the same, and all fields of the
events as numpy columns, which is what counting has to start from. Every loop is a process of its own, and all take
turns; the table shows medians of whole-process CPU time. Messages: canonical JSON of 10 numeric features and 5 slices
of 20 values, and one outcome each, over 4 partitions, lz4. Peers read the predictions alone: quixstreams counts them in
windows of an hour by 20 keys, river updates a log loss, five ADWIN and ten ADWIN an event; neither joins outcomes.
"rebuilt" is a takeover without any local state: what waits is read back from the log, and nothing is counted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks._event_topics import Filled, Shape, fill
from benchmarks._measured_loops import child, measured
from benchmarks.peers import SCRIPTS, environment
from tests.support.kafka_broker import KafkaBroker, start_broker

TARGET = 0.85
CLIENTS = ("kafka-python", "confluent-kafka")
OWN_READER = "bare kafka-python, our reader"
REBUILT, REBUILT_TARGET = "rebuilt kafka-python", 0.8
PEERS = {
    "river": {"kafka-python": 3.0, "confluent-kafka": 3.0},
    "quixstreams": {"kafka-python": 3.0, "confluent-kafka": 8.0},
}
GROWTH = (
    Shape(),
    Shape(n_features=20),
    Shape(n_features=40),
    Shape(n_slices=10),
    Shape(n_slices=20),
    Shape(n_partitions=1),
    Shape(n_partitions=24),
)


def rates(loops: Mapping[str, Callable[[], float]], n_events: Mapping[str, int], rounds: int) -> dict[str, float]:
    """Median events per CPU second of each loop, all in turn."""
    taken: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, run in loops.items():
            taken[name].append(n_events[name] / run())
    return {name: statistics.median(seen) for name, seen in taken.items()}


def compare(broker: KafkaBroker, filled: Filled, rounds: int, environments: Path | None) -> None:
    """Both clients beside their bare loops, and beside the peers where there is a place for their environments."""
    names = [f"{side} {client}" for client in CLIENTS for side in ("bare", "sentinel")]
    loops: dict[str, Callable[[], float]] = {name: _loop(name, broker, filled) for name in names}
    if environments is not None:
        for name in (OWN_READER, REBUILT, *(f"columns {client}" for client in CLIENTS), "river"):
            loops[name] = _loop(name, broker, filled)
        python = str(environment("quixstreams", environments))
        script = str(SCRIPTS / "run_quixstreams.py")
        loops["quixstreams"] = lambda: child([python, script, broker.bootstrap, filled.by_slice, str(filled.n)])
    n_events = {name: filled.n if name in PEERS else 2 * filled.n for name in loops}
    found = rates(loops, n_events, rounds)
    for name, rate in found.items():
        print(f"{name:34}{rate:12,.0f} events per CPU second {1e6 / rate:8.2f} us an event")
    if REBUILT in found:
        share = found[REBUILT] / found["bare kafka-python"]
        print(f"{'kafka-python, rebuilt from the log':44}{share:8.2f}   (target {REBUILT_TARGET} of the bare rate)")
    for client in CLIENTS:
        ours = found[f"sentinel {client}"]
        print(f"{client + ', share of its bare rate':44}{ours / found[f'bare {client}']:8.2f}   (target {TARGET})")
        if f"columns {client}" in found:
            share = ours / found[f"columns {client}"]
            print(f"{client + ', share of poll and columns alone':44}{share:8.2f}   (target {TARGET})")
        for peer, targets in PEERS.items():
            if peer in found:
                times = ours / found[peer]
                print(f"{client + ', times the rate of ' + peer:44}{times:8.1f}   (target {targets[client]})")


def _loop(name: str, broker: KafkaBroker, filled: Filled) -> Callable[[], float]:
    return lambda: measured(name, broker.bootstrap, filled)


def growth(broker: KafkaBroker, n: int, rounds: int) -> None:
    """What an event costs as events get wider, and as partitions get more."""
    print(f"{'features':>10}{'slices':>8}{'partitions':>12}" + "".join(f"{client + ' us':>20}" for client in CLIENTS))
    for shape in GROWTH:
        filled = fill(broker, shape, n)
        names = [f"sentinel {client}" for client in CLIENTS]
        found = rates({name: _loop(name, broker, filled) for name in names}, dict.fromkeys(names, 2 * n), rounds)
        cells = "".join(f"{1e6 / found[name]:20.2f}" for name in names)
        print(f"{shape.n_features:10}{shape.n_slices * 20:8}{shape.n_partitions:12}{cells}", flush=True)


def main() -> int:
    """Fill the topics, measure in turn, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="predictions; as many outcomes follow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="20,000 predictions, one round, only our two ratios")
    parser.add_argument("--environments", type=Path, default=Path(".cache/peers"), help="where peers are installed")
    chosen = parser.parse_args()
    n, rounds = (20_000, 1) if chosen.quick else (chosen.events, chosen.rounds)
    with tempfile.TemporaryDirectory() as scratch, start_broker(Path(scratch)) as broker:
        filled = fill(broker, Shape(), n, by_slice=not chosen.quick)
        print(f"{n} predictions and {n} outcomes, {broker.kind} broker, median of {rounds}")
        compare(broker, filled, rounds, None if chosen.quick else chosen.environments.absolute())
        if not chosen.quick:
            growth(broker, n // 4, 1)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
