"""Turn a stream frame into canonical JSON events, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from sentinel.events.times import write_times
from sentinel.simulation.scenario import ENVELOPE

ROWS_AT_ONCE = 2_000
"""Events encoded before the first of them is handed out: bounds memory, and still costs little per event."""

_ENCODE = msgspec.json.Encoder().encode
_NOT_A_TIME = np.datetime64("NaT", "us")

Objects = npt.NDArray[Any]
Kind = Literal["prediction", "outcome"]


class Event(NamedTuple):
    """One message as a producer would send it.

    ``at_us`` is its event time in microseconds since the epoch (``predicted_at`` or ``outcome_at``), ``key``
    the prediction id in UTF-8, which keeps a prediction and its outcome in partitions of one number.
    """

    at_us: int
    kind: Kind
    key: bytes
    payload: bytes


def events(
    frame: pd.DataFrame,
    *,
    model: str,
    version: str,
    slices: Sequence[str] = (),
    features: Sequence[str] | None = None,
) -> Iterator[Event]:
    """Yield the predictions of a frame and their outcomes, merged in event-time order.

    Parameters
    ----------
    frame : DataFrame
        Needs ``prediction_id, predicted_at, score``; knows ``outcome, outcome_at, group``. Times without a
        zone are UTC; what is finer than a microsecond is cut off. An empty or missing group is none.
    model, version : str
        Written into every prediction.
    slices : sequence of str
        Columns of the ``slices`` object.
    features : sequence of str, optional
        Columns of the ``features`` object; by default all outside the envelope, slice columns included.

    Yields
    ------
    Event
        A prediction comes before an outcome of the same microsecond, rows of one time in the frame's order.
        A row without an outcome or without its time yields the prediction alone. NaN, infinite and missing
        values are null.

    Raises
    ------
    KeyError
        If a column that is needed or named is not in the frame.
    ValueError
        If a prediction has no id, or no time: it has no place in the order.

    Examples
    --------
    >>> row = {"prediction_id": "a", "predicted_at": "2026-01-05T12:00:00Z", "score": 0.5, "plan": "pro"}
    >>> next(events(pd.DataFrame([row]), model="churn", version="1")).payload.decode()
    '{"kind":"prediction","model":"churn","version":"1","prediction_id":"a","predicted_at":"2026-01-05T12:00:00.000000Z","score":0.5,"features":{"plan":"pro"}}'
    """
    chosen = [name for name in frame.columns if name not in ENVELOPE] if features is None else list(features)
    writer = _Writer(frame, model, version, chosen, list(slices))
    return writer.merged()


class _Writer:
    """The columns of one frame, ready to be written row by row."""

    def __init__(self, frame: pd.DataFrame, model: str, version: str, features: list[str], slices: list[str]) -> None:
        self._model = model
        self._version = version
        self._features = features
        self._slices = slices
        self._n = len(frame)
        self._ids = frame["prediction_id"].astype(str).to_numpy(object)
        self._predicted_at = _times(frame["predicted_at"])
        _refuse(frame["prediction_id"].isna().to_numpy(np.bool_), "prediction_id")
        _refuse(np.isnat(self._predicted_at), "predicted_at")
        self._scores = _plain(frame["score"])
        self._groups = _groups(frame)
        self._columns = {name: _plain(frame[name]) for name in dict.fromkeys([*features, *slices])}
        self._outcomes, self._outcome_at, self._rows = _outcomes(frame)

    def merged(self) -> Iterator[Event]:
        """Encode and yield, a stretch of the merged order at a time."""
        at_us = np.concatenate([self._predicted_at, self._outcome_at[self._rows]]).astype(np.int64)
        order = np.argsort(at_us, kind="stable")  # predictions stand first, so they win ties
        for start in range(0, len(order), ROWS_AT_ONCE):
            stretch = order[start : start + ROWS_AT_ONCE]
            is_prediction = stretch < self._n
            predictions = self._predictions(stretch[is_prediction])
            outcomes = self._outcome_events(self._rows[stretch[~is_prediction] - self._n])
            for first in is_prediction.tolist():
                yield next(predictions) if first else next(outcomes)

    def _predictions(self, rows: npt.NDArray[np.int64]) -> Iterator[Event]:
        ids = self._ids[rows].tolist()
        times = self._predicted_at[rows].astype(np.int64)
        features = self._objects(self._features, rows)
        slices = self._objects(self._slices, rows)
        groups = self._groups[rows].tolist()
        columns = zip(
            ids, times.tolist(), write_times(times), self._scores[rows].tolist(), groups,
            features, slices, strict=True,
        )  # fmt: skip
        for key, at_us, predicted_at, score, group, feature_values, slice_values in columns:
            event = {
                "kind": "prediction",
                "model": self._model,
                "version": self._version,
                "prediction_id": key,
                "predicted_at": predicted_at,
                "score": score,
                "features": feature_values,
            }
            if group:
                event["group"] = group
            if slice_values:
                event["slices"] = slice_values
            yield Event(at_us, "prediction", key.encode(), _ENCODE(event))

    def _outcome_events(self, rows: npt.NDArray[np.int64]) -> Iterator[Event]:
        times = self._outcome_at[rows].astype(np.int64)
        columns = zip(
            self._ids[rows].tolist(), times.tolist(), write_times(times),
            self._outcomes[rows].tolist(), strict=True,
        )  # fmt: skip
        for key, at_us, outcome_at, outcome in columns:
            event = {
                "kind": "outcome",
                "model": self._model,
                "prediction_id": key,
                "outcome": outcome,
                "outcome_at": outcome_at,
                "final": True,
            }
            yield Event(at_us, "outcome", key.encode(), _ENCODE(event))

    def _objects(self, names: list[str], rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """One object a row; column by column into plain values first, which is where the speed comes from."""
        if not names:
            return [{}] * len(rows)
        values = [self._columns[name][rows].tolist() for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _refuse(missing: npt.NDArray[np.bool_], name: str) -> None:
    if missing.any():
        raise ValueError(f"row {int(np.argmax(missing))} has no {name}")


def _outcomes(frame: pd.DataFrame) -> tuple[Objects, Objects, npt.NDArray[np.int64]]:
    """Outcomes, their times, and the rows that have both."""
    if "outcome" not in frame or "outcome_at" not in frame:
        none = np.full(len(frame), None, object)
        return none, np.full(len(frame), _NOT_A_TIME, "datetime64[us]"), np.empty(0, np.int64)
    times = _times(frame["outcome_at"])
    known = ~np.isnat(times) & frame["outcome"].notna().to_numpy(np.bool_)
    return _whole(_plain(frame["outcome"])), times, np.flatnonzero(known)


def _groups(frame: pd.DataFrame) -> Objects:
    if "group" not in frame:
        return np.full(len(frame), None, object)
    names = frame["group"].astype(object).to_numpy(dtype=object)
    missing = frame["group"].isna().to_numpy(np.bool_)
    return np.array([None if none else str(name) for name, none in zip(names, missing, strict=True)], object)


def _times(column: pd.Series[Any]) -> Objects:
    """Any column of times as datetime64[us], UTC."""
    moments = pd.to_datetime(column, utc=True, format=None if _is_time(column) else "ISO8601")
    return moments.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def _is_time(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(column.dtype))


def _whole(values: Objects) -> Objects:
    """Write floats that all are whole numbers as integers; a missing one is never looked at."""
    if values.dtype.kind != "f":
        return values
    filled = np.nan_to_num(values, nan=0.0, posinf=0.5, neginf=0.5)
    return filled.astype(np.int64) if (filled == np.floor(filled)).all() else values


def _plain(column: pd.Series[Any]) -> Objects:
    """Values whose ``tolist()`` is plain JSON: numbers as they are, missing as None, times as text."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return column.to_numpy()
    if _is_time(column):
        times = _times(column)
        texts = np.array(write_times(times.astype(np.int64)), object)
        texts[np.isnat(times)] = None
        return texts
    values = column.astype(object).to_numpy(dtype=object, copy=True)
    values[column.isna().to_numpy(np.bool_)] = None
    plain = np.empty(len(values), object)  # filled, not converted: a value that is a list stays one value
    plain[:] = [_scalar(value) for value in values.tolist()]
    return plain


def _scalar(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
