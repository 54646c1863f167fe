"""The columns that one micro-batch of decoded events travels in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from sentinel.events.schema import EventSchema

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]


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
    BAD_TIME = "bad_time"
    TIME_TOO_EARLY = "time_too_early"
    TIME_IN_FUTURE = "time_in_future"
    EXPIRED = "expired"
    DUPLICATE = "duplicate_prediction_id"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be counted, with what an operator needs to find and mend its producer.

    ``head`` holds the first bytes of the event; it may hold feature values and must not be logged. ``kind`` is what the
    event was taken for: by its topic, as its own word could not be read.
    """

    reason: Reason
    detail: str
    topic: str
    partition: int
    offset: int
    head: bytes
    kind: str = "prediction"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a batch came from, so that a later stage can still write a dead letter."""

    topic: str
    partition: int
    offsets: I64
    payloads: Sequence[bytes] | None = None

    def dead_letter(self, row: int, reason: Reason, detail: str, head_bytes: int = 256) -> DeadLetter:
        """Refuse one row of the batch."""
        head = b"" if self.payloads is None else self.payloads[row][:head_bytes]
        return DeadLetter(reason, detail, self.topic, self.partition, int(self.offsets[row]), head)


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of one model version.

    Parameters
    ----------
    keys : uint64, shape (n,)
        Hash of (model, prediction_id).
    predicted_at : int64, shape (n,), microseconds since the epoch, UTC
    scores : float64, shape (n,), in [0, 1] for binary tasks
    groups : uint64, shape (n,)
        Hash of the entity; 0 where the event names none.
    numeric : float64, shape (n_numeric, n)
        NaN where the value is missing.
    invalid : bool, shape (n_numeric, n), or None where every value was a number
        True where a value was present but no number (then ``numeric`` holds NaN).
    categorical : int32, shape (n_categorical, n)
        Codes into the column's vocabulary, or MISSING, UNSEEN, INVALID.
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

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Outcomes of one model, whatever the version that predicted.

    ``outcomes`` is 0 or 1 for binary tasks; ``keys`` and ``outcome_at`` are as in :class:`Predictions`.
    """

    model: str
    keys: U64
    outcome_at: I64
    outcomes: F64
    origin: Origin

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What one poll delivered of one partition, decoded.

    ``positions`` are the next offsets to read, by topic: stored with the counts they lead to, in one transaction.
    ``outcomes_behind`` tells that outcomes older than these predictions may still be unread, so nothing may expire.
    """

    partition: int
    positions: Mapping[str, int]
    predictions: tuple[Predictions, ...] = ()
    outcomes: tuple[Outcomes, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    n_backfills: int = 0
    outcomes_behind: bool = False

    def __len__(self) -> int:
        n_rows = sum(map(len, self.predictions)) + sum(map(len, self.outcomes))
        return n_rows + len(self.dead_letters) + self.n_backfills


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
    )
