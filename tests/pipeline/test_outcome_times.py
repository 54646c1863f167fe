"""When outcomes came: corrections move every count, late ones move none, and how far reading stands is remembered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.summaries.algebra import Summary
from tests.pipeline import streams
from tests.pipeline.streams import KEYS, LAYOUTS, PLANS, ROW_BYTES
from tests.support.join_oracle import Event, Happened, Predicted
from tests.support.layouts import HOUR_US, START_US

CHURN, FRAUD = KEYS[0], KEYS[2]
SHORT_US, LONG_US = LAYOUTS[0].twin_horizons_us
"""One hour and three; the outcome horizon of churn is ten."""


def after(events: Sequence[Event], store: MemoryJoinStore | None = None) -> PartitionPipeline:
    """A partition that has seen these events, each in a batch of its own."""
    pipeline = PartitionPipeline(0, MemoryJoinStore(ROW_BYTES) if store is None else store, PLANS)
    for batch in streams.batches(streams.one_by_one(events)):
        pipeline.process(batch)
    return pipeline


def churn(pipeline: PartitionPipeline) -> Summary:
    """All that was counted of churn."""
    return pipeline.publish()[CHURN].total()


PREDICTED = Predicted(CHURN, 1, START_US, 0)


def test_correction_moves_twins_delays_and_every_kind() -> None:
    """A positive after half an hour, corrected to a negative at two hours, leaves what the negative alone leaves."""
    first = Happened("churn", 1, START_US + HOUR_US // 2, 1)
    second = Happened("churn", 1, START_US + 2 * HOUR_US, 0)
    corrected, alone = after([PREDICTED, first, second]), after([PREDICTED, second])
    assert churn(corrected) == churn(alone)
    assert churn(corrected)["twins"].sum(axis=1).tolist() == [[0, 0], [1, 0]]
    assert corrected.tally.events["outcome", "corrected"] == 1


def test_outcome_after_its_horizon_is_late_and_counts_nowhere() -> None:
    """Known a microsecond after the horizon, an outcome is tallied as late and no count changes."""
    late = after([PREDICTED, Happened("churn", 1, START_US + PLANS[0].horizon_us + 1, 1)])
    assert churn(late) == churn(after([PREDICTED]))
    assert late.tally.events["outcome", "late"] == 1
    on_time = after([PREDICTED, Happened("churn", 1, START_US + PLANS[0].horizon_us, 1)])
    assert churn(on_time).n_outcomes == 1


def test_assumed_negative_is_in_no_twin() -> None:
    """Silence becomes a negative at expiry, older than any twin's age, so twins hold what came and nothing else."""
    keep_us = PLANS[2].keep_us
    events = [Predicted(FRAUD, 1, START_US, 0), Predicted(FRAUD, 2, START_US + keep_us + HOUR_US, 1)]
    total = after(events).publish()[FRAUD].total()
    assert total["outcomes"].sum(axis=0).tolist() == [1, 0]
    assert total["twins"].sum() == 0


def test_how_far_reading_stands_survives_a_restart() -> None:
    """Expiry and the latest outcome that counted are part of the checkpoint."""
    store = MemoryJoinStore(ROW_BYTES)
    outcomes = [Happened("churn", 1, START_US + 2 * HOUR_US, 1), Happened("churn", 9, START_US + 90 * HOUR_US, 1)]
    pipeline = after([PREDICTED, *outcomes], store)
    assert pipeline.expired_until == START_US
    assert pipeline.joined_until == START_US + 2 * HOUR_US  # the other has no prediction: it may be anything
    pipeline.checkpoint()
    again = PartitionPipeline(0, store, PLANS)
    assert (again.expired_until, again.joined_until) == (pipeline.expired_until, pipeline.joined_until)


def test_unread_outcomes_hold_the_view_back() -> None:
    """While outcomes are behind predictions, event time goes on and what has been read until does not."""
    pipeline = after([PREDICTED])
    (batch,) = streams.batches([[Predicted(CHURN, 2, START_US + 5 * HOUR_US, 1)]])
    behind = type(batch)(batch.partition, {"predictions": 2}, batch.predictions, outcomes_behind=True)
    pipeline.process(behind)
    assert pipeline.watermark == START_US + 5 * HOUR_US
    assert pipeline.expired_until == START_US
    assert np.array_equal(churn(pipeline)["twins"], np.zeros((2, LAYOUTS[0].n_score_bins, 2)))
