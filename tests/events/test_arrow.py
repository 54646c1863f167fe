"""The Arrow codec: the same columns as JSON, every row a prediction or a dead letter, no file type a crash."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentinel.config.columns import Columns
from sentinel.events.batch import Outcomes, Predictions, Reason
from sentinel.events.codecs.arrow import FILE_LIMITS, ArrowCodec
from sentinel.events.codecs.arrow_rows import LATEST_US
from sentinel.events.codecs.decoded import Decoded
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages
from sentinel.events.schema import INVALID, MISSING, UNSEEN, Column, EventSchema, Limits
from sentinel.simulation.events import events

SCHEMA = EventSchema(
    "churn",
    "1",
    (
        Column("age", "numeric"),
        Column("spend", "numeric"),
        Column("plan", "categorical", ("pro", "free")),
        Column("tier", "categorical", ("1", "2", "2.5", "true")),
        Column("gone", "numeric"),
    ),
)
CODEC = ArrowCodec(SCHEMA, Columns())
AT = "2026-01-05T12:00:00Z"


def _frame(n: int = 600, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2026-01-05T00:00:00", tz="UTC")
    predicted_at = start + pd.to_timedelta(np.arange(n) * 1_000_003_501, unit="ns")
    outcome = (rng.random(n) < 0.3).astype(float)
    outcome[rng.random(n) < 0.2] = np.nan
    return pd.DataFrame(
        {
            "prediction_id": [f"id-{i}" if i % 3 else "é" * (i % 40 + 1) + str(i) for i in range(n)],
            "predicted_at": predicted_at,
            "score": rng.random(n),
            "outcome": outcome,
            "outcome_at": predicted_at + pd.Timedelta(days=2),
            "group": [None if i % 7 == 0 else "" if i % 7 == 1 else f"user-{i % 50}" for i in range(n)],
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.integers(18, 80, n)),
            "spend": rng.normal(size=n),
            "plan": pd.Categorical(rng.choice(np.array(["pro", "free", "new", None], object), n)),
            "tier": rng.choice([1.0, 2.0, 2.5, 3.0, np.nan], n),
        }
    )


def _decode(frame: pd.DataFrame) -> Decoded:
    """The frame as a producer would send it, decoded; each message received at its event's time."""
    codec = JsonCodec([SCHEMA], FILE_LIMITS)
    decoded = Decoded([], [], [])
    everything = list(events(frame, model="churn", version="1"))
    for role in ("prediction", "outcome"):
        chosen = [event for event in everything if event.kind == role]
        run = codec.decode(
            Messages(
                topic="t",
                partition=0,
                role="prediction" if role == "prediction" else "outcome",
                offsets=range(len(chosen)),
                payloads=[event.payload for event in chosen],
                received_at=[event.at_us for event in chosen],
            )
        )
        decoded.predictions += run.predictions
        decoded.outcomes += run.outcomes
        decoded.dead_letters += run.dead_letters
    return decoded


def _sorted_columns(batches: list[Predictions]) -> dict[str, Any]:
    keys = np.concatenate([b.keys for b in batches])
    order = np.argsort(keys)
    return {
        "keys": keys[order],
        "predicted_at": np.concatenate([b.predicted_at for b in batches])[order],
        "scores": np.concatenate([b.scores for b in batches])[order],
        "groups": np.concatenate([b.groups for b in batches])[order],
        "numeric": np.concatenate([b.numeric for b in batches], axis=1)[:, order],
        "categorical": np.concatenate([b.categorical for b in batches], axis=1)[:, order],
    }


def _sorted_outcomes(batches: list[Outcomes]) -> dict[str, Any]:
    keys = np.concatenate([b.keys for b in batches])
    order = np.argsort(keys)
    return {
        "keys": keys[order],
        "outcome_at": np.concatenate([b.outcome_at for b in batches])[order],
        "outcomes": np.concatenate([b.outcomes for b in batches])[order],
    }


def _table(**columns: Any) -> pa.Table:
    """One row a value; the envelope is right where a test does not say otherwise."""
    n = max(len(values) for values in columns.values())
    envelope: dict[str, Any] = {
        "prediction_id": [f"p{i}" for i in range(n)],
        "predicted_at": [AT] * n,
        "score": [0.5] * n,
    }
    return pa.table({**envelope, **columns})


def _reasons(table: pa.Table) -> dict[int, Reason]:
    return {letter.offset: letter.reason for letter in CODEC.predictions(table)[1]}


@pytest.mark.parametrize("as_batch", [False, True])
def test_the_same_values_give_the_same_columns_as_json(as_batch: bool) -> None:
    """A file replayed and the same rows sent as JSON meet as identical columns, key for key."""
    frame = _frame()
    table: Any = pa.Table.from_pandas(frame, preserve_index=False)
    if as_batch:
        table = table.combine_chunks().to_batches()[0]
    decoded = _decode(frame)
    predictions, refused = CODEC.predictions(table)
    outcomes, refused_outcomes = CODEC.outcomes(table)
    assert not decoded.dead_letters
    assert not refused
    assert not refused_outcomes
    assert predictions is not None
    assert outcomes is not None
    for name, expected in _sorted_columns(decoded.predictions).items():
        np.testing.assert_array_equal(_sorted_columns([predictions])[name], expected, err_msg=name)
    for name, expected in _sorted_outcomes(decoded.outcomes).items():
        np.testing.assert_array_equal(_sorted_outcomes([outcomes])[name], expected, err_msg=name)


def test_offline_rows_hold_predictions_and_outcomes_side_by_side() -> None:
    """Decoding a row once gives what decoding its two halves apart gives."""
    table = pa.Table.from_pandas(_frame(), preserve_index=False)
    offline, _ = CODEC.offline_rows(table)
    outcomes, _ = CODEC.outcomes(table)
    assert offline is not None
    assert outcomes is not None
    np.testing.assert_array_equal(offline.predictions.keys[offline.known], outcomes.keys)
    np.testing.assert_array_equal(offline.outcomes[offline.known], outcomes.outcomes)
    np.testing.assert_array_equal(offline.outcome_at[offline.known], outcomes.outcome_at)
    assert np.isnan(offline.outcomes[~offline.known]).all()


@pytest.mark.parametrize("ids", [[7, 8], pa.array([7, 8], pa.uint16()), [7.0, 8.0], ["7", "8"]])
def test_whole_numbers_are_ids_as_their_text_is(ids: Any) -> None:
    """An id column that a file made a number joins with events that carry it as text."""
    batch, refused = CODEC.predictions(_table(prediction_id=ids, group=ids))
    expected, _ = CODEC.predictions(_table(prediction_id=["7", "8"], group=["7", "8"]))
    assert batch is not None
    assert expected is not None
    assert not refused
    np.testing.assert_array_equal(batch.keys, expected.keys)
    np.testing.assert_array_equal(batch.groups, expected.groups)


NOON_US = 1_767_614_400_000_000


@pytest.mark.parametrize(
    "times",
    [
        pa.array([NOON_US // 1_000_000], pa.timestamp("s")),
        pa.array([NOON_US // 1_000], pa.timestamp("ms", "Europe/Paris")),
        pa.array([NOON_US], pa.timestamp("us", "UTC")),
        pa.array([NOON_US * 1_000 + 999], pa.timestamp("ns")),
        pa.array([NOON_US // 1_000_000], pa.int64()),
        pa.array([NOON_US / 1e6], pa.float64()),
        ["2026-01-05T12:00:00Z"],
        ["2026-01-05T13:00:00+01:00"],
        ["2026-01-05 12:00:00"],
        ["2026-01-05T12:00:00.000000999Z"],
        pa.array(["2026-01-05T12:00:00Z"]).dictionary_encode(),
    ],
    ids=str,
)
def test_times_of_every_type_are_the_same_moment(times: Any) -> None:
    """Units, zones and notations do not matter; a zone that is not named is UTC; nanoseconds are cut off."""
    batch, refused = CODEC.predictions(_table(predicted_at=times))
    assert not refused
    assert batch is not None
    assert batch.predicted_at.tolist() == [NOON_US]


def test_a_date_is_its_midnight() -> None:
    """A column of dates is read as midnight UTC."""
    batch, _ = CODEC.predictions(_table(predicted_at=pa.array([20_458], pa.date32())))
    assert batch is not None
    assert batch.predicted_at.tolist() == [20_458 * 86_400_000_000]


def test_every_broken_rule_has_its_reason() -> None:
    """Rows are refused one by one, each for the reason that the JSON codec gives; the others are kept."""
    table = _table(
        prediction_id=["", None, "ok", "x" * 513, "a", "b", "c", "d", "e", "f"],
        predicted_at=[AT, AT, AT, AT, "soon", "1969-12-31T00:00:00Z", "2101-01-01T00:00:00Z", None, AT, AT],
        score=[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.5, float("nan")],
    )
    assert _reasons(table) == {
        0: Reason.MISSING_ID,
        1: Reason.MISSING_ID,
        3: Reason.OVERSIZED,
        4: Reason.BAD_TIME,
        5: Reason.TIME_TOO_EARLY,
        6: Reason.TIME_IN_FUTURE,
        7: Reason.MISSING_FIELD,
        8: Reason.SCORE_OUT_OF_RANGE,
        9: Reason.SCORE_NOT_FINITE,
    }
    batch, _ = CODEC.predictions(table)
    assert batch is not None
    assert batch.origin.offsets.tolist() == [2]
    assert pd.Timestamp("2100-01-01", tz="UTC").value // 1_000 == LATEST_US


def test_limits_of_the_caller_hold() -> None:
    """What lies before the given earliest time is refused."""
    codec = ArrowCodec(SCHEMA, Columns(), Limits(earliest_us=NOON_US + 1))
    _, refused = codec.predictions(_table(predicted_at=[AT]))
    assert [letter.reason for letter in refused] == [Reason.TIME_TOO_EARLY]


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("prediction_id", [True], Reason.WRONG_TYPE),
        ("prediction_id", [1.5], Reason.WRONG_TYPE),
        ("prediction_id", [[1]], Reason.WRONG_TYPE),
        ("group", [True], Reason.WRONG_TYPE),
        ("predicted_at", [True], Reason.BAD_TIME),
        ("predicted_at", [1e12], Reason.BAD_TIME),
        ("score", ["0.5"], Reason.WRONG_TYPE),
        ("score", [True], Reason.WRONG_TYPE),
        ("score", pa.array([None], pa.float64()), Reason.MISSING_FIELD),
    ],
)
def test_columns_of_a_wrong_type_are_refused_as_json_refuses_them(column: str, values: Any, reason: Reason) -> None:
    """A column of another type makes dead letters, never an exception."""
    assert _reasons(_table(**{column: values})) == {0: reason}


@pytest.mark.parametrize("column", ["prediction_id", "predicted_at", "score"])
def test_a_column_that_is_not_there_refuses_every_row(column: str) -> None:
    """Without an id, a time or a score there is no prediction."""
    batch, refused = CODEC.predictions(_table(score=[0.5, 0.6]).drop_columns([column]))
    assert batch is None
    assert len(refused) == 2


def test_dead_letters_name_the_row_and_no_feature() -> None:
    """An operator finds the row by its offset, id and time; nothing else of it is shown."""
    table = _table(score=[0.5, 2.0], age=[41, 42])
    _, (letter,) = CODEC.predictions(table, topic="stream.parquet", partition=3, first_offset=100)
    assert (letter.topic, letter.partition, letter.offset) == ("stream.parquet", 3, 101)
    assert letter.head == f"prediction_id=p1 predicted_at={AT}".encode()
    assert letter.detail == "score is above 1: no probability"


def test_outcomes_that_are_not_there_yet_are_no_fault() -> None:
    """A null outcome, or one without its time, is skipped; one that is neither 0 nor 1 is refused."""
    table = _table(outcome=[1.0, None, float("nan"), 0.0, 2.0, 1.0], outcome_at=[AT, AT, AT, None, AT, "never"])
    outcomes, refused = CODEC.outcomes(table)
    assert outcomes is not None
    assert outcomes.origin.offsets.tolist() == [0]
    assert {letter.offset: letter.reason for letter in refused} == {4: Reason.INVALID_OUTCOME, 5: Reason.BAD_TIME}


@pytest.mark.parametrize(
    "values", [[True, False], pa.array([1, 0], pa.int8()), [decimal.Decimal(1), decimal.Decimal(0)]]
)
def test_outcomes_of_every_number_type(values: Any) -> None:
    """Booleans, integers and decimals are outcomes."""
    outcomes, refused = CODEC.outcomes(_table(outcome=values, outcome_at=[AT, AT]))
    assert outcomes is not None
    assert not refused
    assert outcomes.outcomes.tolist() == [1.0, 0.0]


def test_a_table_without_outcomes_has_none() -> None:
    """No outcome column is no fault."""
    assert CODEC.outcomes(_table(score=[0.5])) == (None, [])


@pytest.mark.parametrize(
    ("values", "numbers", "invalid"),
    [
        (pa.array([1, None], pa.int16()), [1.0, np.nan], None),
        (pa.array([decimal.Decimal("1.5"), None]), [1.5, np.nan], None),
        (pa.array([0.5, None], pa.float32()), [0.5, np.nan], None),
        (pa.array([True, None]), [1.0, np.nan], None),
        (pa.nulls(2), [np.nan, np.nan], None),
        (["41", None], [np.nan, np.nan], [True, False]),
        ([[1.0], None], [np.nan, np.nan], [True, False]),
        (pa.array([1, None], pa.timestamp("us")), [np.nan, np.nan], [True, False]),
        (pa.array([2**63], pa.uint64()), [2.0**63], None),
        (pa.array([3, None]).dictionary_encode(), [3.0, np.nan], None),
    ],
)
def test_numbers_of_every_type(values: Any, numbers: list[float], invalid: list[bool] | None) -> None:
    """A column that changed its type between files gives numbers where it can, and marks where it cannot."""
    batch, refused = CODEC.predictions(_table(age=values))
    assert not refused
    assert batch is not None
    np.testing.assert_array_equal(batch.numeric[0], numbers)
    np.testing.assert_array_equal(batch.numeric[2], np.full(len(numbers), np.nan))
    if invalid is None:
        assert batch.invalid is None
    else:
        assert batch.invalid is not None
        assert batch.invalid[0].tolist() == invalid


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        (["1", None, "7"], [0, MISSING, UNSEEN]),
        (pa.array(["1", None, "7"], pa.large_string()), [0, MISSING, UNSEEN]),
        (pa.array(["1", None, "7"]).dictionary_encode(), [0, MISSING, UNSEEN]),
        ([1, None, 7], [0, MISSING, UNSEEN]),
        ([2.0, 2.5, float("nan")], [1, 2, MISSING]),
        ([True, False, None], [3, UNSEEN, MISSING]),
        ([[1], None, []], [INVALID, MISSING, INVALID]),
        (pa.nulls(3), [MISSING] * 3),
    ],
)
def test_categories_of_every_type(values: Any, codes: list[int]) -> None:
    """One category has one code, whether a file holds it as text, number, boolean or dictionary."""
    batch, _ = CODEC.predictions(_table(tier=values))
    assert batch is not None
    assert batch.categorical[1].tolist() == codes


def test_other_column_names() -> None:
    """The configured names are read, not the canonical ones."""
    codec = ArrowCodec(SCHEMA, Columns(prediction_id="id", score="p", predicted_at="ts", group="user"))
    table = pa.table({"id": ["p0"], "p": [0.5], "ts": [AT], "user": ["u"]})
    batch, _ = codec.predictions(table)
    expected, _ = CODEC.predictions(_table(group=["u"]))
    assert batch is not None
    assert expected is not None
    assert batch.keys.tolist() == expected.keys.tolist()
    assert batch.groups.tolist() == expected.groups.tolist()


def test_no_rows() -> None:
    """An empty table gives nothing, and no error."""
    empty = _table(score=[0.5]).slice(0, 0)
    assert CODEC.predictions(empty) == (None, [])
    assert CODEC.outcomes(empty) == (None, [])
    assert CODEC.offline_rows(empty) == (None, [])
