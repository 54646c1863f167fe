"""Feature times and backfills: read alike from JSON and from files, and counted where they are bad."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sentinel.config.columns import Columns
from sentinel.events.batch import NO_TIME, FeatureTimes, Predictions, join_predictions
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.events.keys import model_seed, prediction_keys
from sentinel.events.times import BAD_TIME, parse_time
from tests.events.canonical import CHURN, CHURN_8, PREDICTED_AT, PREDICTED_US, RECEIVED_US, decode, encoded, prediction

EARLIER = "2026-11-20T11:58:00Z"
EARLIER_US = parse_time(EARLIER)
COLUMNS = [column.name for column in CHURN.columns]  # tenure, plan, age, region

# The field, the times of the four columns, and how many times are of no use.
FIELDS: list[tuple[object, list[int], int]] = [
    ({"tenure": EARLIER}, [EARLIER_US, NO_TIME, NO_TIME, NO_TIME], 0),
    ({"plan": EARLIER_US / 1e6, "age": None}, [NO_TIME, EARLIER_US, NO_TIME, NO_TIME], 0),
    ({"tenure": "soon", "age": EARLIER}, [BAD_TIME, NO_TIME, EARLIER_US, NO_TIME], 0),
    ({"tenure": True, "plan": [1], "age": {}, "region": 1e30}, [BAD_TIME] * 4, 0),
    ({"tenure": EARLIER_US / 1e3}, [BAD_TIME, NO_TIME, NO_TIME, NO_TIME], 0),  # milliseconds
    ({"tenure": 3_600}, [BAD_TIME, NO_TIME, NO_TIME, NO_TIME], 0),  # before limits.min_time
    ({"tenure": EARLIER, "tenuer": EARLIER, "x": None}, [EARLIER_US, NO_TIME, NO_TIME, NO_TIME], 1),
    ({"x": EARLIER, "y": "soon"}, [NO_TIME] * 4, 2),
    ({}, [NO_TIME] * 4, 0),
    ("odd", [NO_TIME] * 4, 1),
    ([EARLIER], [NO_TIME] * 4, 1),
    (5, [NO_TIME] * 4, 1),
]


def times_of(batch: Predictions) -> FeatureTimes:
    """The feature times that a batch must have."""
    assert batch.feature_times is not None
    return batch.feature_times


def test_events_without_feature_times_carry_none() -> None:
    """Where no event has the field, or all have null, there is nothing to look at later."""
    for field in ({}, {"feature_times": None}):
        [batch] = decode(encoded(prediction(**field)), encoded(prediction(prediction_id="p-2"))).predictions
        assert batch.feature_times is None


@pytest.mark.parametrize("slow", [False, True], ids=["fast", "slow"])
def test_every_field_of_times_is_read_and_no_prediction_is_lost(slow: bool) -> None:
    """Good, bad, null, unknown and misshapen times end where they belong, on both ways through the codec."""
    extra: dict[str, Any] = {"version": 7} if slow else {}  # a number sends the event the slow way
    payloads = [
        encoded(prediction(prediction_id=f"p-{i}", feature_times=f, **extra)) for i, (f, _, _) in enumerate(FIELDS)
    ]
    decoded = decode(*payloads, encoded(prediction(prediction_id="last", **extra)))
    assert decoded.dead_letters == []
    [batch] = decoded.predictions
    times = times_of(batch)
    assert len(batch) == len(FIELDS) + 1
    assert times.at_us.T.tolist() == [*(at for _, at, _ in FIELDS), [NO_TIME] * 4]
    assert times.n_unused.tolist() == [*(n for _, _, n in FIELDS), 0]


def test_joined_batches_keep_their_times_in_place() -> None:
    """Of two batches put together, the one without times has none in its rows."""
    [plain] = decode(encoded(prediction())).predictions
    [timed] = decode(encoded(prediction(feature_times={"age": EARLIER}))).predictions
    [both] = join_predictions([plain, timed])
    assert times_of(both).at_us.T.tolist() == [[NO_TIME] * 4, [NO_TIME, NO_TIME, EARLIER_US, NO_TIME]]


def table(feature_times: pa.Array) -> pa.Table:
    """Predictions with a column of feature times."""
    n = len(feature_times)
    return pa.table(
        {
            "prediction_id": [f"p-{i}" for i in range(n)],
            "predicted_at": [PREDICTED_AT] * n,
            "score": [0.5] * n,
            "written": feature_times,
        }
    )


CODEC = ArrowCodec(CHURN, Columns(feature_times="written"))
MOMENT = pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    "kind",
    [
        pa.map_(pa.string(), pa.string()),
        pa.map_(pa.string(), MOMENT),
        pa.struct([("tenure", pa.string()), ("x", pa.string())]),
        pa.struct([("tenure", MOMENT), ("x", MOMENT)]),
    ],
    ids=str,
)
def test_structs_and_maps_of_a_file_are_the_same_times(kind: pa.DataType) -> None:
    """Text and timestamps, by field or by key, null rows and null times; also of a slice of the file."""
    value: object = EARLIER if "string>" in str(kind).replace(" ", "") or "string" in str(kind)[-20:] else EARLIER_US
    value = EARLIER_US if "timestamp" in str(kind) else value
    entries: list[Any] = [{"tenure": value, "x": value}, None, {"tenure": None, "x": None}, {"tenure": value}]
    rows = [None if e is None else list(e.items()) for e in entries] if pa.types.is_map(kind) else entries
    everything = table(pa.array(rows, kind))
    for start in (0, 2):
        batch, letters = CODEC.predictions(everything.slice(start))
        assert batch is not None
        assert letters == []
        expected = [EARLIER_US, NO_TIME, NO_TIME, EARLIER_US]
        assert times_of(batch).at_us[0].tolist() == expected[start:]
        assert (times_of(batch).at_us[1:] == NO_TIME).all()
        assert times_of(batch).n_unused.tolist() == [1, 0, 0, 0][start:]


def test_a_column_of_another_type_is_counted_and_costs_nothing() -> None:
    """Text where a struct belongs counts once a row, and the predictions stand; a column of nulls is no column."""
    batch, letters = CODEC.predictions(table(pa.array(["x", None])))
    assert batch is not None
    assert letters == []
    assert times_of(batch).n_unused.tolist() == [1, 0]
    batch, _ = CODEC.predictions(table(pa.nulls(2)))
    assert batch is not None
    assert batch.feature_times is None


def test_refused_rows_take_their_times_with_them() -> None:
    """The times of the rows that are kept stay beside them."""
    rows = table(pa.array([{"tenure": EARLIER}, {"tenure": PREDICTED_AT}], pa.struct([("tenure", pa.string())])))
    rows = rows.set_column(2, "score", pa.array([2.0, 0.5]))
    batch, letters = CODEC.predictions(rows)
    assert batch is not None
    assert len(letters) == 1
    assert times_of(batch).at_us[0].tolist() == [PREDICTED_US]


def test_a_backfill_is_read_as_every_version_of_its_model_reads_it() -> None:
    """Only the features that it names are given; null is a value; each version has its own columns."""
    event = {
        "kind": "backfill",
        "model": "churn",
        "prediction_id": "p-1",
        "features": {"tenure": 44, "plan": None, "x": 1},
    }
    for role in ("prediction", "outcome"):
        decoded = decode(
            encoded(event), role="outcome" if role == "outcome" else "prediction", schemas=(CHURN, CHURN_8)
        )
        assert (decoded.predictions, decoded.outcomes, decoded.dead_letters) == ([], [], [])
        [batch] = decoded.backfills
        assert batch.keys.tolist() == prediction_keys(["p-1"], model_seed("churn"), 1).tolist()
        assert batch.received_at.tolist() == [RECEIVED_US]
        seven, eight = batch.inputs
        assert (seven.schema, eight.schema) == (CHURN, CHURN_8)
        assert dict(zip(COLUMNS, seven.given[:, 0].tolist(), strict=True)) == {
            "tenure": True,
            "plan": True,
            "age": False,
            "region": False,
        }
        assert seven.numeric[0].tolist() == [44.0]
        assert seven.categorical[0].tolist() == [-1]
        assert eight.given[:, 0].tolist() == [True, True]


def test_backfills_of_a_file_give_every_column_that_it_has() -> None:
    """A file without a column says nothing of it; a row without an id is a dead letter of its kind."""
    rows = pa.table({"prediction_id": ["p-1", None], "tenure": [44.0, 1.0], "plan": ["pro", "pro"]})
    batch, [letter] = CODEC.backfills(rows, topic="backfills")
    assert batch is not None
    [inputs] = batch.inputs
    assert inputs.given[:, 0].tolist() == [True, True, False, False]
    assert inputs.numeric[0].tolist() == [44.0]
    assert (letter.kind, letter.reason, letter.offset) == ("backfill", "missing_id", 1)
    assert np.array_equal(batch.keys, prediction_keys(["p-1"], model_seed("churn"), 1))
