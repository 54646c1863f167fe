"""Streams of colliding predictions and outcomes, as events for the oracle and as batches for the pipeline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sentinel.events.batch import I64, Backfills, EventBatch, Origin, Outcomes, Predictions, Recomputed
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.summaries.algebra import Summary
from sentinel.summaries.backfilled import note_backfill, recomputed_bins
from sentinel.summaries.checks import check_predictions
from sentinel.summaries.panes import PaneSeries
from sentinel.summaries.rows import JOINED, bin_predictions, row_dtype
from tests.support.join_oracle import Event, Happened, JoinOracle, Key, Predicted, Recounted, Rules
from tests.support.layouts import (
    HOUR_US,
    START_US,
    checked_layout,
    draw_predictions,
    small_layout,
    with_feature_times,
)

MINUTE_US = HOUR_US // 60
PREDICTIONS, OUTCOMES = "predictions", "outcomes"
LAYOUTS = (
    checked_layout(),
    small_layout(version="8", threshold=0.3),
    small_layout(model="fraud", version="1", features=(), slices=(), n_buckets=4),
)
PLANS = (
    ModelPlan(LAYOUTS[0], 10 * HOUR_US, max_panes=8),
    ModelPlan(LAYOUTS[1], 5 * HOUR_US, max_panes=8),
    ModelPlan(LAYOUTS[2], 20 * HOUR_US, absence="negative", max_panes=8),
)
KEYS = [plan.key for plan in PLANS]
RULES = {plan.key: Rules(plan.horizon_us, plan.keep_us, plan.absence) for plan in PLANS}
ROW_BYTES = max(row_dtype(layout).itemsize for layout in LAYOUTS) + 5
N_POOL = 64
POOL = {
    plan.key: with_feature_times(
        draw_predictions(plan.layout, np.random.default_rng(20_241_126 + i), N_POOL), np.random.default_rng(i)
    )
    for i, plan in enumerate(PLANS)
}
"""What predictions look like: event ``row`` r has the features and score of pool row r modulo its size."""
GIVEN = {
    plan.key: np.concatenate([np.ones((1, N_POOL), bool), np.random.default_rng(i).random((3, N_POOL)) < 0.5])
    for i, plan in enumerate(PLANS)
}
"""What backfills name: event ``row`` r gives column c of version ``key`` where ``GIVEN[key][c, r % N_POOL]`` holds."""

Split = Sequence[Sequence[Event]]


def chaos(rng: np.random.Generator, n: int) -> list[Event]:
    """Events on few ids whose times wander and jump: repeats, reuse, and delays of every sort."""
    events: list[Event] = []
    ahead: defaultdict[tuple[str, int], int] = defaultdict(int)
    now = START_US
    for row in range(n):
        now += int(rng.integers(0, 40)) * MINUTE_US + (rng.random() < 0.03) * 30 * HOUR_US
        key = KEYS[rng.integers(len(KEYS))]
        slot = key[0], int(rng.integers(8))
        at = now + int(rng.normal(0.0, 4.0) * HOUR_US)
        if rng.random() < 0.5:
            events.append(Predicted(key, slot[1], at, row))
            ahead[slot] = 0
        elif ahead[slot] < 2:  # more than two ahead of a prediction are not exact
            events.append(Happened(slot[0], slot[1], at, int(rng.random() < 0.4)))
            ahead[slot] += 1
    return events


def orderly(rng: np.random.Generator, n: int) -> list[Event]:
    """A stream as producers send it: disorder and lateness well within the time that predictions are kept."""
    events: list[Event] = []
    recent: list[Predicted] = []
    now = START_US
    for row in range(n):
        now += int(rng.integers(0, 10)) * MINUTE_US + int(rng.integers(0, MINUTE_US))
        recent = [p for p in recent if now - p.at < 2 * HOUR_US]
        choice = rng.random()
        if choice < 0.45 or not recent:
            key = KEYS[rng.integers(len(KEYS))]
            id_ = row % 1_000  # taken again when its first prediction is long gone
            event = Predicted(key, id_, now - int(rng.integers(0, 30)) * MINUTE_US, row)
            if rng.random() < 0.05:
                event = replace(event, at=event.at - 40 * HOUR_US)
            elif not any(p.key[0] == key[0] and p.id == id_ for p in recent):
                recent.append(event)
            if (
                event.at > now - HOUR_US and rng.random() < 0.1
            ):  # read ahead of its prediction, now and then too late by its time
                events.append(Happened(key[0], id_, event.at + int(rng.integers(-1, 30)) * HOUR_US, 1))
            events.append(event)
        elif choice < 0.5:
            events.append(replace(recent[rng.integers(len(recent))], row=row, at=now))
        elif choice < 0.55:
            events.append(Happened("churn", 1_000 + row, now, 1))
        else:
            one = recent[rng.integers(len(recent))]
            late = rng.random() < 0.1
            delay_us = int(rng.integers(-5, 110)) * MINUTE_US + late * 25 * HOUR_US
            events.append(Happened(one.key[0], one.id, one.at + delay_us, int(rng.random() < 0.4)))
    return events


def unhurried(rng: np.random.Generator, n: int) -> list[Event]:
    """Events within an hour of prediction time, so that nothing expires; at most two outcomes an id, some late."""
    events: list[Event] = []
    for row in range(n):
        at = START_US + int(rng.integers(0, HOUR_US))
        events.append(Predicted(KEYS[rng.integers(len(KEYS))], int(rng.integers(n // 2)), at, row))
    for model in ("churn", "fraud"):
        for id_ in range(n // 2):
            for _ in range(rng.integers(0, 3)):
                at = START_US + int(rng.integers(-HOUR_US, 24 * HOUR_US))
                events.append(Happened(model, id_, at, int(rng.random() < 0.5)))
    return [events[i] for i in rng.permutation(len(events))]


def recounted(rng: np.random.Generator, events: Sequence[Event]) -> list[Event]:
    """The events with a backfill for every second prediction: before it, after it, or much later; now and then two.

    The fraud model has no features, so nothing of it can be recomputed.
    """
    placed: list[tuple[float, Event]] = [(float(at), event) for at, event in enumerate(events)]
    newest = START_US
    for at, event in enumerate(events):
        newest = max(newest, event.at)
        while isinstance(event, Predicted) and event.key[0] == "churn" and rng.random() < 0.5:
            received_at = newest + int(rng.integers(0, HOUR_US))
            backfill = Recounted("churn", event.id, received_at, int(rng.integers(1_000)))
            placed.append((at + float(rng.choice([-2.5, 0.5, 9.5])), backfill))
    return [event for _, event in sorted(placed, key=lambda pair: pair[0])]


def interleaved(rng: np.random.Generator, events: Sequence[Event]) -> list[Event]:
    """Another order of the events that keeps the order of each topic."""
    topics = [[e for e in events if isinstance(e, kind)] for kind in (Predicted, Happened | Recounted)]
    turns = rng.permutation(np.repeat([0, 1], [len(topic) for topic in topics]))
    return [topics[turn].pop(0) for turn in turns.tolist()]


def split(rng: np.random.Generator, events: Sequence[Event], largest: int) -> Split:
    """Cut the events into batches of one to ``largest``."""
    batches, start = [], 0
    while start < len(events):
        stop = start + int(rng.integers(1, largest + 1))
        batches.append(events[start:stop])
        start = stop
    return batches


def one_by_one(events: Sequence[Event]) -> Split:
    """Each event a batch."""
    return [[event] for event in events]


def batches(parts: Split, skip: int = 0) -> Iterator[EventBatch]:
    """The events as a source delivers them; the first ``skip`` batches are passed over."""
    next_: dict[str, int] = {PREDICTIONS: 0, OUTCOMES: 0}
    for number, part in enumerate(parts):
        batch = batch_of(part, next_)
        next_ |= batch.positions
        if number >= skip:
            yield batch


def batch_of(part: Sequence[Event], next_: Mapping[str, int], partition: int = 0) -> EventBatch:
    """One batch of these events, whose offsets go on from ``next_``."""
    predicted: defaultdict[Key, list[tuple[int, Predicted]]] = defaultdict(list)
    happened: defaultdict[str, list[tuple[int, Happened]]] = defaultdict(list)
    recounted: defaultdict[str, list[tuple[int, Recounted]]] = defaultdict(list)
    positions: dict[str, int] = {}
    for event in part:
        topic = PREDICTIONS if isinstance(event, Predicted) else OUTCOMES
        offset = positions.get(topic, next_.get(topic, 0))
        positions[topic] = offset + 1
        if isinstance(event, Predicted):
            predicted[event.key].append((offset, event))
        elif isinstance(event, Recounted):
            recounted[event.model].append((offset, event))
        else:
            happened[event.model].append((offset, event))
    return EventBatch(
        partition,
        positions,
        tuple(_predictions(key, some) for key, some in predicted.items()),
        tuple(_outcomes(model, some) for model, some in happened.items()),
        backfills=tuple(_backfills(model, some) for model, some in recounted.items()),
    )


def _id(model: str, id_: int) -> int:
    return id_ + (1 << 40 if model == "fraud" else 0)


def _predictions(key: Key, some: Sequence[tuple[int, Predicted]]) -> Predictions:
    pool, at = POOL[key], np.array([event.row % N_POOL for _, event in some])
    return replace(
        pool,
        keys=np.array([_id(key[0], event.id) for _, event in some], np.uint64),
        predicted_at=np.array([event.at for _, event in some], np.int64),
        scores=pool.scores[at],
        groups=pool.groups[at],
        numeric=pool.numeric[:, at],
        categorical=pool.categorical[:, at],
        invalid=None if pool.invalid is None else pool.invalid[:, at],
        feature_times=None if pool.feature_times is None else pool.feature_times.take(at),
        origin=_origin(PREDICTIONS, [offset for offset, _ in some], [event.row for _, event in some]),
    )


def _outcomes(model: str, some: Sequence[tuple[int, Happened]]) -> Outcomes:
    return Outcomes(
        model,
        np.array([_id(model, event.id) for _, event in some], np.uint64),
        np.array([event.at for _, event in some], np.int64),
        np.array([event.value for _, event in some], np.float64),
        _origin(OUTCOMES, [offset for offset, _ in some], [0] * len(some)),
    )


def _backfills(model: str, some: Sequence[tuple[int, Recounted]]) -> Backfills:
    at = np.array([event.row % N_POOL for _, event in some])
    return Backfills(
        model,
        np.array([_id(model, event.id) for _, event in some], np.uint64),
        np.array([event.at for _, event in some], np.int64),
        tuple(_recomputed(plan, at) for plan in PLANS if plan.key[0] == model),
        _origin(OUTCOMES, [offset for offset, _ in some], [0] * len(some)),
    )


def _recomputed(plan: ModelPlan, at: I64) -> Recomputed:
    pool = POOL[plan.key]
    invalid = None if pool.invalid is None else pool.invalid[:, at]
    return Recomputed(plan.layout.schema, GIVEN[plan.key][:, at], pool.numeric[:, at], pool.categorical[:, at], invalid)


def _origin(topic: str, offsets: list[int], rows: list[int]) -> Origin:
    return Origin(topic, 0, np.array(offsets, np.int64), [str(row).encode() for row in rows])


Fingerprint = dict[tuple[str, str, int], bytes]


def fingerprint(series: Iterable[PaneSeries]) -> Fingerprint:
    """Every pane's bytes, by model, version and start; the width stands in start -1."""
    found: Fingerprint = {}
    for one in series:
        found[one.layout.model, one.layout.version, -1] = str(one.width_us).encode()
        for start, pane in one.panes:
            found[one.layout.model, one.layout.version, start] = pane.to_bytes()
    return found


def counted(pipeline: PartitionPipeline) -> tuple[Fingerprint, bytes]:
    """Everything that a partition has counted, as bytes."""
    return fingerprint(pipeline.publish().values()), pipeline.tally.to_bytes()


def expected(oracle: JoinOracle, plans: Sequence[ModelPlan] = PLANS) -> Fingerprint:
    """The panes that hold what the oracle says, each event counted by itself."""
    found: Fingerprint = {}
    for plan in plans:
        counts = [p for p in oracle.predictions if p.key == plan.key]
        width_us = plan.pane_width_us
        while len({p.at // width_us for p in counts}) > plan.max_panes:
            width_us *= 2
        panes: defaultdict[int, Summary] = defaultdict(lambda layout=plan.layout: Summary.zero(layout))  # type: ignore[misc]
        rows = {}
        for p in counts:
            rows[p.row] = bin_predictions(plan.layout, _predictions(p.key, [(0, p)]))
            panes[p.at - p.at % width_us].observe_predictions(rows[p.row])
            checked = check_predictions(plan.layout, _predictions(p.key, [(0, p)]))
            if checked is not None:
                panes[p.at - p.at % width_us].observe_checks(checked)
        for waiting in oracle.backfilled():
            p = waiting.prediction
            if p.key == plan.key:
                for event in waiting.backfills:
                    recomputed = _recomputed(plan, np.array([event.row % N_POOL]))
                    note_backfill(plan.layout, rows[p.row], *recomputed_bins(plan.layout, recomputed))
                panes[p.at - p.at % width_us].observe_backfills(rows[p.row])
        for p, value, at in oracle.offline_rows():
            if p.key == plan.key:
                row = rows[p.row]
                row["state"], row["outcome"], row["outcome_at"] = JOINED, value, at
                panes[p.at - p.at % width_us].observe_outcomes(row)
        found[*plan.key, -1] = str(width_us).encode()
        found |= {(*plan.key, start): pane.to_bytes() for start, pane in panes.items()}
    return found
