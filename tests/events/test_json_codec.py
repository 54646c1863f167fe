"""The JSON codec: every message ends as a row, a backfill or a dead letter, whatever its bytes and its neighbours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.events import INVALID, MISSING, UNSEEN, Column, EventSchema, Predictions
from sentinel.events.codecs import json as codec
from sentinel.events.codecs.decoded import Decoded, assemble
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages
from sentinel.events.keys import group_keys, model_seed, prediction_keys
from tests.events.canonical import (
    CHURN,
    CHURN_8,
    FRAUD,
    OUTCOME_AT,
    PREDICTED_US,
    RECEIVED_US,
    by_offset,
    decode,
    encoded,
    messages,
    n_accounted,
    outcome,
    prediction,
)

ALL_SCHEMAS = (CHURN, CHURN_8, FRAUD)


def only_predictions(decoded: Decoded) -> Predictions:
    """The one batch of predictions of a decoding that gave nothing else."""
    assert (decoded.outcomes, decoded.dead_letters, sum(map(len, decoded.backfills))) == ([], [], 0)
    [batch] = decoded.predictions
    return batch


def test_a_prediction_becomes_its_columns() -> None:
    """Every column of a canonical prediction holds what the event said."""
    batch = only_predictions(decode(encoded(prediction())))
    assert batch.schema is CHURN
    assert batch.keys.tolist() == prediction_keys(["p-1"], model_seed("churn"), 1).tolist()
    assert batch.predicted_at.tolist() == [PREDICTED_US]
    assert batch.scores.tolist() == [0.25]
    assert batch.groups.tolist() == group_keys(["user-9"], 1).tolist()
    assert batch.numeric.tolist() == [[41.0], [30.5]]
    assert batch.categorical.tolist() == [[1], [0]]
    assert batch.invalid is None
    assert (batch.origin.topic, batch.origin.partition, batch.origin.offsets.tolist()) == ("events", 3, [100])
    assert batch.numeric.dtype == np.float64
    assert batch.categorical.dtype == np.int32


def test_an_outcome_becomes_its_columns() -> None:
    """Every column of a canonical outcome holds what the event said."""
    decoded = decode(encoded(outcome()), role="outcome")
    [batch] = decoded.outcomes
    assert (batch.model, batch.outcomes.tolist()) == ("churn", [1.0])
    assert batch.keys.tolist() == prediction_keys(["p-1"], model_seed("churn"), 1).tolist()
    assert batch.outcome_at.tolist() == [RECEIVED_US - 1_000_000]


def test_no_messages_are_nothing() -> None:
    """A poll without messages decodes to nothing."""
    assert decode() == Decoded([], [], [])


@pytest.mark.parametrize(
    ("features", "slices", "code"),
    [
        ({"region": "US"}, None, 1),
        (None, {"region": "US"}, 1),
        ({"region": "US"}, {"region": "EU"}, 0),
        ({"region": "US"}, {"region": None}, 1),
        ({"region": None}, {"region": None}, MISSING),
        ({}, {}, MISSING),
        (None, None, MISSING),
        ({"region": "Mars"}, None, UNSEEN),
        ({"region": ["EU"]}, None, INVALID),
        ({"region": {"a": 1}}, {"region": "EU"}, 0),
    ],
)
def test_a_slice_wins_over_the_feature_of_its_name(features: Any, slices: Any, code: int) -> None:
    """A value under slices stands before the feature of its name, unless it is null; the rest has its own code."""
    for neighbours in ([], [encoded(prediction(prediction_id="p-2"))]):  # alone, and in a column that mixes both forms
        payloads = [encoded(prediction(features=features, slices=slices)), *neighbours]
        decoded = decode(*payloads)
        assert by_offset(decoded)[100][9][1] == code


@pytest.mark.parametrize(
    ("value", "code"),
    [("pro", 1), (3, 2), (3.0, 2), (True, 3), (False, UNSEEN), (2.5, UNSEEN), ("", UNSEEN), (None, MISSING)],
)
def test_a_category_is_the_same_from_every_json_type(value: object, code: int) -> None:
    """Numbers and booleans mean the category that they are written as; 3 and 3.0 are one."""
    assert by_offset(decode(encoded(prediction(features={"plan": value}))))[100][9][0] == code


def test_unknown_fields_and_columns_are_ignored() -> None:
    """Fields and features that the schema does not name change nothing, however deep."""
    extra = prediction(trace={"a": [1, {"b": None}]}, features={"tenure": 1, "new": [1, 2]}, feature_times="odd")
    plain = prediction(features={"tenure": 1})
    assert by_offset(decode(encoded(extra)))[100][:10] == by_offset(decode(encoded(plain)))[100][:10]


def test_models_and_versions_share_a_topic() -> None:
    """Interleaved models, versions, outcomes and backfills each end where they belong."""
    payloads = [
        encoded(prediction()),
        encoded(prediction(version="8", features={"tenure": 5})),
        encoded(prediction(model="fraud", version=None, features={"amount": 9.5}, slices=None)),
        encoded(outcome()),
        encoded({"kind": "backfill", "model": "churn", "prediction_id": "p-1", "features": {}}),
        encoded(prediction(prediction_id="p-2")),
        encoded(outcome(model="fraud", outcome=0)),
        encoded(prediction(version=8, features={"tenure": 6})),
        encoded(prediction(version=None)),
    ]
    for role in ("prediction", "outcome"):
        decoded = decode(*payloads, role=role, schemas=ALL_SCHEMAS)
        found = {offset: row[:3] for offset, row in by_offset(decoded).items() if row[0] == "prediction"}
        assert found == {
            100: ("prediction", "churn", "7"),
            101: ("prediction", "churn", "8"),
            102: ("prediction", "fraud", "1"),
            105: ("prediction", "churn", "7"),
            107: ("prediction", "churn", "8"),
        }
        assert sorted(o.model for o in decoded.outcomes) == ["churn", "fraud"]
        assert sum(map(len, decoded.backfills)) == 1
        [letter] = decoded.dead_letters
        assert (letter.reason, letter.offset) == ("unknown_version", 108)


def test_a_column_whose_name_no_struct_can_have_is_still_decoded() -> None:
    """Names with quotes, backslashes or control characters go the slow way and lose nothing."""
    names = ('the "best"', "a\\b", "tab\there")
    schema = EventSchema("churn", "7", tuple(Column(name, "numeric") for name in names))
    event = prediction(features={name: i for i, name in enumerate(names)})
    assert only_predictions(decode(encoded(event), schemas=[schema])).numeric[:, 0].tolist() == [0.0, 1.0, 2.0]


def test_assemble_joins_the_topics_of_a_partition() -> None:
    """The batch of a partition holds what each topic's messages decoded to, and counts every message."""
    runs = [decode(encoded(prediction()), b"no"), decode(encoded(outcome()), None, role="outcome")]
    batch = assemble(3, {"p": 102, "o": 102}, runs, outcomes_behind=True)
    assert (len(batch.predictions), len(batch.outcomes), len(batch.dead_letters), len(batch)) == (1, 1, 2, 4)
    assert batch.outcomes_behind


# Events for the properties: valid ones in many forms, and bytes of every other sort.

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 4),
    st.floats(),
    st.sampled_from(["EU", "US", "pro", "3", "true", "", "\N{SNOWMAN}"]),
    st.text(max_size=5),
)
numbers = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
plain_categories = st.one_of(numbers, st.booleans(), st.text(max_size=4), st.sampled_from(["EU", "pro", "3"]))
inputs = st.fixed_dictionaries(
    {}, optional={"tenure": numbers, "age": numbers, "plan": plain_categories, "region": plain_categories, "x": scalars}
)
times = st.one_of(
    st.just(OUTCOME_AT),
    st.just("2026-11-26T12:59:59.123456789+01:00"),
    st.floats(946_684_800, RECEIVED_US / 1e6),
    st.integers(946_684_800, RECEIVED_US // 1_000_000),
)
well_formed = st.builds(
    prediction,
    kind=st.sampled_from(["prediction", None]),
    version=st.sampled_from(["7", "8"]),
    prediction_id=st.text(min_size=1, max_size=8),
    predicted_at=times,
    score=st.floats(0.0, 1.0),
    features=st.one_of(st.none(), inputs),
    slices=st.one_of(st.none(), inputs),
    group=st.one_of(st.none(), st.text(max_size=4)),
)


@given(st.lists(well_formed, max_size=12))
def test_the_fast_and_the_slow_path_agree(events: list[dict[str, Any]]) -> None:
    """A well-formed event gives the same row through the generated Struct and through the lenient reader."""
    payloads = [encoded(event) for event in events]
    fast = JsonCodec([CHURN, CHURN_8])
    slow = JsonCodec([CHURN, CHURN_8])
    for reader in slow._readers.values():
        reader._decode = None  # every event goes through repair and plain_columns
    expected = by_offset(slow.decode(messages(payloads)))
    assert by_offset(fast.decode(messages(payloads))) == expected
    assert {row[0] for row in expected.values()} <= {"prediction"}


json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
FIELDS = tuple(prediction()) + tuple(outcome()) + ("feature_times", "attributions")
odd_events = st.builds(
    lambda base, changes: {**base, **changes},
    st.sampled_from([prediction(), outcome(), {"kind": "backfill", "model": "churn", "prediction_id": "1"}, {}]),
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3),
)


def mutate(payload: bytes, cuts: list[tuple[int, bytes]]) -> bytes:
    """Overwrite a few places of valid bytes."""
    for at, piece in cuts:
        at %= len(payload) + 1
        payload = payload[:at] + piece + payload[at + len(piece) :]
    return payload


mutated = st.builds(
    mutate,
    st.sampled_from([encoded(prediction()), encoded(outcome())]),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
)
any_payload = st.one_of(
    st.none(),
    st.binary(max_size=60),
    mutated,
    odd_events.map(encoded),
    json_values.map(encoded),
    well_formed.map(encoded),
)


@given(st.lists(any_payload, max_size=10), st.sampled_from(["prediction", "outcome"]), st.booleans())
def test_any_bytes_end_as_exactly_one_thing(payloads: list[bytes | None], role: Any, several: bool) -> None:
    """Whatever the bytes, decoding raises nothing and accounts for every message once."""
    decoded = decode(*payloads, role=role, schemas=ALL_SCHEMAS if several else (CHURN,))
    assert n_accounted(decoded) == len(payloads)
    found = by_offset(decoded)
    assert len(found) + sum(map(len, decoded.backfills)) == len(payloads)
    assert all(0.0 <= row[5] <= 1.0 for row in found.values() if row[0] == "prediction")
    assert all(row[4] in (0.0, 1.0) for row in found.values() if row[0] == "outcome")


DEEP = b"[" * 200_000 + b"]" * 200_000
HOSTILE: dict[str, bytes] = {
    "nested lists": DEEP,
    "nested unknown field": encoded(prediction()).replace(b'"score"', b'"x": ' + DEEP + b', "score"'),
    "nested kind": b'{"kind": ' + b"[" * 700 + b"]" * 700 + b"}",
    "nested time": encoded(prediction(predicted_at="T")).replace(b'"T"', b'{"a":' * 700 + b"1" + b"}" * 700),
    "time of 400 digits": encoded(prediction(predicted_at="T")).replace(b'"T"', b"1" * 400),
    "time of 5000 digits": encoded(prediction(predicted_at="T")).replace(b'"T"', b"1" * 5000),
    "category of 5000 digits": encoded(prediction(features={"plan": "T"})).replace(b'"T"', b"1" * 5000),
    "number of 400 digits": encoded(prediction(features={"age": "T"})).replace(b'"T"', b"1" * 400),
    "score of 400 digits": encoded(prediction(score="T")).replace(b'"T"', b"1" * 400),
    "negative time": encoded(prediction(predicted_at=-1e308)),
    "group of half a pair": encoded(prediction(group="T")).replace(b"T", b"\\ud800"),
    "id of half a pair": encoded(prediction(prediction_id="T")).replace(b'"T"', b'"\\udfff"'),
    "raw surrogate": encoded(prediction(group="T")).replace(b'"T"', b'"\xed\xa0\x80"'),
    "category of half a pair": encoded(prediction(features={"plan": "T"})).replace(b'"T"', b'"\\ud800"'),
    "model of half a pair": encoded(prediction(model="T")).replace(b'"T"', b'"\\ud800"'),
    "invalid UTF-8": b'{"model": "\xff\xfe"}',
    "UTF-16": json.dumps(prediction()).encode("utf-16"),
    "UTF-32 of nothing": b"\x00\x00\x00",
    "byte order mark": b"\xef\xbb\xbf" + encoded(prediction()),
    "duplicate keys": encoded(prediction())[:-1] + b', "score": 0.75, "features": {"age": 1}, "features": {"age": 2}}',
    "trailing comma": encoded(prediction())[:-1] + b",}",
    "two documents": encoded(prediction()) * 2,
    "only spaces": b"   ",
}


@pytest.mark.parametrize("role", ["prediction", "outcome"])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_message_neither_raises_nor_touches_its_neighbours(payload: bytes, several: bool, role: Any) -> None:
    """Events beside a hostile message decode exactly as without it."""
    schemas: Sequence[EventSchema] = ALL_SCHEMAS if several else (CHURN,)
    good = [encoded(prediction()), encoded(outcome()), encoded(prediction(prediction_id="p-2", group=None))]
    decoded = decode(good[0], payload, *good[1:], role=role, schemas=schemas)
    alone = decode(good[0], b"-", *good[1:], role=role, schemas=schemas)
    assert n_accounted(decoded) == 4
    found, expected = by_offset(decoded), by_offset(alone)
    assert {o: row for o, row in found.items() if o != 101} == {o: row for o, row in expected.items() if o != 101}


def test_the_last_of_duplicate_keys_counts() -> None:
    """A key written twice means its last value, at every level, on both paths."""
    row = by_offset(decode(HOSTILE["duplicate keys"]))[100]
    assert (row[5], row[7]) == (0.75, ["nan", "2.0"])
    lenient = HOSTILE["duplicate keys"].replace(b'"p-1"', b"17")  # a numeric id goes the slow way
    assert by_offset(decode(lenient))[100][4:10] == row[4:10]


ODD_ROWS = (
    prediction(prediction_id=17),
    prediction(score=float("nan")),
    prediction(score=1.5),
    prediction(predicted_at="2026-11-26T12:59:30.25+01:00"),
    prediction(predicted_at=1),
    prediction(prediction_id="x" * 600),
    prediction(features={"age": "old", "plan": ["pro"]}),
    outcome(outcome=True),
    {"kind": "backfill", "model": "churn", "prediction_id": "1", "features": {}},
)


@pytest.mark.parametrize("odd", ODD_ROWS, ids=lambda event: json.dumps(event)[:60])
def test_one_odd_row_leaves_the_others_as_they_were(odd: dict[str, Any]) -> None:
    """A row that leaves the fast path, at any place, changes no other row."""
    good = [encoded(prediction(prediction_id=f"p-{i}", score=i / 8)) for i in range(6)]
    expected = by_offset(decode(*good))
    for at in range(len(good) + 1):
        found = by_offset(decode(*good[:at], encoded(odd), *good[at:]))
        neighbours = [row for offset, row in sorted(found.items()) if offset != 100 + at]
        assert neighbours == [row for _, row in sorted(expected.items())]


@given(st.lists(any_payload, max_size=12), st.integers(1, 13))
def test_the_split_into_sub_batches_changes_nothing(payloads: list[bytes | None], size: int) -> None:
    """Decoding a run piece by piece gives each message the same fate."""
    whole = decode(*payloads, schemas=ALL_SCHEMAS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "SUB_BATCH", size)
        pieces = decode(*payloads, schemas=ALL_SCHEMAS)
    assert by_offset(pieces) == by_offset(whole)
    assert sum(map(len, pieces.backfills)) == sum(map(len, whole.backfills))


def test_a_re_read_refuses_what_the_first_read_refused() -> None:
    """Whether a time lies in the future is judged by the message's timestamp, so a later read agrees."""
    ahead = encoded(prediction(predicted_at=RECEIVED_US / 1e6 + 3_601))
    early = Messages("events", 3, "prediction", [100, 101], [ahead, ahead], [RECEIVED_US, RECEIVED_US + 2_000_000])
    decoded = JsonCodec([CHURN]).decode(early)
    assert [letter.offset for letter in decoded.dead_letters] == [100]
    assert by_offset(decoded)[101][0] == "prediction"
