"""The model that sentinel watches in deploy/compose: its offline files and baseline, then its events on Kafka."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from sentinel.baseline.build import build_baseline
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.errors import SentinelError
from sentinel.simulation import SCENARIOS, simulate
from sentinel.simulation.events import Event, events
from sentinel.simulation.files import write_files

if TYPE_CHECKING:
    from sentinel.simulation.scenario import SimulatedStream

VERSION = "1"
BASELINE = "churn.baseline"
STEP_SECONDS = 0.2
FLUSH_SECONDS = 60.0
"""A broker that takes nothing for this long has failed."""
CONNECT_SECONDS = 30.0
KINDS = ("prediction", "outcome")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare or play, as the command line says; 1 with one line on standard error if it cannot."""
    args = _parser().parse_args(arguments)
    try:
        args.does(args)
    except (SentinelError, KafkaError, OSError) as error:
        say(f"producer: {error}")
        return 1
    return 0


def prepare(args: argparse.Namespace) -> None:
    """Make the topics, train the model and build its baseline from the validation rows; what is there is kept."""
    inputs = {name: {"cleanup.policy": "delete"} for name in topics_of(args)}
    make_topics(args.bootstrap, inputs | sentinels_topics_of(args), args.partitions)
    directory: Path = args.directory
    if (directory / BASELINE).exists():
        say(f"{directory / BASELINE} is there already")
        return
    say(f"scenario '{args.scenario}': {SCENARIOS[args.scenario].description}")
    files = write_files(_simulated(args), directory / "data", version=VERSION)
    model = load_config(files.config).models[0]
    baseline = build_baseline(model, files.validation, files.train, files.manifest, now_us=SystemClock().now_us())
    baseline.save(directory / BASELINE)
    say(f"wrote {directory / BASELINE}")


def play(args: argparse.Namespace) -> None:
    """Send the month of events within the time that was asked for, each to the topic of its kind."""
    simulated = _simulated(args)
    queue = list(events(simulated.stream, model=simulated.model, version=VERSION, slices=simulated.slices))
    topics = dict(zip(KINDS, topics_of(args), strict=True))
    producer = KafkaProducer(bootstrap_servers=args.bootstrap, acks="all", linger_ms=50, compression_type="lz4")
    say(f"sending {len(queue)} events in {args.seconds:g} s")
    try:
        send(producer, queue, topics, args.seconds)
        producer.flush(timeout=FLUSH_SECONDS)
    finally:
        producer.close(timeout=FLUSH_SECONDS)
    say(f"all {len(queue)} events are sent")


def send(producer: KafkaProducer, queue: Sequence[Event], topics: dict[str, str], seconds: float) -> None:
    """Send events so that their own times, compressed to some seconds, pass at an even pace."""
    first, last = queue[0].at_us, queue[-1].at_us
    began, sent = time.monotonic(), 0
    while sent < len(queue):
        share = 1.0 if seconds <= 0 else min((time.monotonic() - began) / seconds, 1.0)
        until = first + share * (last - first)
        while sent < len(queue) and queue[sent].at_us <= until:
            event = queue[sent]
            producer.send(topics[event.kind], key=event.key, value=event.payload)
            sent += 1
        if sent < len(queue):
            time.sleep(STEP_SECONDS)


def make_topics(bootstrap: str, topics: Mapping[str, Mapping[str, str]], partitions: int) -> None:
    """Make topics of as many partitions each, by their settings; one that is there is left as it is."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=int(CONNECT_SECONDS * 1_000))
    try:
        for name, settings in topics.items():
            try:
                admin.create_topics([NewTopic(name, partitions, 1, topic_configs=dict(settings))])
            except TopicAlreadyExistsError:
                say(f"topic {name} is there already")
    finally:
        admin.close()


def say(text: str) -> None:
    """Write a line for people to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def topics_of(args: argparse.Namespace) -> tuple[str, str]:
    """Names of the topics of predictions and of outcomes."""
    return f"{args.topics}.predictions", f"{args.topics}.outcomes"


def sentinels_topics_of(args: argparse.Namespace) -> dict[str, dict[str, str]]:
    """What sentinel writes: counts and verdicts, of which the latest are kept, and what it refused."""
    compacted = {"cleanup.policy": "compact"}
    return {
        f"{args.topics}.summaries": compacted,
        f"{args.topics}.verdicts": compacted,
        f"{args.topics}.dead-letters": {"cleanup.policy": "delete"},
    }


def _simulated(args: argparse.Namespace) -> SimulatedStream:
    """The same rows at each call."""
    if args.predictions is None:
        return simulate(args.scenario, seed=args.seed)
    return simulate(args.scenario, seed=args.seed, n_stream=args.predictions)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"a time of 0 or more, not {text}")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for does, text in ((prepare, "make topics, files and baseline"), (play, "send the events")):
        command = commands.add_parser(does.__name__, help=text)
        command.set_defaults(does=does)
        command.add_argument("--bootstrap", default="localhost:9092", help="a broker (%(default)s)")
        command.add_argument("--topics", default="churn", help="what both topics begin with (%(default)s)")
        command.add_argument("--scenario", default="target_leakage", choices=sorted(SCENARIOS), metavar="NAME")
        command.add_argument("--seed", type=int, default=20_260_105, help="the same seed, the same rows (%(default)s)")
        command.add_argument("--predictions", type=int, help="how many, instead of the scenario's own number")
    prepared, played = commands.choices["prepare"], commands.choices["play"]
    prepared.add_argument("--directory", type=Path, required=True, help="where files and baseline go")
    prepared.add_argument("--partitions", type=int, default=4, help="of each topic (%(default)s)")
    played.add_argument("--seconds", type=_seconds, default=600.0, help="how long the month takes (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
