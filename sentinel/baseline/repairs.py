"""The offline AUC with one leak taken out, where the rows or the model itself can tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sentinel.audit.engine import Tell
from sentinel.audit.estimates.rescoring import one_value
from sentinel.audit.files.reading import TableFile
from sentinel.baseline.evidence import RepairedEstimate
from sentinel.errors import BaselineError
from sentinel.events.batch import I64, Bool
from sentinel.events.codecs.arrow import OfflineRows
from sentinel.events.codecs.rules import right_scores
from sentinel.events.schema import Task
from sentinel.stats.estimate import NotEnough
from sentinel.stats.reweighted import Corrected, rescored_auc, reweighted_auc
from sentinel.summaries.layout import Layout

Rescore = Callable[[pd.DataFrame], npt.ArrayLike]
"""The model: rows of the validation file in, one score in [0, 1] for each out."""

TIME_OVERLAP: Final = "time_overlap"
COPIES: Final = "copies"
FEATURE_PREFIX: Final = "feature:"

Decode = Callable[[pa.Table, int], OfflineRows | None]


def without_time_overlap(outcomes: npt.NDArray[Any], later: npt.NDArray[Any]) -> RepairedEstimate:
    """Keep only the rows after the last training row.

    Parameters
    ----------
    outcomes, later : int64 array, shape (n_score_bins, 2)
        Score bin by outcome of all rows, and of these rows.
    """
    return _of_part(TIME_OVERLAP, "temporal_leakage", outcomes, later)


def without_copies(outcomes: npt.NDArray[Any], originals: npt.NDArray[Any]) -> RepairedEstimate:
    """Keep only the rows that are no copy of a training row, by inputs and time: live traffic has none.

    Where inputs are coarse, most rows are seen on both sides, and only the time tells a copy.

    Parameters
    ----------
    outcomes, originals : int64 array, shape (n_score_bins, 2)
        Score bin by outcome of all rows, and of these rows.
    """
    return _of_part(COPIES, "duplicate_leakage", outcomes, originals)


def _of_part(name: str, cause: str, outcomes: npt.NDArray[Any], kept: npt.NDArray[Any]) -> RepairedEstimate:
    cells = np.stack([kept, outcomes - kept])
    return _estimate(name, cause, reweighted_auc(cells[:, :, 1], cells[:, :, 0], np.array([1.0, 0.0])))


def at_serving_defaults(
    file: TableFile,
    layout: Layout,
    decode: Decode,
    rescore: Rescore,
    defaults: Mapping[str, Any],
    tell: Tell,
) -> tuple[RepairedEstimate, ...]:
    """Score the validation rows again with each feature at the value that it has when served.

    Parameters
    ----------
    file : TableFile
    layout : Layout
    decode : callable
        Reads a table and the number of its first row as the counting pass does.
    rescore : callable
        The model.
    defaults : mapping of feature to value
    tell : callable
        Told (rows done, rows in all, name of the phase).

    Raises
    ------
    BaselineError
        If the model fails, or returns anything but one probability a row; or if a feature is not in the file.
    """
    for name in defaults:
        if name not in file.schema.names:
            raise BaselineError(f"{file.path}: serving_defaults names {name!r}, which is no column of this file")
    n_bins = layout.n_score_bins
    joint = {name: np.zeros((n_bins, n_bins, 2), np.int64) for name in defaults}
    n_done = 0
    for table in file.batches(file.schema.names):
        offline = decode(table, n_done)
        if offline is not None and offline.known.any():
            at = offline.predictions.origin.offsets - n_done
            for name, value in defaults.items():
                scores = _scores(rescore, table, name, value, layout.task)[at]
                _count(joint[name], layout, offline, scores)
        n_done += table.num_rows
        tell(n_done, file.n_rows, "scoring again")
    return tuple(
        _estimate(f"{FEATURE_PREFIX}{name}", "target_leakage", rescored_auc(cells[..., 1], cells[..., 0]))
        for name, cells in sorted(joint.items())
    )


def _count(joint: npt.NDArray[np.int64], layout: Layout, offline: OfflineRows, scores: npt.NDArray[np.float64]) -> None:
    known: Bool = offline.known
    before, after = (
        np.searchsorted(layout.edges_array, values[known], side="right")
        for values in (offline.predictions.scores, scores)
    )
    outcomes: I64 = offline.outcomes[known].astype(np.int64)
    np.add.at(joint, (before, after, outcomes), 1)


def _scores(rescore: Rescore, table: pa.Table, name: str, value: object, task: Task) -> npt.NDArray[np.float64]:
    frame = table.to_pandas()
    frame[name] = one_value(frame[name], value)
    try:
        scores = np.asarray(rescore(frame), np.float64)
    except Exception as error:  # the model is foreign code: whatever it raises, the build ends with one sentence
        raise BaselineError(f"the model cannot score the rows with {name} at {value!r:.40}: {error!r:.200}") from error
    if scores.shape != (len(frame),):
        raise BaselineError(f"the model returned an array of shape {scores.shape} for {len(frame)} rows")
    if not right_scores(task, scores).all():
        wrong = "no numbers" if task == "regression" else "scores outside [0, 1]"
        raise BaselineError(f"the model returned {wrong} with {name} at {value!r:.40}")
    return scores


def _estimate(name: str, cause: str, found: Corrected | NotEnough) -> RepairedEstimate:
    if isinstance(found, NotEnough):
        return RepairedEstimate(
            name=name,
            cause=cause,
            value=None,
            variance=None,
            covariance=None,
            n=found.n,
            n_positive=0,
            reason=found.reason,
            needed=found.needed,
        )
    one = found.estimate
    return RepairedEstimate(
        name=name,
        cause=cause,
        value=one.value,
        variance=one.variance,
        covariance=found.covariance,
        n=one.n,
        n_positive=one.n_positive or 0,
    )
