"""What the events of one model version look like: its columns, their kinds and their vocabularies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from sentinel.clock import MICROSECONDS_PER_SECOND

if TYPE_CHECKING:
    from sentinel.events.hash_key import HashKey

MISSING = -1
"""Category code of a value that is absent, null or NaN."""
UNSEEN = -2
"""Category code of a value that the vocabulary does not hold."""
INVALID = -3
"""Category code of a value of a type that cannot be a category (an array, an object)."""

Kind = Literal["numeric", "categorical"]
Task = Literal["binary", "multiclass", "regression", "ranking"]


@dataclass(frozen=True, slots=True)
class Column:
    """One named input of a model: a feature, a slice column, or both.

    ``vocabulary`` lists the categories whose index is the value's code; empty for numeric columns.
    """

    name: str
    kind: Kind
    vocabulary: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventSchema:
    """The columns of one (model, version), in the order that batches hold them, and what is predicted.

    ``classes`` are those of a multiclass task, ``n_ranked`` says how many ranks of a list count.
    """

    model: str
    version: str
    columns: tuple[Column, ...]
    task: Task = "binary"
    classes: tuple[str, ...] = ()
    n_ranked: int = 0

    @cached_property
    def numeric(self) -> tuple[Column, ...]:
        """The numeric columns, in order: row i of ``Predictions.numeric`` is column i here."""
        return tuple(column for column in self.columns if column.kind == "numeric")

    @cached_property
    def categorical(self) -> tuple[Column, ...]:
        """The categorical columns, in order: row i of ``Predictions.categorical`` is column i here."""
        return tuple(column for column in self.columns if column.kind == "categorical")

    @cached_property
    def codes(self) -> tuple[dict[str, int], ...]:
        """For each categorical column, category -> code."""
        return tuple({value: code for code, value in enumerate(c.vocabulary)} for c in self.categorical)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an event may be before it is refused.

    Parameters
    ----------
    max_event_bytes : int
        Larger messages are refused unread.
    earliest_us : int, microseconds since the epoch
        A time before this is a clock or unit error (a value in seconds read as milliseconds).
    max_future_us : int, microseconds
        How far an event's time may lie ahead of the moment it was received: a broken clock would otherwise
        push the watermark ahead and expire everything that waits.
    head_bytes : int
        How much of a refused event its dead letter keeps.
    max_id_chars : int
    hash_key : HashKey or None
        Goes into the hashes of ids.
    """

    max_event_bytes: int = 1 << 20
    earliest_us: int = 946_684_800 * MICROSECONDS_PER_SECOND  # 2000-01-01T00:00:00Z
    max_future_us: int = 3_600 * MICROSECONDS_PER_SECOND
    head_bytes: int = 256
    max_id_chars: int = 512
    hash_key: HashKey | None = None


def category(value: object) -> str | None:
    """Write a scalar as the category it stands for, the same from JSON, Parquet and CSV.

    Returns None for a value that is no scalar.

    Examples
    --------
    >>> category("EU"), category(3), category(3.0), category(2.5), category(True)
    ('EU', '3', '3', '2.5', 'true')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return None
