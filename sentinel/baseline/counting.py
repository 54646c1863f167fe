"""The second pass over the validation rows: the counts, and what else speaks of the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa

from sentinel.audit.engine import Engine, LocalEngine, Tell
from sentinel.audit.files.reading import TableFile
from sentinel.baseline.encodings import Encodings
from sentinel.baseline.sampling import RepeatedKeys
from sentinel.baseline.static import StaticTally
from sentinel.baseline.training import Training
from sentinel.config.columns import Columns
from sentinel.config.model import Model
from sentinel.events.batch import I64, DeadLetter
from sentinel.events.codecs.arrow import ArrowCodec, OfflineRows, file_limits
from sentinel.events.codecs.arrow_columns import class_columns
from sentinel.summaries.algebra import Summary
from sentinel.summaries.checks import check_predictions
from sentinel.summaries.fingerprints import mix, row_fingerprints
from sentinel.summaries.layout import Layout
from sentinel.summaries.outcome import with_outcomes
from sentinel.summaries.rows import Rows, bin_predictions
from sentinel.summaries.view import outcome_bits

_SAMPLED_IDS = 1 << 15


@dataclass(slots=True)
class Counted:
    """What the pass adds up."""

    summary: Summary
    static: StaticTally
    n_rejected: Counter[str] = field(default_factory=Counter)
    repeated: RepeatedKeys = field(default_factory=lambda: RepeatedKeys(_SAMPLED_IDS))
    repeated_inputs: RepeatedKeys = field(default_factory=lambda: RepeatedKeys(_SAMPLED_IDS))
    max_delay_us: int | None = None

    def merge(self, other: Counted) -> None:
        """Take in other rows."""
        self.summary.merge(other.summary)
        self.static.merge(other.static)
        self.n_rejected.update(other.n_rejected)
        self.repeated.merge(other.repeated)
        self.repeated_inputs.merge(other.repeated_inputs)
        if other.max_delay_us is not None:
            self.delayed(other.max_delay_us)

    def delayed(self, delay_us: int) -> None:
        """An outcome came that late."""
        self.max_delay_us = delay_us if self.max_delay_us is None else max(self.max_delay_us, delay_us)


def count_validation(
    file: TableFile,
    layout: Layout,
    model: Model,
    trained: Training,
    manifest: Mapping[str, Any],
    tell: Tell,
    encodings: Encodings,
    engine: Engine | None = None,
) -> Counted:
    """Read the validation rows.

    Parameters
    ----------
    file : TableFile
    layout : Layout
    model : Model
    trained : Training
        What the rows are held against.
    manifest : mapping
    tell : callable
    encodings : Encodings
        Takes in the rows, too.
    engine : Engine, optional
        Who reads the file: this process by default.
    """
    columns = model.columns
    inputs = {column.name for column in layout.schema.columns}
    classes = class_columns(file.schema, columns.scores) if model.task == "multiclass" else {}
    roles = {*columns.roles(model.task).values(), *classes.values()}
    wanted = [name for name in file.schema.names if name in inputs or name in roles]
    later, originals = (np.zeros((layout.n_score_bins, 2), np.int64) for _ in range(2))
    # What the training rows left in the encodings is not shown to copies, which would bring it back once each.
    static = StaticTally(trained, manifest, later, originals, encodings=encodings.empty())
    counter = _Counter(layout, model, trained, Counted(Summary.zero(layout), static))
    (engine or LocalEngine()).run(file, wanted, counter, tell, "counting")
    encodings.merge(static.encodings)
    static.encodings = encodings
    return counter.result


class _Counter:
    """Counts tables as the pipeline counts events."""

    def __init__(self, layout: Layout, model: Model, trained: Training, result: Counted) -> None:
        self._layout = layout
        self._model = model
        self._trained = trained
        self._codec = ArrowCodec(layout.schema, model.columns, file_limits(trained.hash_key))
        self.result = result

    def add(self, table: pa.Table, numbers: I64) -> None:
        """Count one table."""
        if not len(numbers):
            return
        offline, refused = read_offline_rows(self._codec, self._layout, self._model, table, int(numbers[0]))
        self.result.n_rejected.update(_reasons(refused))
        if offline is not None:
            rows = _add(self.result, self._layout, offline, self._trained)
            self.result.static.add(answered(self._layout, offline, rows), rows, table)
            _compare(self.result, offline, self._trained)

    def merge(self, other: Self) -> None:
        """Take in what a copy counted."""
        self.result.merge(other.result)


def read_offline_rows(
    codec: ArrowCodec, layout: Layout, model: Model, table: pa.Table, first_offset: int
) -> tuple[OfflineRows | None, list[DeadLetter]]:
    """Decode rows with their outcomes, and say which are refused."""
    offline, refused = codec.offline_rows(_with_outcome_times(table, model.columns), first_offset=first_offset)
    if offline is not None and model.outcome.absence == "negative":
        offline = _silence_is_negative(offline, layout.maturity_us)
    return offline, refused


def answered(layout: Layout, offline: OfflineRows, rows: Rows) -> OfflineRows:
    """The same rows with the answers to the task's question of yes or no in the place of their outcomes."""
    if layout.task == "binary":
        return offline
    values = np.where(offline.known, offline.outcomes, 0.0)
    asked = with_outcomes(layout, rows, values, offline.outcome_at, offline.relevances)
    answers = outcome_bits(layout, asked).astype(np.float64)
    return replace(offline, outcomes=np.where(offline.known, answers, np.nan))


def _silence_is_negative(offline: OfflineRows, maturity_us: int) -> OfflineRows:
    """Every row without an outcome as a negative, known at the maturity: offline, all positives have come."""
    settled_at = offline.predictions.predicted_at + maturity_us
    known = offline.known
    return replace(
        offline,
        known=np.ones_like(known),
        outcomes=np.where(known, offline.outcomes, 0.0),
        outcome_at=np.where(known, offline.outcome_at, settled_at),
    )


def _with_outcome_times(table: pa.Table, columns: Columns) -> pa.Table:
    """Let an outcome without a time stand at its prediction: offline, all outcomes are known."""
    if columns.outcome_at in table.schema.names:
        return table
    return table.append_column(columns.outcome_at, table.column(columns.predicted_at))


def _reasons(refused: list[DeadLetter]) -> Counter[str]:
    return Counter(letter.reason.value for letter in refused)


def _add(result: Counted, layout: Layout, offline: OfflineRows, trained: Training) -> Rows:
    """Count as the pipeline does: predictions first, then those whose outcome is known."""
    rows = bin_predictions(layout, offline.predictions, trained_on=trained.trained_on)
    result.summary.observe_predictions(rows)
    checked = check_predictions(layout, offline.predictions)
    if checked is not None:
        result.summary.observe_checks(checked)
    known = offline.known
    graded = None if offline.relevances is None else offline.relevances[known]
    joined = with_outcomes(
        layout, rows if known.all() else rows[known], offline.outcomes[known], offline.outcome_at[known], graded
    )
    result.summary.observe_outcomes(joined)
    if len(joined):
        delay = int((joined["outcome_at"] - joined["predicted_at"]).max())
        result.delayed(delay)
    return rows


def _compare(result: Counted, offline: OfflineRows, trained: Training) -> None:
    predictions = offline.predictions
    outcomes = np.where(offline.known, offline.outcomes, -1.0)
    moments = predictions.predicted_at.view(np.uint64)
    content = mix(mix(moments ^ predictions.scores.view(np.uint64)) ^ outcomes.view(np.uint64))
    result.repeated.add(predictions.keys, content)
    if trained.rows is not None:
        inputs = row_fingerprints(predictions)
        result.repeated_inputs.add(inputs, inputs)
