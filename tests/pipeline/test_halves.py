"""Requests and responses that are logged apart give the same counts in any cut, order and after any crash."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from sentinel.config.formats import Format
from sentinel.errors import CorruptArtifactError
from sentinel.events.batch import EventBatch, Reason
from sentinel.events.codecs.adapting import AdaptingCodec, Stages
from sentinel.events.codecs.decoded import assemble
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages
from sentinel.events.codecs.plain import JsonDeserializer
from sentinel.events.codecs.shapes.registry import make_shape
from sentinel.events.halves import WaitLimits
from sentinel.events.schema import Limits
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.store.protocol import JoinStore
from tests.pipeline.streams import LAYOUTS, PLANS, PREDICTIONS, ROW_BYTES, Fingerprint, counted
from tests.support.layouts import START_US

SECOND_US, MINUTE_US = 1_000_000, 60_000_000
WAIT = WaitLimits(wait_us=10 * MINUTE_US, most=12)
FORMAT = msgspec.convert({"shape": "open-inference", "inference": {"model": "churn", "version": "7"}}, Format)


@dataclass(frozen=True)
class Sent:
    """A half as it stands in the log."""

    id: str
    side: str
    at: int
    n_rows: int = 1

    @property
    def payload(self) -> bytes:
        """As the protocol writes it."""
        shape = [self.n_rows]
        if self.side == "request":
            ages = {"name": "age", "shape": shape, "datatype": "FP64", "data": [20.0 + i for i in range(self.n_rows)]}
            return json.dumps({"id": self.id, "inputs": [ages]}).encode()
        scores = {"name": "p", "shape": shape, "datatype": "FP64", "data": [0.25] * self.n_rows}
        return json.dumps({"id": self.id, "outputs": [scores]}).encode()


def make_codec(wait: WaitLimits = WAIT) -> AdaptingCodec:
    """The codec of Open Inference messages for all layouts of the streams."""
    limits = Limits()
    canonical = JsonCodec([layout.schema for layout in LAYOUTS], limits)
    return AdaptingCodec(
        canonical, {"prediction": Stages(JsonDeserializer(), make_shape(FORMAT, "prediction"), wait)}, limits
    )


def make_log(rng: np.random.Generator, n: int) -> list[Sent]:
    """Halves of requests that come close together, far apart, in either order, twice, or never; times wander."""
    placed: list[tuple[float, Sent]] = []
    now = START_US
    for i in range(n):
        now += int(rng.integers(0, 90)) * SECOND_US
        sides = ["request", "response"] if rng.random() < 0.7 else ["response", "request"]
        kept = sides if rng.random() < 0.85 else sides[:1]
        for k, side in enumerate(kept):
            at = now + k * SECOND_US - int(rng.integers(0, 3)) * MINUTE_US * int(rng.random() < 0.1)
            n_rows = int(rng.integers(1, 3)) if rng.random() < 0.05 else 1 + i % 2
            gap = float(rng.choice([0.0, 0.5, 3.5, 30.5])) * k
            placed.append((i + gap, Sent(f"q{i}", side, at, n_rows)))
            if rng.random() < 0.1:
                placed.append((i + gap + float(rng.integers(0, 8)), Sent(f"q{i}", side, at, n_rows)))
    return [sent for _, sent in sorted(placed, key=lambda pair: pair[0])]


def batches(log: Sequence[Sent], cuts: Sequence[int], codec: AdaptingCodec, start: int = 0) -> Iterator[EventBatch]:
    """The log from an offset on, cut at these offsets."""
    edges = [start, *(cut for cut in sorted(set(cuts)) if start < cut < len(log)), len(log)]
    for low, high in pairwise(edges):
        if low == high:
            continue
        part = log[low:high]
        messages = Messages(
            topic=PREDICTIONS,
            partition=0,
            role="prediction",
            offsets=range(low, high),
            payloads=[sent.payload for sent in part],
            received_at=[sent.at for sent in part],
        )
        yield assemble(0, {PREDICTIONS: high}, [codec.decode(messages)], outcomes_behind=False)


Outcome = tuple[tuple[Fingerprint, bytes], set[tuple[int, str, str]]]


def count(store: JoinStore, log: Sequence[Sent], cuts: Sequence[int], codec: AdaptingCodec) -> Outcome:
    """Everything that is counted, and every dead letter by its place."""
    pipeline = PartitionPipeline(0, store, PLANS)
    letters = {
        (letter.offset, str(letter.reason), letter.detail)
        for batch in batches(log, cuts, codec)
        for letter in pipeline.process(batch)
    }
    return counted(pipeline), letters


def expected(log: Sequence[Sent], wait: WaitLimits) -> tuple[list[tuple[int, int]], dict[int, Reason], list[int]]:
    """Pairs by their places, refused halves by place, and who waits in the end: by the rules, one by one."""
    waiting: list[int] = []
    pairs, refused = [], {}
    for here, sent in enumerate(log):
        clock = max(one.at for one in log[: here + 1])
        for place in [place for place in waiting if log[place].at + wait.wait_us < clock]:
            waiting.remove(place)
            refused[place] = Reason.UNPAIRED
        met = next((place for place in waiting if log[place].id == sent.id), None)
        if met is None:
            waiting.append(here)
        elif log[met].side == sent.side:
            refused[here] = Reason.DUPLICATE
        else:
            waiting.remove(met)
            pairs.append((met, here))
        while len(waiting) > wait.most:
            refused[waiting.pop(0)] = Reason.UNPAIRED
    return pairs, refused, waiting


@pytest.mark.parametrize("seed", range(6))
def test_pairs_are_those_that_the_rules_name(seed: int) -> None:
    """Each pair is counted once, at its later half; each other half waits or is refused, as worked out one by one."""
    log = make_log(np.random.default_rng(seed), 150)
    pairs, refused, waiting = expected(log, WAIT)
    pipeline = PartitionPipeline(0, MemoryJoinStore(ROW_BYTES), PLANS)
    letters = [letter for batch in batches(log, [40, 90], make_codec()) for letter in pipeline.process(batch)]
    fit = [pair for pair in pairs if log[pair[0]].n_rows == log[pair[1]].n_rows]
    unfit = {later: Reason.UNPAIRED for earlier, later in pairs if (earlier, later) not in fit}
    first = {log[later].id: later for _, later in reversed(fit)}
    again = [later for _, later in fit if first[log[later].id] != later]
    rows_again = sorted(place for place in again for _ in range(log[place].n_rows))
    assert len(pairs) > 80
    assert {*refused.values()} == {Reason.UNPAIRED, Reason.DUPLICATE}
    wanted = [*(refused | unfit).items(), *((place, Reason.DUPLICATE) for place in rows_again)]
    assert sorted((letter.offset, str(letter.reason)) for letter in letters) == sorted((p, str(r)) for p, r in wanted)
    n_rows = sum(log[later].n_rows for _, later in fit) - len(rows_again)
    assert pipeline.tally.events["prediction", "accepted"] == n_rows
    assert pipeline.tally.n_halves_waiting == len(waiting)


@pytest.mark.parametrize("seed", range(8))
def test_any_cut_counts_the_same(seed: int) -> None:
    """However the log is cut into batches, panes, tallies and dead letters are the same, to the byte."""
    rng = np.random.default_rng(100 + seed)
    log, codec = make_log(rng, 120), make_codec()
    whole = count(MemoryJoinStore(ROW_BYTES), log, [], codec)
    one_by_one = count(MemoryJoinStore(ROW_BYTES), log, range(len(log)), codec)
    cut = count(MemoryJoinStore(ROW_BYTES), log, rng.integers(1, len(log), 20).tolist(), codec)
    assert whole == one_by_one
    assert whole == cut


def store_of(kind: str, path: Path) -> JoinStore:
    """A store of either kind."""
    return MemoryJoinStore(ROW_BYTES) if kind == "memory" else LmdbJoinStore.open(path, ROW_BYTES)


@pytest.mark.parametrize("kind", ["memory", "lmdb"])
@pytest.mark.parametrize("seed", range(5))
def test_any_crash_counts_the_same(kind: str, seed: int, tmp_path: Path) -> None:
    """A crash at any place, after checkpoints at any others, loses no half and counts none twice."""
    rng = np.random.default_rng(200 + seed)
    log, codec = make_log(rng, 120), make_codec()
    undisturbed, letters = count(MemoryJoinStore(ROW_BYTES), log, range(0, len(log), 7), codec)
    store = store_of(kind, tmp_path / "store")
    pipeline = PartitionPipeline(0, store, PLANS)
    seen: set[tuple[int, str, str]] = set()
    for _ in range(8):
        kept = rng.integers(0, 12)
        for number, batch in enumerate(
            batches(log, range(0, len(log), int(rng.integers(1, 9))), codec, pipeline.positions.get(PREDICTIONS, 0))
        ):
            seen |= {(letter.offset, str(letter.reason), letter.detail) for letter in pipeline.process(batch)}
            if rng.random() < 0.3:
                pipeline.checkpoint()
            if number >= kept:
                break
        store.rollback()  # what was not committed is gone, as after a crash
        pipeline = PartitionPipeline(0, store, PLANS)
    for batch in batches(log, [], codec, pipeline.positions.get(PREDICTIONS, 0)):
        seen |= {(letter.offset, str(letter.reason), letter.detail) for letter in pipeline.process(batch)}
    assert counted(pipeline) == undisturbed
    assert seen == letters
    store.close()


def test_waiting_halves_are_bounded_in_bytes() -> None:
    """Where the waiting halves take more than they may, the oldest go, and each says so."""
    codec = make_codec(replace(WAIT, most=10_000, most_bytes=2_000))
    log = [Sent(f"q{i}", "request", START_US) for i in range(50)]
    pipeline = PartitionPipeline(0, MemoryJoinStore(ROW_BYTES), PLANS)
    letters = [letter for batch in batches(log, [], codec) for letter in pipeline.process(batch)]
    assert [letter.offset for letter in letters] == list(range(len(letters)))
    assert {letter.detail for letter in letters} == {
        "its response did not come before too many others waited (pairs_waiting)"
    }
    assert pipeline.tally.n_halves_waiting == 50 - len(letters)
    assert pipeline.tally.n_halves_waiting * 300 < 2_000


def test_stored_halves_are_only_those_that_wait() -> None:
    """Halves that found each other leave nothing behind in the store."""
    store = MemoryJoinStore(ROW_BYTES)
    pipeline = PartitionPipeline(0, store, PLANS)
    log = [Sent("a", "request", START_US), Sent("b", "request", START_US), Sent("a", "response", START_US)]
    codec = make_codec()
    first, second = batches(log, [2], codec)
    pipeline.process(first)
    pipeline.checkpoint()
    assert len(store.state_names("half/")) == 2
    pipeline.process(second)
    pipeline.checkpoint()
    assert store.state_names("half/") == ["half/0000000000000001"]


def test_damaged_halves_are_named() -> None:
    """A stored half that cannot be read is an error that says how to go on."""
    store = MemoryJoinStore(ROW_BYTES)
    pipeline = PartitionPipeline(0, store, PLANS)
    for batch in batches([Sent("a", "request", START_US)], [], make_codec()):
        pipeline.process(batch)
    pipeline.checkpoint()
    store.put_state("half/0000000000000000", b"\xc1")
    with pytest.raises(CorruptArtifactError, match="partition 0: a waiting request or response cannot be read"):
        PartitionPipeline(0, store, PLANS)


def test_the_queue_forgets_pairs() -> None:
    """Many pairs within the waiting time leave no trace of themselves in memory."""
    codec = make_codec()
    log = [Sent(f"q{i}", side, START_US + i) for i in range(3_000) for side in ("request", "response")]
    pipeline = PartitionPipeline(0, MemoryJoinStore(ROW_BYTES), PLANS)
    for batch in batches(log, range(0, 6_000, 500), codec):
        pipeline.process(batch)
    halves = pipeline._halves
    assert (len(halves), len(halves._queue) < 1_100, halves._n_bytes) == (0, True, 0)


def test_refused_pairs_show_no_payload() -> None:
    """What is kept of a half is not the message, so no dead letter passes it off as one."""
    log = [
        Sent(id_, side, START_US, n_rows)
        for id_, n_response in (("a", 1), ("a", 1), ("b", 2))
        for side, n_rows in (("request", 1), ("response", n_response))
    ]
    pipeline = PartitionPipeline(0, MemoryJoinStore(ROW_BYTES), PLANS)
    letters = [letter for batch in batches(log, [], make_codec()) for letter in pipeline.process(batch)]
    assert [(one.offset, one.reason, one.payload) for one in letters] == [
        (5, Reason.UNPAIRED, None),
        (3, Reason.DUPLICATE, None),
    ]


def refused_by(log: Sequence[Sent], cuts: Sequence[int]) -> list[tuple[int, Reason]]:
    """The dead letters of a log, with a checkpoint and a crash after each batch."""
    store, codec = MemoryJoinStore(ROW_BYTES), make_codec()
    letters = []
    for batch in batches(log, cuts, codec):
        pipeline = PartitionPipeline(0, store, PLANS)
        letters += [(letter.offset, letter.reason) for letter in pipeline.process(batch)]
        pipeline.checkpoint()
        store.rollback()
    return letters


@pytest.mark.parametrize("cuts", [[], [1, 2, 3, 4]])
def test_an_id_that_comes_again_waits_for_its_own_time(cuts: list[int]) -> None:
    """A half of an id that was paired before waits as long as any other, counted from its own time."""
    log = [
        Sent("a", "request", START_US),
        Sent("a", "response", START_US),
        Sent("a", "request", START_US + 9 * MINUTE_US),
        Sent("b", "request", START_US + 11 * MINUTE_US),
        Sent("b", "response", START_US + 20 * MINUTE_US),
    ]
    assert refused_by(log, cuts) == [(2, Reason.UNPAIRED)]
    assert refused_by(log[:4], cuts) == []


@pytest.mark.parametrize("cuts", [[], [1, 2]])
def test_the_clock_of_halves_outlives_a_crash(cuts: list[int]) -> None:
    """A half that came too late is let go at the next one, even if that one is old too and a crash lies between."""
    log = [
        Sent("z", "request", START_US + 11 * MINUTE_US),
        Sent("a", "request", START_US),
        Sent("b", "request", START_US + 2 * MINUTE_US),
    ]
    assert refused_by(log, cuts) == [(1, Reason.UNPAIRED)]
