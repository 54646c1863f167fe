"""The first and last prediction time, and which features ever carried a value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, Arrays, ArraySpec, Reducer, SummaryKind
from sentinel.summaries.layout import BIN_MISSING, Layout
from sentinel.summaries.rows import Rows


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {
        "first_predicted_at": ArraySpec((1,), Reducer.MIN),
        "last_predicted_at": ArraySpec((1,), Reducer.MAX),
        "present": ArraySpec((len(layout.features),), Reducer.OR, "|u1"),
    }


def _on_predictions(layout: Layout, arrays: Arrays, rows: Rows) -> None:
    if not len(rows):
        return
    np.minimum(arrays["first_predicted_at"], rows["predicted_at"].min(), out=arrays["first_predicted_at"])
    np.maximum(arrays["last_predicted_at"], rows["predicted_at"].max(), out=arrays["last_predicted_at"])
    arrays["present"] |= (rows["features"] != BIN_MISSING).any(axis=0).astype(np.uint8)


KIND = SummaryKind(
    "extent",
    EVERY_TASK,
    _arrays,
    on_predictions=_on_predictions,
)
