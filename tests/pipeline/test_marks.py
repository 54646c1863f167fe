"""Marks on the way: the same rows are marked and counted alike offline, from a file, and from messages."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentinel.app.models import row_bytes, watch
from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.config import Model
from sentinel.events.batch import EventBatch, Predictions
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.summaries.algebra import Summary
from sentinel.summaries.trained import SEEN_ENTITY, SEEN_ROW, n_marked
from tests.baseline.frames import scored_rows, write
from tests.events.canonical import decode

MODEL = Model(name="churn", version="7", slices=["plan"])
COUNTS = ("marks", "overlap_outcomes")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Validation rows; a third of them will be training rows too."""
    return scored_rows(1_200)


@pytest.fixture(scope="module")
def baseline(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """Built from these rows, with a third of them in training."""
    folder = tmp_path_factory.mktemp("marks")
    train = pd.concat([frame.iloc[:400], scored_rows(800, seed=9)]).drop(columns="score")
    return build_baseline(MODEL, write(frame, folder / "v.parquet"), write(train, folder / "t.parquet"), now_us=0)


def _counted(baseline: Baseline, *batches: EventBatch) -> Summary:
    model = watch(MODEL, baseline)
    pipeline = PartitionPipeline(0, MemoryJoinStore(row_bytes({model.key: model})), [model.plan])
    for batch in batches:
        pipeline.process(batch)
    return pipeline.publish()[model.key].total()


def test_a_replayed_validation_file_counts_the_marks_of_the_baseline(frame: pd.DataFrame, baseline: Baseline) -> None:
    """The pipeline on the very rows that the baseline was built from gives its counts of what training has seen."""
    codec = ArrowCodec(baseline.layout.schema, MODEL.columns)
    batches = []
    for start in range(0, len(frame), 250):
        table = pa.Table.from_pandas(frame.iloc[start : start + 250])
        predictions, _ = codec.predictions(table, topic="p", first_offset=start)
        outcomes, _ = codec.outcomes(table, topic="o", first_offset=start)
        assert predictions is not None
        assert outcomes is not None
        batches.append(EventBatch(0, {"p": start + 250, "o": start + 250}, (predictions,), (outcomes,)))
    counted = _counted(baseline, *batches)
    for name in COUNTS:
        np.testing.assert_array_equal(counted[name], baseline.summary[name])
    assert n_marked(counted["marks"], SEEN_ROW) == baseline.meta.n_row_overlap
    assert n_marked(counted["marks"], SEEN_ENTITY) == baseline.meta.n_entity_overlap
    assert baseline.meta.n_row_overlap is not None
    assert 400 <= baseline.meta.n_row_overlap <= 430  # 800 strangers, .8 % claimed by chance: 6 +- 3


def test_messages_are_marked_like_files(frame: pd.DataFrame, baseline: Baseline) -> None:
    """The same rows as JSON text have the marks that they have as Arrow columns."""
    codec = ArrowCodec(baseline.layout.schema, MODEL.columns)
    table, _ = codec.predictions(pa.Table.from_pandas(frame))
    assert table is not None
    marks = watch(MODEL, baseline).plan.trained_on.marks
    np.testing.assert_array_equal(marks(_from_json(frame, baseline)), marks(table))


def _from_json(frame: pd.DataFrame, baseline: Baseline) -> Predictions:
    names = [column.name for column in baseline.layout.schema.columns]
    payloads = [
        json.dumps(
            {
                "kind": "prediction",
                "model": "churn",
                "version": "7",
                "prediction_id": row["prediction_id"],
                "predicted_at": row["predicted_at"].isoformat(),
                "score": row["score"],
                "group": row["group"],
                "features": {name: None if pd.isna(row[name]) else row[name] for name in names},
            }
        ).encode()
        for row in frame.to_dict("records")
    ]
    (found,) = decode(*payloads, schemas=(baseline.layout.schema,)).predictions
    return found
