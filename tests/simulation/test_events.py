"""Frames become canonical events: right order, plain JSON, nothing lost and nothing invented."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sentinel.simulation.churn import World
from sentinel.simulation.events import ROWS_AT_ONCE, Event, events
from sentinel.simulation.planted import ChurnRecipe
from sentinel.simulation.scenario import Sizes

NOON_US = 1_767_614_400_000_000
"""2026-01-05T12:00:00Z."""


def frame(**columns: Any) -> pd.DataFrame:
    """Two predictions a second apart, with whatever columns a test adds."""
    base = {
        "prediction_id": ["a", "b"],
        "predicted_at": pd.to_datetime(["2026-01-05T12:00:00", "2026-01-05T12:00:01"]),
        "score": [0.25, 0.75],
    }
    return pd.DataFrame(base | columns)


def moments(*texts: str | None) -> pd.Series[pd.Timestamp]:
    """A column of naive times, missing ones among them."""
    return pd.Series([pd.NaT if text is None else pd.Timestamp(text) for text in texts], dtype="datetime64[us]")


def sent(rows: pd.DataFrame, *, slices: tuple[str, ...] = (), features: list[str] | None = None) -> list[Event]:
    """All events of a frame of model churn, version 7."""
    return list(events(rows, model="churn", version="7", slices=slices, features=features))


def bodies(rows: pd.DataFrame, *, slices: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """All payloads, decoded by the standard library with NaN refused."""

    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is not JSON")

    return [json.loads(event.payload, parse_constant=refuse) for event in sent(rows, slices=slices)]


def feature(values: Any) -> list[object]:
    """What the two predictions carry for a feature column of these values."""
    return [body["features"]["x"] for body in bodies(frame(x=values))]


def test_prediction_has_the_fields_of_the_contract() -> None:
    """A prediction is exactly the canonical object, its key the id, its time microseconds of UTC."""
    rows = frame(group=["user-9", ""], plan=["pro", "basic"], tenure_days=[41, 7]).head(1)
    (event,) = sent(rows, slices=("plan",))
    assert (event.at_us, event.kind, event.key) == (NOON_US, "prediction", b"a")
    assert json.loads(event.payload) == {
        "kind": "prediction",
        "model": "churn",
        "version": "7",
        "prediction_id": "a",
        "predicted_at": "2026-01-05T12:00:00.000000Z",
        "score": 0.25,
        "features": {"plan": "pro", "tenure_days": 41},
        "group": "user-9",
        "slices": {"plan": "pro"},
    }


def test_outcome_has_the_fields_of_the_contract() -> None:
    """An outcome is exactly the canonical object; a whole outcome is an integer even from a float column."""
    rows = frame(outcome=[1.0, np.nan], outcome_at=moments("2026-01-05T13:00:00", None))
    event = sent(rows)[-1]
    assert (event.at_us, event.kind, event.key) == (NOON_US + 3_600_000_000, "outcome", b"a")
    assert event.payload == (
        b'{"kind":"outcome","model":"churn","prediction_id":"a","outcome":1,'
        b'"outcome_at":"2026-01-05T13:00:00.000000Z","final":true}'
    )


def test_events_come_in_event_time_order() -> None:
    """Outcomes are merged where they happened; in one microsecond predictions come first, in frame order."""
    rows = frame(
        outcome=[1, 0],
        outcome_at=pd.to_datetime(["2026-01-05T12:00:01", "2026-01-05T12:00:01"]),
    )
    order = [(event.kind, event.key) for event in sent(rows.iloc[::-1].reset_index(drop=True))]
    assert order == [("prediction", b"a"), ("prediction", b"b"), ("outcome", b"b"), ("outcome", b"a")]


def test_long_streams_stay_in_order_across_stretches() -> None:
    """Over many stretches each row and its outcome are sent once, in time order, at the frame's times."""
    sizes = Sizes(n_train=50, n_validation=50, n_stream=2 * ROWS_AT_ONCE + 7, stream_days=2)
    rows = ChurnRecipe(World(mean_delay_hours=5)).draw(sizes, seed=1).stream.assign(score=0.5)
    all_sent = sent(rows, slices=("region", "plan"))
    times = [event.at_us for event in all_sent]
    assert times == sorted(times)
    for kind, column in (("prediction", "predicted_at"), ("outcome", "outcome_at")):
        found = {event.key.decode(): event.at_us for event in all_sent if event.kind == kind}
        expected = dict(zip(rows["prediction_id"], rows[column].dt.tz_localize(None).astype("int64"), strict=True))
        assert found == expected
    assert len(all_sent) == 2 * len(rows)


@pytest.mark.parametrize(
    ("outcome", "outcome_at"),
    [(None, "2026-01-05T13:00:00"), (1, None)],
    ids=["no outcome", "no time"],
)
def test_outcome_that_never_came_is_not_sent(outcome: int | None, outcome_at: str | None) -> None:
    """A row without an outcome, or without the moment it arrived, is a prediction alone."""
    rows = frame(
        outcome=pd.array([outcome, None], dtype="Int64"),
        outcome_at=moments(outcome_at, None).dt.tz_localize("UTC"),
    )
    assert [event.kind for event in sent(rows)] == ["prediction", "prediction"]


def test_frame_without_outcome_columns_is_predictions() -> None:
    """A file of predictions alone needs no outcome columns."""
    assert [event.kind for event in sent(frame())] == ["prediction", "prediction"]


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(["2026-01-05T12:00:00.000001999", "2026-01-05T12:00:01.000000000"]),
        pd.to_datetime(["2026-01-05T12:00:00.000001", "2026-01-05T12:00:01.000000"], utc=True),
        pd.to_datetime(["2026-01-05T13:00:00.000001+01:00", "2026-01-05T13:00:01.000000+01:00"]),
        pd.Series(["2026-01-05T12:00:00.000001", "2026-01-05T12:00:01Z"], dtype="string"),
    ],
    ids=["naive nanoseconds", "UTC", "another zone", "text"],
)
def test_any_column_of_times_is_utc_microseconds(times: Any) -> None:
    """Naive times are UTC, others are converted, and what is finer than a microsecond is cut off."""
    first = sent(frame(predicted_at=times))[0]
    assert first.at_us == NOON_US + 1
    assert json.loads(first.payload)["predicted_at"] == "2026-01-05T12:00:00.000001Z"


def test_written_time_reads_back_as_the_event_time() -> None:
    """The text in the payload and ``at_us`` are one instant."""
    for event in sent(frame(outcome=[0, 1], outcome_at=pd.to_datetime(["2026-02-01", "2026-03-01"]))):
        body = json.loads(event.payload)
        written = datetime.fromisoformat(body["predicted_at" if event.kind == "prediction" else "outcome_at"])
        assert written.tzinfo == UTC
        assert round(written.timestamp() * 1e6) == event.at_us


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1.5, np.nan]), [1.5, None]),
        (np.array([np.inf, -np.inf]), [None, None]),
        (np.array([3, 4], dtype=np.int32), [3, 4]),
        (np.array([True, False]), [True, False]),
        (pd.array([3, None], dtype="Int64"), [3, None]),
        (pd.array([True, None], dtype="boolean"), [True, None]),
        (pd.array([0.5, None], dtype="Float64"), [0.5, None]),
        (pd.array(["EU", None], dtype="string"), ["EU", None]),
        (pd.Categorical(["EU", None]), ["EU", None]),
        (pd.Series([np.float32(0.5), np.int64(3)], dtype=object), [0.5, 3]),
        (pd.Series([None, float("nan")], dtype=object), [None, None]),
        (pd.Series([["p", "q"], ["r", "s"]], dtype=object), [["p", "q"], ["r", "s"]]),
        (moments("2026-01-01", None), ["2026-01-01T00:00:00.000000Z", None]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_become_plain_json(values: Any, expected: list[object]) -> None:
    """Whatever pandas holds them in, values are plain JSON, of their own type, and missing ones are null."""
    found = feature(values)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    "groups",
    [
        pd.array(["", None], dtype="string"),
        pd.Series([None, ""], dtype=object),
        np.array([np.nan, np.nan]),
    ],
    ids=["string", "object", "float"],
)
def test_empty_group_is_none(groups: Any) -> None:
    """An empty or missing group is left out, never written as text."""
    assert all("group" not in body for body in bodies(frame(group=groups)))


def test_identifiers_are_text() -> None:
    """Numbers as prediction ids and groups are written as text, the key alike."""
    event = sent(frame(prediction_id=[27972, 27973], group=[5, 6]))[0]
    body = json.loads(event.payload)
    assert (body["prediction_id"], body["group"], event.key) == ("27972", "5", b"27972")


def test_any_column_name_is_a_feature() -> None:
    """Names with points, hyphens or that Python could not write stay as they are."""
    names: dict[str, list[Any]] = {
        "emp.var.rate": [1.1, -1.8],
        "glyburide-metformin": ["No", "Up"],
        "class": [1, 2],
        "größe": [1, 2],
    }
    body = bodies(frame(**names), slices=("glyburide-metformin",))[0]
    assert body["features"] == {"emp.var.rate": 1.1, "glyburide-metformin": "No", "class": 1, "größe": 1}
    assert body["slices"] == {"glyburide-metformin": "No"}


def test_features_can_be_chosen() -> None:
    """With a list of features, others are not sent, and a slice need not be a feature."""
    (first, _) = sent(frame(x=[1, 2], y=[3, 4], plan=["p", "q"]), slices=("plan",), features=["y"])
    body = json.loads(first.payload)
    assert (body["features"], body["slices"]) == ({"y": 3}, {"plan": "p"})


@pytest.mark.parametrize("column", ["prediction_id", "predicted_at"])
def test_row_that_can_be_no_event_is_refused(column: str) -> None:
    """A prediction without an id or a time is an error that names the row, raised before anything is sent."""
    rows = frame()
    rows.loc[1, column] = None
    with pytest.raises(ValueError, match=f"row 1 has no {column}"):
        events(rows, model="churn", version="7")


def test_empty_frame_sends_nothing() -> None:
    """No rows, no events."""
    assert sent(frame(x=[1.0, 2.0]).head(0)) == []
