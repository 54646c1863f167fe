"""The columns that one micro-batch of decoded events travels in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sentinel.events.schema import EventSchema

if TYPE_CHECKING:
    from sentinel.events.halves import Halves

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]


NO_TIME = np.iinfo(np.int64).max
"""Marks a time that was not given; far above every valid time."""


class Reason(StrEnum):
    """Why an event became a dead letter; the values are label values of ``sentinel_dead_letters_total``."""

    EMPTY = "empty_value"
    OVERSIZED = "oversized"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    WRONG_TYPE = "wrong_type"
    MISSING_ID = "missing_id"
    MISSING_FIELD = "missing_field"
    UNKNOWN_KIND = "unknown_kind"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_VERSION = "unknown_version"
    SCORE_NOT_FINITE = "score_not_finite"
    SCORE_OUT_OF_RANGE = "score_out_of_range"
    INVALID_OUTCOME = "invalid_outcome"
    INVALID_ITEMS = "invalid_items"
    BAD_TIME = "bad_time"
    TIME_TOO_EARLY = "time_too_early"
    TIME_IN_FUTURE = "time_in_future"
    EXPIRED = "expired"
    DUPLICATE = "duplicate_prediction_id"
    BAD_FRAMING = "bad_framing"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNUSABLE_SCHEMA = "unusable_schema"
    NOT_DECODED = "not_decoded"
    UNPAIRED = "unpaired"
    DAMAGED_BATCH = "damaged_batch"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be counted, with what an operator needs to find and mend its producer.

    ``head`` holds the first bytes of the event, ``payload`` all of them where they are at hand; both may hold feature
    values and must not be logged, and ``detail`` holds none. ``kind`` is what the event was taken for: by its topic, as
    its own word could not be read.
    """

    reason: Reason
    detail: str
    topic: str
    partition: int
    offset: int
    head: bytes = field(repr=False)
    kind: str = "prediction"
    payload: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a batch came from, so that a later stage can still write a dead letter."""

    topic: str
    partition: int
    offsets: I64
    payloads: Sequence[bytes | None] | None = None

    def take(self, rows: I64) -> Origin:
        """That of some rows."""
        payloads = None if self.payloads is None else [self.payloads[row] for row in rows.tolist()]
        return Origin(self.topic, self.partition, self.offsets[rows], payloads)

    def dead_letter(self, row: int, reason: Reason, detail: str, head_bytes: int = 256) -> DeadLetter:
        """Refuse one row of the batch."""
        payload = None if self.payloads is None else self.payloads[row]
        head = b"" if payload is None else payload[:head_bytes]
        return DeadLetter(reason, detail, self.topic, self.partition, int(self.offsets[row]), head, payload=payload)


@dataclass(frozen=True, slots=True)
class FeatureTimes:
    """When the inputs of some predictions came to be known.

    Parameters
    ----------
    at_us : int64, shape (n_columns, n), microseconds since the epoch, UTC
        In the order of ``EventSchema.columns``; ``NO_TIME`` where an event names no time, ``BAD_TIME`` where it cannot
        be read.
    n_unused : int64, shape (n,)
        Times that name no column, and ``feature_times`` that are no object (each counts as one).
    """

    at_us: I64
    n_unused: I64

    def take(self, rows: I64) -> FeatureTimes:
        """Those of some predictions."""
        return FeatureTimes(self.at_us[:, rows], self.n_unused[rows])


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of one model version.

    Parameters
    ----------
    keys : uint64, shape (n,)
        Hash of (model, prediction_id).
    predicted_at : int64, shape (n,), microseconds since the epoch, UTC
    scores : float64, shape (n,), in [0, 1] for binary tasks, any finite number for a regression
    groups : uint64, shape (n,)
        Hash of the entity; 0 where the event names none.
    numeric : float64, shape (n_numeric, n)
        NaN where the value is missing.
    invalid : bool, shape (n_numeric, n), or None where every value was a number
        True where a value was present but no number (then ``numeric`` holds NaN).
    categorical : int32, shape (n_categorical, n)
        Codes into the column's vocabulary, or MISSING, UNSEEN, INVALID.
    feature_times : FeatureTimes, or None where no event carries any
    probabilities : float64, shape (n, n_classes), or None but for a multiclass task
        Of each class of the schema, summing to 1; ``scores`` then holds the largest.
    items : uint64, shape (n, n_ranked), or None but for a ranking
        Hashes of the items at the first ranks, 0 where a list is shorter; ``scores`` then holds the largest score.
    """

    schema: EventSchema
    keys: U64
    predicted_at: I64
    scores: F64
    groups: U64
    numeric: F64
    categorical: I32
    origin: Origin
    invalid: Bool | None = None
    feature_times: FeatureTimes | None = None
    probabilities: F64 | None = None
    items: U64 | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: I64) -> Predictions:
        """Some of them."""
        return Predictions(
            schema=self.schema,
            keys=self.keys[rows],
            predicted_at=self.predicted_at[rows],
            scores=self.scores[rows],
            groups=self.groups[rows],
            numeric=self.numeric[:, rows],
            categorical=self.categorical[:, rows],
            origin=self.origin.take(rows),
            invalid=None if self.invalid is None else self.invalid[:, rows],
            feature_times=None if self.feature_times is None else self.feature_times.take(rows),
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            items=None if self.items is None else self.items[rows],
        )


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Outcomes of one model, whatever the version that predicted.

    ``outcomes`` is 0 or 1 for binary tasks, a number for a regression, the `sentinel.events.classes.class_code` of one
    of several classes, and for a ranking the `sentinel.events.rankings.relevance_code` of ``relevances``; ``keys`` and
    ``outcome_at`` are as in :class:`Predictions`.
    """

    model: str
    keys: U64
    outcome_at: I64
    outcomes: F64
    origin: Origin
    relevances: npt.NDArray[np.void] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: I64) -> Outcomes:
        """Some of them."""
        graded = None if self.relevances is None else self.relevances[rows]
        origin = self.origin.take(rows)
        return Outcomes(self.model, self.keys[rows], self.outcome_at[rows], self.outcomes[rows], origin, graded)


@dataclass(frozen=True, slots=True)
class Recomputed:
    """The values that some backfills carry, as one model version reads them.

    ``given`` tells which columns each event names, shape (n_columns, n), in the order of ``schema.columns``;
    ``numeric``, ``invalid`` and ``categorical`` are as in :class:`Predictions`.
    """

    schema: EventSchema
    given: Bool
    numeric: F64
    categorical: I32
    invalid: Bool | None = None

    def take(self, rows: I64) -> Recomputed:
        """Those of some backfills."""
        invalid = None if self.invalid is None else self.invalid[:, rows]
        return Recomputed(self.schema, self.given[:, rows], self.numeric[:, rows], self.categorical[:, rows], invalid)


@dataclass(frozen=True, slots=True)
class Backfills:
    """Inputs of one model recomputed after their predictions.

    Parameters
    ----------
    keys : uint64, shape (n,)
    received_at : int64, shape (n,), microseconds since the epoch, UTC
        When the event came; a backfill has no time of its own.
    inputs : tuple of Recomputed
        One for each version of the model, since the event does not say which of them predicted.
    """

    model: str
    keys: U64
    received_at: I64
    inputs: tuple[Recomputed, ...]
    origin: Origin

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: I64) -> Backfills:
        """Some of them; only their offsets are kept of where they came from."""
        origin = Origin(self.origin.topic, self.origin.partition, self.origin.offsets[rows])
        inputs = tuple(one.take(rows) for one in self.inputs)
        return Backfills(self.model, self.keys[rows], self.received_at[rows], inputs, origin)


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What one poll delivered of one partition, decoded.

    ``positions`` are the next offsets to read, by topic: stored with the counts they lead to, in one transaction.
    ``outcomes_behind`` tells that outcomes older than these predictions may still be unread. ``predictions_logged_at``
    is the latest log time of the predictions here, ``outcomes_logged_at`` the earliest of the outcomes (microseconds
    since the epoch, UTC); None where there are none, or the log has no times. Only with both may anything expire then.
    ``halves`` are requests and responses that came as messages of their own; ``passed_over`` counts the messages that
    a filter left out, by what their topic holds.
    """

    partition: int
    positions: Mapping[str, int]
    predictions: tuple[Predictions, ...] = ()
    outcomes: tuple[Outcomes, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    backfills: tuple[Backfills, ...] = ()
    outcomes_behind: bool = False
    predictions_logged_at: int | None = None
    outcomes_logged_at: int | None = None
    halves: Halves | None = None
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        n_rows = sum(map(len, self.predictions)) + sum(map(len, self.outcomes)) + sum(map(len, self.backfills))
        n_halves = 0 if self.halves is None else len(self.halves)
        return n_rows + len(self.dead_letters) + n_halves + sum(self.passed_over.values())


def join_predictions(parts: Sequence[Predictions]) -> list[Predictions]:
    """Put sub-batches of one schema into one batch: what comes after costs less for many rows than for few."""
    by_schema: dict[int, list[Predictions]] = defaultdict(list)
    for part in parts:
        by_schema[id(part.schema)].append(part)
    return [_concatenated(same) for same in by_schema.values()]


def _concatenated(parts: Sequence[Predictions]) -> Predictions:
    first = parts[0]
    if len(parts) == 1:
        return first
    invalid = None
    if any(part.invalid is not None for part in parts):
        flags = [np.zeros(p.numeric.shape, np.bool_) if p.invalid is None else p.invalid for p in parts]
        invalid = np.concatenate(flags, axis=1)
    return Predictions(
        schema=first.schema,
        keys=np.concatenate([part.keys for part in parts]),
        predicted_at=np.concatenate([part.predicted_at for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        groups=np.concatenate([part.groups for part in parts]),
        numeric=np.concatenate([part.numeric for part in parts], axis=1),
        categorical=np.concatenate([part.categorical for part in parts], axis=1),
        origin=Origin(
            first.origin.topic,
            first.origin.partition,
            np.concatenate([part.origin.offsets for part in parts]),
            [payload for part in parts for payload in part.origin.payloads or ()],
        ),
        invalid=invalid,
        feature_times=_joined_times(parts),
        probabilities=None if first.probabilities is None else np.concatenate([_classes_of(part) for part in parts]),
        items=None if first.items is None else np.concatenate([p.items for p in parts if p.items is not None]),
    )


def _classes_of(part: Predictions) -> F64:
    return np.empty((0, 0)) if part.probabilities is None else part.probabilities


def _joined_times(parts: Sequence[Predictions]) -> FeatureTimes | None:
    if all(part.feature_times is None for part in parts):
        return None
    n_columns = len(parts[0].schema.columns)
    times = [p.feature_times or no_feature_times(n_columns, len(p)) for p in parts]
    return FeatureTimes(np.concatenate([t.at_us for t in times], axis=1), np.concatenate([t.n_unused for t in times]))


def no_feature_times(n_columns: int, n: int) -> FeatureTimes:
    """The feature times of predictions that carry none."""
    return FeatureTimes(np.full((n_columns, n), NO_TIME), np.zeros(n, np.int64))
