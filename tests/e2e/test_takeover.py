"""Collectors on a real broker: killed, stopped and late ones, and the counts of one that nobody disturbed."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from kafka import KafkaProducer

from sentinel.clock import SystemClock
from sentinel.config.kafka import Topics
from sentinel.ingest.kafka_ledger import KafkaLedger
from sentinel.ingest.kafka_ledger_reader import KafkaLedgerReader
from sentinel.ingest.ledger import LedgerReader
from sentinel.pipeline.published import progress_key, read_progress
from tests.e2e.member import Collector, settings
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.layouts import REGIONS
from tests.support.memory_ledger import MemoryLedger, MemoryLedgerReader, MemoryLog
from tests.support.process import wait_until

pytestmark = pytest.mark.kafka
N_PARTITIONS = 4
N_PREDICTIONS = 1_500
STEP_SECONDS = 60
DAY_SECONDS = 86_400
WAIT_SECONDS = 120.0
Written = tuple[str, str, bytes, int]
"""Role, id, payload, and when: milliseconds since the epoch."""


def stream(seed: int) -> list[Written]:
    """A day of predictions, with outcomes within two hours, some corrected, some repeated.

    None is late: how late ones are tallied depends on how the two topics interleave, which nobody decides here.
    """
    rng = np.random.default_rng(seed)
    start = int(time.time()) - 10 * DAY_SECONDS
    found: list[Written] = []
    for number in range(N_PREDICTIONS):
        at, name = start + number * STEP_SECONDS, f"id-{number}"
        features = {"age": float(rng.normal(40, 15)), "region": REGIONS[number % 3], "income": float(rng.normal())}
        told = {"prediction_id": name, "model": "churn", "predicted_at": at, "score": float(rng.random())}
        found.append(("predictions", name, msgspec.json.encode(told | {"version": "7", "features": features}), at))
        for _ in range(rng.integers(0, 3)):
            later = at + int(rng.integers(0, 7_000))
            outcome = {"model": "churn", "prediction_id": name, "outcome": int(rng.random() < 0.4), "outcome_at": later}
            found.append(("outcomes", name, msgspec.json.encode(outcome), later))
    found.sort(key=lambda written: written[3])
    return found


class Followed:
    """What a ledger holds by now, as an evaluator follows it."""

    def __init__(self, reader: LedgerReader, ends: dict[int, dict[str, int]]) -> None:
        self._reader, self._ends = reader, ends
        self._records: dict[bytes, bytes] = {}

    def is_done(self) -> bool:
        """Whether it covers all that was written."""
        self._follow()
        stored = {number: self._records.get(progress_key(number)) for number in self._ends}
        return all(
            stored is not None and read_progress(stored).positions == self._ends[number]
            for number, stored in stored.items()
        )

    def counts(self) -> dict[bytes, bytes]:
        """Panes and tallies of all partitions, as bytes."""
        self._follow()
        found = dict(self._records)
        for number in self._ends:
            found[progress_key(number)] = read_progress(found[progress_key(number)]).tally
        return found

    def _follow(self) -> None:
        while True:
            fresh = self._reader.poll(0.0)
            for key, value in fresh:
                if value is None:
                    self._records.pop(key, None)
                else:
                    self._records[key] = value
            if not fresh:
                return


class Stage:
    """Topics with a stream in them, and the collectors that read it."""

    def __init__(self, broker: KafkaBroker, directory: Path) -> None:
        self.broker, self.directory = broker, directory
        names = {role: unique_name(role) for role in ("predictions", "outcomes", "summaries")}
        self.topics, self.group = Topics(**names), unique_name("group")
        for role in ("predictions", "outcomes"):
            broker.create_topic(names[role], N_PARTITIONS, {"retention.ms": "-1"})
        broker.create_topic(names["summaries"], 3, {"cleanup.policy": "compact"})
        self.names = names
        self.ends: dict[int, dict[str, int]] = {number: {} for number in range(N_PARTITIONS)}

    def write(self, some: list[Written]) -> None:
        """Produce, partitioned by id, stamped with the time of the event."""
        with contextlib.closing(KafkaProducer(bootstrap_servers=self.broker.bootstrap)) as producer:
            for role, name, payload, at in some:
                number, topic = zlib.crc32(name.encode()) % N_PARTITIONS, self.names[role]
                producer.send(topic, payload, name.encode(), partition=number, timestamp_ms=at * 1_000)
                self.ends[number][topic] = self.ends[number].get(topic, 0) + 1
            producer.flush(WAIT_SECONDS)

    def collector(self, **changes: Any) -> Collector:
        """A member in this process."""
        return Collector(settings(self.broker.bootstrap, self.topics, self.group, **changes))

    @contextlib.contextmanager
    def child(self) -> Iterator[subprocess.Popen[bytes]]:
        """A member in a process of its own, that ends with the test."""
        arguments = [self.broker.bootstrap, *self.names.values(), self.group]
        with self.told.open("wb") as log:
            child = subprocess.Popen([sys.executable, "-m", "tests.e2e.member", *arguments], stdout=log, stderr=log)
        try:
            yield child
        finally:
            child.kill()
            child.wait()

    @property
    def told(self) -> Path:
        """What the child says."""
        return self.directory / "child.log"

    def last_told(self) -> dict[str, Any]:
        """Where the child stood when something last changed."""
        lines = [line for line in self.told.read_text().splitlines() if line.startswith('{"fenced"')]
        return json.loads(lines[-1]) if lines else {}

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Followed]:
        """To look into."""
        reader = KafkaLedgerReader(settings(self.broker.bootstrap, self.topics, self.group), SystemClock())
        try:
            yield Followed(reader, self.ends)
        finally:
            reader.close(5.0)

    def undisturbed(self) -> dict[bytes, bytes]:
        """What one collector counts that reads everything alone."""
        log = MemoryLog()
        alone = Collector(settings(self.broker.bootstrap, self.topics, unique_name("alone")), MemoryLedger(log))
        with contextlib.closing(alone):
            turn_until([alone], lambda: self._reached(alone))
            alone.loop.checkpoint()
            return Followed(MemoryLedgerReader(log), self.ends).counts()

    def _reached(self, collector: Collector) -> bool:
        started = collector.loop._partitions.started
        return len(started) == N_PARTITIONS and all(
            started[number].positions == positions for number, positions in self.ends.items()
        )


def turn_until(members: list[Collector], until: Callable[[], bool]) -> None:
    """Turn all members until something holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not until():
        assert time.monotonic() < deadline, [member.loop.status for member in members]
        for member in members:
            member.turn()


@pytest.fixture
def stage(kafka_broker: KafkaBroker, tmp_path: Path) -> Stage:
    """Topics of its own for each test."""
    return Stage(kafka_broker, tmp_path)


@pytest.mark.slow
def test_a_member_that_is_killed_is_followed_by_one_without_its_state(stage: Stage) -> None:
    """Two members share the topics, one is killed, the other rebuilds its half, a third joins: the counts are one's."""
    events = stream(1)
    cuts = [0, len(events) // 3, 2 * len(events) // 3, len(events)]
    thirds = [events[start:stop] for start, stop in itertools.pairwise(cuts)]
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(stage.ledger())
        child = stack.enter_context(stage.child())
        stage.write(thirds[0])
        wait_until(ledger.is_done, WAIT_SECONDS, "the child to count alone")
        first = stack.enter_context(contextlib.closing(stage.collector()))
        turn_until([first], lambda: len(first.loop.status.views) == N_PARTITIONS // 2)
        assert first.loop.status.rebuilds == N_PARTITIONS // 2
        stage.write(thirds[1])
        turn_until([first], ledger.is_done)
        child.send_signal(signal.SIGKILL)
        turn_until([first], lambda: len(first.loop.status.views) == N_PARTITIONS)
        assert first.loop.status.rebuilds == N_PARTITIONS
        second = stack.enter_context(contextlib.closing(stage.collector()))
        members = [first, second]
        turn_until(members, lambda: [len(m.loop.status.views) for m in members] == [N_PARTITIONS // 2] * 2)
        stage.write(thirds[2])
        turn_until(members, ledger.is_done)
        assert first.loop.status.fenced == second.loop.status.fenced == 0
        assert ledger.counts() == stage.undisturbed()


@pytest.mark.slow
def test_a_member_that_wakes_up_finds_itself_replaced(stage: Stage) -> None:
    """Stopped for longer than its session and woken, it changes nothing, comes back behind, and counts on rightly."""
    events = stream(2)
    half = len(events) // 2
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(stage.ledger())
        child = stack.enter_context(stage.child())
        stage.write(events[:half])
        wait_until(ledger.is_done, WAIT_SECONDS, "the child to count alone")
        child.send_signal(signal.SIGSTOP)
        owner = stack.enter_context(contextlib.closing(stage.collector()))
        turn_until([owner], lambda: len(owner.loop.status.views) == N_PARTITIONS)
        assert owner.loop.status.rebuilds == N_PARTITIONS
        stage.write(events[half : half + 200])
        turn_until([owner], ledger.is_done)
        before = ledger.counts()
        child.send_signal(signal.SIGCONT)
        turn_until([owner], lambda: len(stage.last_told().get("views", ())) == N_PARTITIONS // 2)
        assert ledger.counts() == before
        stage.write(events[half + 200 :])
        turn_until([owner], ledger.is_done)
        assert owner.loop.status.fenced == 0
        assert ledger.counts() == stage.undisturbed()


def test_a_claim_by_somebody_else_is_survived(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fenced in the middle, an owner that still has the partition claims it back and goes on from its own state."""
    monkeypatch.setattr("sentinel.pipeline.takeovers.FENCED_SECONDS", 1.0)
    events = stream(3)
    half = len(events) // 2
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(stage.ledger())
        owner = stack.enter_context(contextlib.closing(stage.collector()))
        stage.write(events[:half])
        turn_until([owner], ledger.is_done)
        other = KafkaLedger(settings(stage.broker.bootstrap, stage.topics, stage.group), SystemClock())
        stack.callback(other.close, 5.0)
        for number in range(N_PARTITIONS):
            other.claim(number)
        stage.write(events[half:])
        turn_until([owner], lambda: owner.loop.status.fenced == N_PARTITIONS)
        turn_until([owner], ledger.is_done)
        assert owner.loop.status.fenced == N_PARTITIONS
        assert owner.loop.status.rebuilds == 0
        assert ledger.counts() == stage.undisturbed()
